"""onnx_model.py check MODEL | opencv MODEL FOLDER | node MODEL FOLDER | decoded CFG FOLDER | near A.bin B.bin TOLERANCE
check: by ONNX's own checker. opencv, node: FOLDER/input.bin through the model by OpenCV DNN, by ONNX Runtime (onnx_run.js); its outputs
into FOLDER/NAME.got.bin. decoded: FOLDER/boxes.bin and scores.bin from the head_L.bin there, as Darknet defines them. near: relative to 1.
Status 77: what it takes is not installed."""
import os
import subprocess
import sys

import numpy as np


def check(model):
    try:
        import onnx
    except ImportError:
        sys.exit(77)
    loaded = onnx.load(model)
    if loaded.opset_import[0].version > onnx.defs.onnx_opset_version():
        sys.exit(77)  # newer than this checker
    onnx.checker.check_model(loaded, full_check=True)


def shape_of(model):
    import onnx
    graph = onnx.load(model).graph
    dims = [d.dim_value or 1 for d in graph.input[0].type.tensor_type.shape.dim]
    return dims, [o.name for o in graph.output]


def opencv(model, folder):
    try:
        import cv2
        dims, names = shape_of(model)
    except ImportError:
        sys.exit(77)
    net = cv2.dnn.readNetFromONNX(model)
    net.setInput(np.fromfile(f"{folder}/input.bin", np.float32).reshape(dims))
    for name, got in zip(names, net.forward(names)):
        got.astype(np.float32).tofile(f"{folder}/{name}.got.bin")


def node(model, folder):
    try:
        dims, _ = shape_of(model)
    except ImportError:
        sys.exit(77)
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["node", f"{here}/onnx_run.js", model, folder, *map(str, dims)], check=False)
    sys.exit(done.returncode)


def sections(cfg):
    out = []
    for line in open(cfg, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            out.append((line.strip("[]"), {}))
        elif "=" in line:
            key, value = line.split("=", 1)
            out[-1][1][key.strip()] = value.replace(" ", "")
    return out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def head_boxes(kind, keys, net, y):
    """y: (anchors, 5 + classes, h, w), what the layer gives."""
    n, _, h, w = y.shape
    sizes = np.array(keys["anchors"].split(","), float).reshape(-1, 2)
    if kind == "yolo":
        sizes = sizes[np.array(keys["mask"].split(","), int)] / [float(net["width"]), float(net["height"])]
    else:
        sizes = sizes / [w, h]
    rows, columns = np.mgrid[0:h, 0:w]
    # With new_coords=1 too: the plug-in hands out what Darknet's own decoder makes the same box of.
    sides = [np.exp(y[:, 2 + k]) * sizes[:, k][:, None, None] for k in (0, 1)]
    boxes = np.stack([(columns + y[:, 0]) / w, (rows + y[:, 1]) / h, *sides], -1)
    scores = np.moveaxis(y[:, 5:] * y[:, 4:5], 1, -1)
    return boxes.reshape(n * h * w, 4), scores.reshape(n * h * w, -1)


def decoded(cfg, folder):
    parts = sections(cfg)
    net, layers = parts[0][1], [p for p in parts[1:] if p[0] != "meta_shared"]
    boxes, scores = [], []
    for i, (kind, keys) in enumerate(layers):
        if kind not in ("yolo", "region"):
            continue
        per = 5 + int(keys["classes"])
        n = len(keys["mask"].split(",")) if kind == "yolo" else int(keys["num"])
        y = np.fromfile(f"{folder}/head_{i}.bin", np.float32).astype(float)
        side = int(round((y.size / n / per) ** 0.5))
        b, s = head_boxes(kind, keys, net, y.reshape(n, per, side, side))
        boxes.append(b)
        scores.append(s)
    np.concatenate(boxes).astype(np.float32).tofile(f"{folder}/boxes.bin")
    np.concatenate(scores).astype(np.float32).tofile(f"{folder}/scores.bin")


def near(a, b, tolerance):
    x, y = (np.fromfile(f, np.float32).astype(float) for f in (a, b))
    if x.shape != y.shape:
        sys.exit(f"{a} has {x.size} numbers, {b} {y.size}")
    worst = np.max(np.abs(x - y) / np.maximum(1, np.abs(y)))
    print(f"{os.path.basename(a)}: {x.size} numbers, worst difference {worst:.2e}", file=sys.stderr)
    sys.exit(not worst <= float(tolerance))


{"check": check, "opencv": opencv, "node": node, "decoded": decoded, "near": near}[sys.argv[1]](*sys.argv[2:])
