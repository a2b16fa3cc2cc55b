#!/usr/bin/env bash
# Makes a target of any data set with train/CLASS/ and test/CLASS/: prepare_pack.sh SOURCE NAME [SIZE]
# SOURCE: a folder, .zip, .tar or .tar.gz. SIZE (32): pixels of a side; larger and smaller images are resized whole (bicubic, PNG), those of
# that size stay byte for byte; 0: all stay as they are. Writes TARGETS/NAME/NAME.data with lists, names and images; TARGETS: cache/targets.
set -euo pipefail
# In the source's root from wherever it is called; installed: in the folder where one is.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ ! -e "$home/Makefile" ] || cd "$home"
fail() { echo "prepare_pack: $*" >&2; exit 1; }
[ $# -ge 2 ] && [ $# -le 3 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
source=$1 name=$2 size=${3:-32} targets=${TARGETS:-cache/targets}
[ -e "$source" ] || fail "$source: no such file or folder"
[[ $name =~ ^[A-Za-z0-9_-]+$ ]] || fail "NAME=$name: letters, digits, - and _ only, as it becomes a file name"
[[ $size =~ ^[0-9]+$ ]] && [ "$size" -le 4096 ] || fail "SIZE=$size: a whole number from 0 to 4096"
mkdir -p "$targets"
work=$(mktemp -d "$targets/$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
unpacked=$work/unpacked
case "$source" in
    *.zip)
        command -v unzip >/dev/null || fail "unzip is missing: apt-get install unzip"
        mkdir "$unpacked"
        unzip -q "$source" -d "$unpacked" || fail "$source: cannot be unpacked" ;;
    *.tar | *.tar.gz | *.tgz)
        mkdir "$unpacked"
        tar xf "$source" -C "$unpacked" || fail "$source: cannot be unpacked" ;;
    *) [ -d "$source" ] || fail "$source: neither a folder nor a .zip, .tar or .tar.gz"
       unpacked=$source ;;
esac
root=
for d in "$unpacked" "$unpacked"/*; do
    if [ -d "$d/train" ] && [ -d "$d/test" ]; then root=$d; fi
done
[ -n "$root" ] || fail "$source: no folders train/ and test/ in it"
python=/usr/bin/python3     # Debian's own: python3-pil belongs to no other
"$python" -c 'import PIL' 2>/dev/null || fail "python3-pil is missing: apt-get install python3-pil"
"$python" - "$root" "$work/new" "$name" "$size" <<'P' || exit 1
import os
import shutil
import sys
from PIL import Image

root, out, name, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")


def fail(text):
    sys.exit(f"prepare_pack: {text}")


def folders(part):
    return sorted(d for d in os.listdir(os.path.join(root, part)) if os.path.isdir(os.path.join(root, part, d)))


def place(path, part, kind, number):
    """The image in its new place, seen from the list."""
    stem, ending = os.path.join(part, kind, f"{number:05d}"), os.path.splitext(path)[1].lower()
    try:
        with Image.open(path) as image:
            if size and image.size != (size, size):
                image.convert("RGB").resize((size, size), Image.BICUBIC).save(os.path.join(out, stem + ".png"))
                return stem + ".png"
    except OSError as e:
        fail(f"{path}: {e}")
    shutil.copyfile(path, os.path.join(out, stem + ending))
    return stem + ending


classes = folders("train")
if len(classes) < 2:
    fail(f"{root}/train: {len(classes)} class folders are too few")
if unknown := [c for c in folders("test") if c not in classes]:
    fail(f"{root}/test/{unknown[0]}: no such class in train/")
counts = {}
for part in ("train", "test"):
    lines = []
    for kind in classes:
        folder = os.path.join(root, part, kind)
        os.makedirs(os.path.join(out, part, kind))
        found = sorted(f for f in (os.listdir(folder) if os.path.isdir(folder) else []) if f.lower().endswith(ENDINGS))
        lines += [place(os.path.join(folder, f), part, kind, i) for i, f in enumerate(found)]
    if not lines:
        fail(f"{root}/{part}: no images (.jpg, .png, .bmp) in its class folders")
    counts[part] = len(lines)
    with open(os.path.join(out, part + ".list"), "w") as f:
        f.write("\n".join(lines) + "\n")
for ending, lines in ((".names", classes), (".labels", [f"/{c}/" for c in classes])):
    with open(os.path.join(out, name + ending), "w") as f:
        f.write("\n".join(lines) + "\n")
with open(os.path.join(out, name + ".data"), "w") as f:
    f.write(f"classes={len(classes)}\ntrain=train.list\nvalid=test.list\nnames={name}.names\nlabels={name}.labels\nbackup=backup\n")
print(f"{name}: {len(classes)} classes, {counts['train']} train and {counts['test']} test images")
P
rm -rf "${targets:?}/$name"
mv "$work/new" "$targets/$name"
echo "$targets/$name/$name.data"
