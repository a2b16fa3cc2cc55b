"""python.py CFG WEIGHTS BOXES.json PICTURE - scripts/darknet_example.py as a module, under LD_PRELOAD of the plug-in: a picture as a file, as
bytes and, where numpy is, as arrays of bytes and of floats gives the same boxes and the same outputs; what is no picture is refused.
The boxes are those that `detector test -json` wrote. Prints `N boxes, numpy` or `N boxes, no numpy`."""
import json
import os
import struct
import sys
import zlib

sys.path.insert(0, "scripts")
if os.environ.get("WITHOUT_NUMPY"):
    sys.modules["numpy"] = None
from darknet_example import Network, numpy


def read_png(path):
    """(width, height, bytes) of an RGB file whose rows are not filtered."""
    data, at, packed = open(path, "rb").read(), 8, b""
    while at < len(data):
        n, tag = struct.unpack(">I4s", data[at:at + 8])
        body, at = data[at + 8:at + 8 + n], at + 12 + n
        if tag == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        packed += body if tag == b"IDAT" else b""
    rows, step = zlib.decompress(packed), 3 * width + 1
    assert len(rows) == step * height and not any(rows[::step]), path
    return width, height, b"".join(rows[y * step + 1:(y + 1) * step] for y in range(height))


def same(a, b, score, pixels):
    assert len(a) == len(b), (a, b)
    for (k, s, box), (l, t, other) in zip(a, b):
        assert k == l and abs(s - t) <= score and all(abs(u - v) <= pixels for u, v in zip(box, other)), (a, b)


def refuses(kind, what):
    try:
        what()
    except kind:
        return
    sys.exit(f"no {kind.__name__}")


cfg, weights, boxes, path = sys.argv[1:5]
net = Network(cfg, weights)
total = 0
for record in json.load(open(boxes))["pictures"]:
    w, h = record["width"], record["height"]
    theirs = [(b["class"], b["score"], tuple(b["relative"][k] * size for k, size in (("x", w), ("y", h), ("width", w), ("height", h))))
              for b in record["boxes"]]
    same(net.detect(record["path"], 0.25), sorted(theirs, key=lambda b: -b[1]), 1e-4, 0.01)
    total += len(theirs)

width, height, rgb = read_png(path)
found, outputs = net.detect(path, 0.25), list(net.predict(path))
assert found, f"{path}: no box"
pictures = [(width, height, rgb)]
if numpy is not None:
    array = numpy.frombuffer(rgb, numpy.uint8).reshape(height, width, 3)
    pictures += [array, numpy.asfortranarray(array), array / 255.0, (array / 255.0).astype(numpy.float32)]
    assert isinstance(net.predict(array), numpy.ndarray)
    refuses(ValueError, lambda: net.predict(array[:, :, :2]))
else:
    assert isinstance(net.predict(path), list)
for picture in pictures:
    same(net.detect(picture, 0.25), found, 1e-5, 1e-3)
    assert max(abs(u - v) for u, v in zip(net.predict(picture), outputs)) < 1e-5
# What predict gave stays as it was when the network is asked again.
kept = net.predict(path)
net.predict((width, height, bytes(len(rgb))))
assert list(kept) == outputs
refuses(ValueError, lambda: net.predict((width, height, rgb[3:])))
refuses(FileNotFoundError, lambda: net.detect("none.png"))
refuses(FileNotFoundError, lambda: Network(cfg, "none.weights"))
net.close()
print(f"{total} boxes, {'numpy' if numpy is not None else 'no numpy'}")
