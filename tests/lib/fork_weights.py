"""fork_weights.py CFG OUT [LAYERS [SEEN [REVISION]]] - a weights file of the AlexeyAB fork's format, written by its rules alone:
int32 0, 2, REVISION (5), uint64 seen, then of each [convolutional] biases, with batch norm scales, means and variances, and weights.
The numbers of a layer depend on its place and shape alone: files of the first LAYERS layers are the same bytes.
As a module: layers(cfg), read(path)."""
import array
import random
import struct
import sys


def sections(cfg):
    out = []
    for line in open(cfg):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            out.append((line.strip("[]"), {}))
        elif "=" in line:
            k, v = line.split("=", 1)
            out[-1][1][k.strip()] = v.strip()
    return out


def layers(cfg):
    """(filters, batch norm, weights) of every layer; (0, 0, 0): it stores nothing."""
    net, *rest = sections(cfg)
    channels, out, before = [], [], int(net[1]["channels"])
    for i, (kind, keys) in enumerate(rest):
        c = before
        if kind == "convolutional":
            c, size = int(keys["filters"]), int(keys["size"])
            out.append((c, int(keys.get("batch_normalize", 0)), c * before * size * size))
        elif kind == "route":
            at = [int(v) for v in keys["layers"].split(",")]
            c = sum(channels[i + v if v < 0 else v] for v in at) // int(keys.get("groups", 1))
        elif kind not in ("maxpool", "upsample", "shortcut", "sam", "yolo"):
            sys.exit(f"fork_weights: [{kind}] is not known here")
        if kind != "convolutional":
            out.append((0, 0, 0))
        channels.append(c)
        before = c
    return out


def floats(layer):
    filters, norm, weights = layer
    return filters * (4 if norm else 1) + weights


def numbers(place, layer):
    filters, norm, weights = layer
    rng = random.Random(1000 * place + filters)
    out = array.array("f", (rng.gauss(0, 0.1) for _ in range(filters)))
    if norm:
        out.extend(rng.uniform(0.5, 1.5) for _ in range(filters))
        out.extend(rng.gauss(0, 0.2) for _ in range(filters))
        out.extend(rng.uniform(0.5, 1.5) for _ in range(filters))
    spread = (2 * filters / weights) ** 0.5 if weights else 0
    out.extend(rng.gauss(0, spread) for _ in range(weights))
    return out


def write(cfg, path, count=None, seen=0, revision=5):
    with open(path, "wb") as f:
        f.write(struct.pack("<iiiQ", 0, 2, revision, seen))
        for i, layer in enumerate(layers(cfg)[:count]):
            f.write(numbers(i, layer).tobytes())


def read(path):
    """(version, seen, floats)"""
    data = open(path, "rb").read()
    *version, seen = struct.unpack("<iiiQ", data[:20])
    n = (len(data) - 20) // 4
    return tuple(version), seen, array.array("f", data[20:20 + 4 * n])


if __name__ == "__main__":
    write(*sys.argv[1:3], *(int(v) for v in sys.argv[3:]))
