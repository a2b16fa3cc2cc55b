#!/usr/bin/env bash
# Makes the small tasks of cfg_meta/lookahead.meta and cfg_meta/lookahead.suite: prepare_small_tasks.sh SOURCE [NAME]
# SOURCE: Tiny ImageNet at 32x32, a folder or .tar.gz with train/CLASS/*.jpg (200 classes of 500). The classes are dealt to 10 groups of 20.
# Groups 0 to 3 become tasks of 20, 50, 50 and 100 images a class, half of which a META file validates on; groups 8 and 9 are held out: 25 and 50
# images a class to train on, 200 others to test. Writes cache/tasks/NAME/ (small).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "prepare_small_tasks: $*" >&2; exit 1; }
[ $# -ge 1 ] && [ $# -le 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
[ -e "$1" ] || fail "$1: no such file or folder"
name=${2:-small}
[[ $name =~ ^[A-Za-z0-9_-]+$ ]] || fail "NAME=$name: letters, digits, - and _ only, as it becomes a file name"
out=cache/tasks/$name
case "$1" in
    *.tar.gz | *.tgz)
        unpacked=cache/small_tasks
        rm -rf "$unpacked" && mkdir -p "$unpacked"
        tar xzf "$1" -C "$unpacked" || fail "$1: cannot be unpacked" ;;
    *) [ -d "$1" ] || fail "$1: neither a folder nor a .tar.gz"
       unpacked=$1 ;;
esac
train=
for d in "$unpacked" "$unpacked"/*; do
    if [ -d "$d/train" ]; then train=$d/train; fi
done
[ -n "$train" ] || fail "$1: no folder train/ in it"
exec python3 - "$train" "$out" <<'P'
import os
import random
import sys

train, out = os.path.abspath(sys.argv[1]), sys.argv[2]
MOST = 50  # of a held-out class, to train on; its last 200 are for tests
classes = sorted(d for d in os.listdir(train) if os.path.isdir(os.path.join(train, d)))
if len(classes) != 200:
    sys.exit(f"prepare_small_tasks: {train}: {len(classes)} class folders; Tiny ImageNet has 200")
random.Random(0).shuffle(classes)
os.makedirs(out, exist_ok=True)


def images(kind):
    found = sorted(os.path.join(train, kind, f) for f in os.listdir(os.path.join(train, kind)))
    if len(found) < MOST + 200:
        sys.exit(f"prepare_small_tasks: {train}/{kind}: {len(found)} images are too few: {MOST + 200} are needed")
    return found


def write(name, lines):
    with open(os.path.join(out, name), "w") as f:
        f.write("\n".join(lines) + "\n")


def task(name, group, n, tested):
    mine = sorted(classes[group::10])
    data = [f"classes={len(mine)}", f"train={name}.list", f"names={name}.names", f"labels={name}.labels", "backup=backup"]
    write(f"{name}.list", [f for c in mine for f in images(c)[:n]])
    write(f"{name}.names", mine)
    write(f"{name}.labels", [f"/{c}/" for c in mine])
    if tested:
        write(f"{name}.test", [f for c in mine for f in images(c)[-200:]])
        data.insert(2, f"valid={name}.test")
    write(f"{name}.data", data)
    print(f"{out}/{name}.data: {len(mine)} classes of {n} images")


for group, n in enumerate((20, 50, 50, 100)):
    task(f"task{group}", group, n, False)
for group, n in ((8, 25), (9, 50)):
    task(f"held{n}", group, n, True)
P
