#!/usr/bin/env python3
"""make_images.py DIR - a tiny data set for the tests: 3 classes of 32x32 PNG, 8 train and 4 test images of each,
DIR/tiny.data with its lists. Written with the standard library alone."""
import os
import random
import struct
import sys
import zlib

CLASSES = ("disk", "stripes", "checker")
SIZE = 32


def chunk(tag, body):
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def write_png(path, pixel):
    rows = b"".join(b"\0" + bytes(v for x in range(SIZE) for v in pixel(x, y)) for y in range(SIZE))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def inside(kind, x, y, cx, cy, r):
    if kind == "disk":
        return (x - cx) ** 2 + (y - cy) ** 2 < r * r
    if kind == "stripes":
        return (x + cx) % r < r // 2
    return ((x + cx) // (r // 2) + (y + cy) // (r // 2)) % 2 == 0


def main(root):
    rng = random.Random(7)
    for part, count in (("train", 8), ("test", 4)):
        lines = []
        for kind in CLASSES:
            os.makedirs(f"{root}/{part}/{kind}", exist_ok=True)
            for i in range(count):
                cx, cy, r = rng.randrange(8, 24), rng.randrange(8, 24), rng.randrange(6, 11)
                fore = [rng.randrange(120, 256) for _ in range(3)]
                noise = [[rng.randrange(0, 60) for _ in range(SIZE)] for _ in range(SIZE)]
                path = f"{root}/{part}/{kind}/{i}.png"
                write_png(path, lambda x, y: [min(255, (v if inside(kind, x, y, cx, cy, r) else 20) + noise[y][x]) for v in fore])
                lines.append(path)
        with open(f"{root}/{part}.list", "w") as f:
            f.write("\n".join(lines) + "\n")
    with open(f"{root}/tiny.names", "w") as f:
        f.write("\n".join(CLASSES) + "\n")
    with open(f"{root}/tiny.data", "w") as f:
        f.write(f"classes=3\ntrain={root}/train.list\nvalid={root}/test.list\nnames={root}/tiny.names\n"
                f"labels={root}/tiny.names\nbackup={root}/backup\n")


main(sys.argv[1])
