#!/usr/bin/env bash
# Makes meta-training tasks of any folder of images FOLDER/CLASS/...: prepare_folder.sh FOLDER NAME TASKS [SEED]
# The classes are dealt to TASKS/2 groups by the seed (0); each group is two tasks that share its classes, with train and validation halves
# swapped (split= in the META). Writes cache/tasks/NAME/groupK.data with its list, and cache/tasks/NAME/NAME.meta to start from.
set -euo pipefail
# In the source's root from wherever it is called; installed: in the folder where one is.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ ! -e "$home/Makefile" ] || cd "$home"
[ $# -ge 3 ] && [ $# -le 4 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
cfg=cfg/resnet20.cfg
[ -e "$home/Makefile" ] || cfg=$home/$cfg
exec python3 - "$cfg" "$@" <<'P'
import os
import random
import sys

cfg, folder, name, tasks, seed = (sys.argv[1:] + ["0"])[:5]


def fail(text):
    sys.exit(f"prepare_folder: {text}")


if not os.path.isdir(folder):
    fail(f"{folder}: no such folder")
if not tasks.isdigit() or int(tasks) < 2 or int(tasks) % 2:
    fail(f"TASKS={tasks}: an even number from 2 on, as every group of classes makes two tasks")
if not seed.isdigit():
    fail(f"SEED={seed}: a whole number from 0 on")
if not name.replace("_", "").replace("-", "").isalnum():
    fail(f"NAME={name}: letters, digits, - and _ only, as it becomes a file name")
classes = sorted(d for d in os.listdir(folder) if os.path.isdir(os.path.join(folder, d)))
groups = int(tasks) // 2
if len(classes) < 2 * groups:
    fail(f"{folder}: {len(classes)} class folders are too few for {groups} groups of at least 2")
endings = (".jpg", ".jpeg", ".png", ".bmp")
out = f"cache/tasks/{name}"
os.makedirs(out, exist_ok=True)
random.Random(int(seed)).shuffle(classes)
meta = [f"# {tasks} tasks of {os.path.basename(folder.rstrip('/'))}: {groups} groups of classes, each twice with its halves swapped",
        "[meta]", f"cfg={cfg}", f"phi={out}/{name}.phi", "steps=750", "seed=1"]
total = 0
for g in range(groups):
    mine = sorted(classes[g::groups])
    images = []
    for c in mine:
        found = [os.path.join(at, f) for at, _, files in os.walk(os.path.join(folder, c)) for f in files if f.lower().endswith(endings)]
        if len(found) < 2:
            fail(f"{folder}/{c}: {len(found)} images are too few: a train and a validation half need 2 at least")
        images += sorted(os.path.abspath(f) for f in found)
    total += len(images)
    base = f"{out}/group{g}"
    for ending, lines in ((".list", images), (".names", mine), (".labels", [f"/{c}/" for c in mine])):
        with open(base + ending, "w") as f:
            f.write("\n".join(lines) + "\n")
    with open(base + ".data", "w") as f:
        f.write(f"classes={len(mine)}\ntrain=group{g}.list\nnames=group{g}.names\nlabels=group{g}.labels\n")
    for half in (0, 1):
        meta += ["", "[task]", f"name={name}-{g}-{half}", f"data={base}.data", f"split=half{half}"]
with open(f"{out}/{name}.meta", "w") as f:
    f.write("\n".join(meta) + "\n")
print(f"{out}: {groups} groups of {len(classes) // groups} or more classes, {total} images; {out}/{name}.meta")
P
