#!/usr/bin/env bash
# The ten tasks of the authors' meta-training from Tiny ImageNet: prepare_tiny_imagenet.sh SOURCE [OUT]
# SOURCE: what its publishers ship, downloaded by you (tiny-imagenet-200.zip, or the unpacked folder), or a pack of it at 32x32
#         (tinyimagenet32.tar.gz, or its folder).
# OUT:    default cache/tiny_imagenet; 5 groups of 40 classes at 32x32, each twice with the halves swapped: cfg_meta/tiny_imagenet.meta.
# Only the 100,000 train images are used: the publishers' val and test folders are not even read.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() { echo "prepare_tiny_imagenet: $*" >&2; exit 1; }

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: prepare_tiny_imagenet.sh SOURCE [OUT]"
source=$1
out=${2:-$root/cache/tiny_imagenet}
size=${SIZE:-32}
[ -e "$source" ] || fail "$source: no such file or folder"
[ ! -e "$out" ] || fail "$out is there already: remove it to build it anew"
/usr/bin/python3 -c 'import PIL' 2>/dev/null || fail "python3-pil is missing: scripts/setup.sh installs it"

tmp=$out.tmp
rm -rf "$tmp" "$tmp.source"
trap 'rm -rf "$tmp" "$tmp.source"' EXIT
mkdir -p "$(dirname "$out")"
if [ -f "$source" ]; then
    mkdir "$tmp.source"
    case $source in
        *.zip) /usr/bin/python3 -m zipfile -e "$source" "$tmp.source" || fail "$source cannot be unpacked: fetch it again" ;;
        *) tar -xf "$source" -C "$tmp.source" || fail "$source cannot be unpacked: fetch it again" ;;
    esac
    source=$tmp.source
fi
# The folder itself, or the one inside that the archive holds.
[ -d "$source/train" ] || source=$(find "$source" -mindepth 2 -maxdepth 2 -type d -name train -printf '%h\n' | LC_ALL=C sort | head -n 1)
[ -n "$source" ] || fail "$1: no folder train/ in it: is it Tiny ImageNet?"
classes=$(find "$source/train" -mindepth 1 -maxdepth 1 -type d -name 'n[0-9]*' | wc -l)
[ "$classes" = 200 ] || fail "$1: $classes classes in train/, Tiny ImageNet has 200"

/usr/bin/python3 "$root/scripts/make_tasks.py" "$source/train" "$tmp" --tasks 10 --size "$size" || exit 1
mv "$tmp" "$out"
echo "$out: ready; now: build/metaperturb meta train cfg_meta/tiny_imagenet.meta"
