#!/usr/bin/env bash
# Tasks for meta-training from any folder of CLASS/images: prepare_folder.sh SOURCE TASKS [OUT]
# TASKS: an even number; TASKS/2 groups of classes, each twice with train and validation halves swapped.
# OUT:   default cache/NAME of the folder; OUT/tasks.meta is the META file to start from. SIZE=64 (default 32): pixels of the images.
# Give it the folder of the TRAIN images only: what it finds, it uses.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() { echo "prepare_folder: $*" >&2; exit 1; }

[ $# -ge 2 ] && [ $# -le 3 ] || fail "usage: prepare_folder.sh SOURCE TASKS [OUT]"
source=${1%/}
tasks=$2
out=${3:-$root/cache/$(basename "$source")}
size=${SIZE:-32}
[ -d "$source" ] || fail "$source: no such folder"
[[ $tasks =~ ^[1-9][0-9]*$ ]] || fail "'$tasks' tasks: it must be an even number"
[[ $size =~ ^[1-9][0-9]*$ ]] || fail "SIZE='$size' is no number of pixels"
[ ! -e "$out" ] || fail "$out is there already: remove it to build it anew"
/usr/bin/python3 -c 'import PIL' 2>/dev/null || fail "python3-pil is missing: scripts/setup.sh installs it"

tmp=$out.tmp
rm -rf "$tmp"
trap 'rm -rf "$tmp" "$tmp.meta"' EXIT
mkdir -p "$(dirname "$out")"
/usr/bin/python3 "$root/scripts/make_tasks.py" "$source" "$tmp" --tasks "$tasks" --size "$size" --meta "$tmp.meta" \
    --cfg "$root/cfg/resnet20.cfg" --called "$out" || exit 1
sed -i "s|^batch=.*|&\nsize=$size|" "$tmp.meta"
mv "$tmp.meta" "$tmp/tasks.meta"
mv "$tmp" "$out"
echo "$out: ready; now: build/metaperturb meta train $out/tasks.meta"
