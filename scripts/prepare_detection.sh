#!/usr/bin/env bash
# Makes Darknet's lists of a folder of images with boxes: prepare_detection.sh FOLDER OUT
# FOLDER holds images with NAME.txt beside them (or labels/ for images/), or VOC's NAME.xml beside them (or in Annotations/). Subfolders
# train and test (or valid, val) make the two lists, else every fifth image goes to test. Names: classes.names or *.names in FOLDER; for
# VOC the names found, sorted, and NAME.txt is written beside each image. Writes OUT.data, OUT.train.list, OUT.test.list, OUT.names.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
exec python3 - "$@" <<'P'
import glob
import os
import sys
import xml.etree.ElementTree as xml

folder, out = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def fail(text):
    sys.exit(f"prepare_detection: {text}")


def write(path, lines):
    with open(path + ".tmp", "w") as f:
        f.write("".join(line + "\n" for line in lines))
    os.replace(path + ".tmp", path)


def annotation(image):
    stem = os.path.splitext(image)[0]
    other = os.path.join(os.path.dirname(os.path.dirname(image)), "Annotations", os.path.basename(stem))
    return next((p for p in (stem + ".xml", other + ".xml") if os.path.exists(p)), None)


def read_voc(path):
    try:
        root = xml.parse(path).getroot()
        w, h = (float(root.find(f"size/{k}").text) for k in ("width", "height"))
        boxes = []
        for o in root.iter("object"):
            x0, y0, x1, y1 = (float(o.find(f"bndbox/{k}").text) for k in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append((o.find("name").text.strip(), (x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w, (y1 - y0) / h))
        return boxes
    except (xml.ParseError, AttributeError, ValueError, ZeroDivisionError) as e:
        fail(f"{path}: no VOC annotation with size, name and bndbox: {e}")


if not os.path.isdir(folder):
    fail(f"{folder}: no such folder")
images = sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files
                if f.lower().endswith((".jpg", ".jpeg", ".png", ".bmp")))
if not images:
    fail(f"{folder}: no .jpg, .jpeg, .png or .bmp in it")
voc = {i: read_voc(a) for i in images if (a := annotation(i))}
given = sorted(glob.glob(os.path.join(folder, "*.names")))
names = [line.strip() for line in open(given[0]) if line.strip()] if given else sorted({b[0] for v in voc.values() for b in v})
if not names:
    fail(f"{folder}: no .names file that lists the classes, one a line")
for image, boxes in voc.items():
    unknown = [b[0] for b in boxes if b[0] not in names]
    if unknown:
        fail(f"{annotation(image)}: class {unknown[0]} is not in {given[0]}")
    write(os.path.splitext(image)[0] + ".txt", [f"{names.index(b[0])} " + " ".join(f"{v:.6f}" for v in b[1:]) for b in boxes])
part = {i: os.path.relpath(i, folder).split(os.sep) for i in images}
test = [i for i in images if {"test", "valid", "val"} & set(part[i][:-1])] or images[4::5]
train = [i for i in images if i not in set(test)]
if not train or not test:
    fail(f"{folder}: {len(images)} images are too few for a train and a test list")
write(out + ".names", names)
write(out + ".train.list", train)
write(out + ".test.list", test)
write(out + ".data", [f"classes={len(names)}", f"train={out}.train.list", f"valid={out}.test.list", f"names={out}.names",
                      f"backup={out}.backup", f"results={out}.results"])
print(f"{out}.data: {len(train)} images to train, {len(test)} to test, {len(names)} classes{', labels from VOC annotations' if voc else ''}")
P
