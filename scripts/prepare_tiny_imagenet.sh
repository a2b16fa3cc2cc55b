#!/usr/bin/env bash
# Makes the ten tasks of cfg_meta/tiny_imagenet.meta: prepare_tiny_imagenet.sh SOURCE
# SOURCE: the data set as its publishers ship it, tiny-imagenet-200 (folder) or tiny-imagenet-200.zip, or a .tar.gz with train/CLASS/*.jpg at
# 32x32. Only the training images are used: 5 groups of 40 classes, each twice with train and validation halves swapped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "prepare_tiny_imagenet: $*" >&2; exit 1; }
[ $# = 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
[ -e "$1" ] || fail "$1: no such file or folder"
unpacked=cache/tiny_imagenet
case "$1" in
    *.zip)
        command -v unzip >/dev/null || fail "unzip is missing: apt-get install unzip"
        rm -rf "$unpacked" && mkdir -p "$unpacked"
        unzip -q "$1" '*/train/*' -d "$unpacked" || fail "$1: cannot be unpacked" ;;
    *.tar.gz | *.tgz)
        rm -rf "$unpacked" && mkdir -p "$unpacked"
        tar xzf "$1" -C "$unpacked" || fail "$1: cannot be unpacked" ;;
    *) [ -d "$1" ] || fail "$1: neither a folder nor a .zip or .tar.gz"
       unpacked=$1 ;;
esac
train=
for d in "$unpacked" "$unpacked"/*; do
    if [ -d "$d/train" ]; then train=$d/train; fi
done
[ -n "$train" ] || fail "$1: no folder train/ in it"
n=$(find "$train" -mindepth 1 -maxdepth 1 -type d | wc -l)
[ "$n" = 200 ] || fail "$train: $n class folders; Tiny ImageNet has 200"
exec scripts/prepare_folder.sh "$train" tiny_imagenet 10
