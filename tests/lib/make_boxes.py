#!/usr/bin/env python3
"""make_boxes.py DIR - a tiny detection set for the tests: 80x60 PNG with bright boxes (class 0) and rings (class 1) on noise, 24 train
and 12 test pictures in DIR/images, their labels in DIR/labels, DIR/boxes.data. Written with the standard library alone."""
import os
import random
import struct
import sys
import zlib

W, H = 80, 60


def chunk(tag, body):
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def write_png(path, px):
    rows = b"".join(b"\0" + bytes(v for p in row for v in p) for row in px)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def picture(rng):
    px = [[[rng.randrange(0, 60) for _ in range(3)] for _ in range(W)] for _ in range(H)]
    labels = []
    for left in ([4, 44] if rng.random() < 0.5 else [rng.randrange(4, 44)]):
        kind, w, h = rng.randrange(2), rng.randrange(20, 30), rng.randrange(20, 30)
        x0, y0 = left + rng.randrange(0, 6), rng.randrange(2, H - h - 2)
        colour = [230, 60, 40] if kind == 0 else [60, 90, 240]
        for y in range(h):
            for x in range(w):
                edge = min(x, y, w - 1 - x, h - 1 - y) < 5
                if kind == 0 or edge:
                    px[y0 + y][x0 + x] = [min(255, c + rng.randrange(0, 20)) for c in colour]
        labels.append(f"{kind} {(x0 + w / 2) / W:.6f} {(y0 + h / 2) / H:.6f} {w / W:.6f} {h / H:.6f}")
    return px, labels


def main(root):
    rng = random.Random(11)
    os.makedirs(f"{root}/images", exist_ok=True)
    os.makedirs(f"{root}/labels", exist_ok=True)
    for part, count in (("train", 24), ("test", 12)):
        with open(f"{root}/{part}.list", "w") as names:
            for i in range(count):
                px, labels = picture(rng)
                write_png(f"{root}/images/{part}{i}.png", px)
                with open(f"{root}/labels/{part}{i}.txt", "w") as f:
                    f.write("\n".join(labels) + "\n")
                names.write(f"{root}/images/{part}{i}.png\n")
    with open(f"{root}/boxes.names", "w") as f:
        f.write("box\nring\n")
    with open(f"{root}/boxes.data", "w") as f:
        f.write(f"classes=2\ntrain={root}/train.list\nvalid={root}/test.list\nnames={root}/boxes.names\nbackup={root}/backup\n"
                f"results={root}/results\n")


main(sys.argv[1])
