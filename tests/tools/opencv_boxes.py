"""opencv_boxes.py -crop OUT IMAGE...        - each picture cut or padded to a square of 64 pixels, as OUT/N.png
opencv_boxes.py CFG WEIGHTS BOXES.json       - the boxes of OpenCV's DNN module for the pictures of BOXES.json (`detector test -nms 0
-thresh 0.25 -json`), held against those in it: each one within a pixel and 0.01 of score, and none more or less.
Pictures have the network's own size, so that no two programs' ways of resizing are compared.
Status 77: this Python has no OpenCV."""
import json
import os
import sys

try:
    import cv2
    import numpy as np
except ImportError:
    sys.exit(77)

SIZE, THRESH = 64, 0.25


def crop(out, images):
    os.makedirs(out, exist_ok=True)
    for i, path in enumerate(images):
        picture = cv2.imread(path)[:SIZE, :SIZE]
        h, w = picture.shape[:2]
        picture = cv2.copyMakeBorder(picture, 0, SIZE - h, 0, SIZE - w, cv2.BORDER_CONSTANT, value=(128, 128, 128))
        cv2.imwrite(f"{out}/{i}.png", picture)


def found(net, path):
    """(class, score, left, top, right, bottom) above THRESH, whatever overlaps."""
    net.setInput(cv2.dnn.blobFromImage(cv2.imread(path), 1 / 255.0, (SIZE, SIZE), swapRB=True))
    rows = np.vstack(net.forward(net.getUnconnectedOutLayersNames()))
    out = []
    for x, y, w, h, _, *scores in rows.astype(float):
        for k, score in enumerate(scores):
            if score > THRESH - 0.01:
                out.append((k, score, *edges(x, y, w, h)))
    return out


def edges(x, y, w, h):
    return (x - w / 2) * SIZE, (y - h / 2) * SIZE, (x + w / 2) * SIZE, (y + h / 2) * SIZE


def same(a, b):
    return a[0] == b[0] and abs(a[1] - b[1]) <= 0.01 and all(abs(v - w) <= 1 for v, w in zip(a[2:], b[2:]))


def compare(cfg, weights, boxes):
    # Its [yolo] suppresses overlaps by itself, unless told not to.
    text = open(cfg).read().replace("[yolo]\n", "[yolo]\nnms_threshold=0\n")
    with open(cfg + ".cv", "w") as f:
        f.write(text)
    net = cv2.dnn.readNetFromDarknet(cfg + ".cv", weights)
    compared = 0
    for record in json.load(open(boxes))["pictures"]:
        theirs = found(net, record["path"])
        ours = [(o["class"], o["score"], *edges(*(o["relative"][k] for k in ("x", "y", "width", "height"))))
                for o in record["boxes"]]
        for a in ours:
            if not any(same(a, b) for b in theirs):
                sys.exit(f"{record['path']}: OpenCV has no {a}, but {theirs}")
        for b in theirs:
            if b[1] > THRESH + 0.01 and not any(same(a, b) for a in ours):
                sys.exit(f"{record['path']}: only OpenCV has {b}; ours: {ours}")
        compared += len(ours)
    print(f"{compared} boxes agree")
    sys.exit(compared < 5)


if sys.argv[1] == "-crop":
    crop(sys.argv[2], sys.argv[3:])
else:
    compare(*sys.argv[1:4])
