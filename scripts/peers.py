#!/usr/bin/python3
"""The peers of scripts/bench.sh: the same cfg files as networks of PyTorch and OpenCV, built from the formulas, independently of our C.

  peers.py step|meta|predict CFG [--batch N] [--steps N] [--threads N] [--gpu] [--json FILE]     PyTorch; times as `metaperturb bench` gives them
  peers.py opencv CFG [--steps N] [--threads N] [--json FILE]                            OpenCV DNN, one image, random weights
  peers.py check CFG FOLDER     equal inputs, weights and noise give equal outputs and gradients? FOLDER: from build/tests/dump_net

[perturb]: MetaPerturb (NeurIPS 2020), section 3. PyTorch can compute the equivariant layers in two ways (one dense convolution with C x C
kernels, or one for each channel and one of the channel mean), the four kernels of the scale in two, and convolutions in two memory formats.
All are tried for a few steps, in processes of their own, and the fastest is timed; --form takes what such a run has found."""
import argparse
import itertools
import json
import os
import resource
import struct
import sys
import tempfile
import time


def read_cfg(path):
    """[(section, {key: value})]"""
    sections = []
    for line in open(path):
        line = line.split("#")[0].strip()
        if not line or line[0] == ";":
            continue
        if line[0] == "[":
            sections.append((line[1:-1], {}))
        else:
            key, value = line.split("=", 1)
            sections[-1][1][key.strip()] = value.strip()
    return sections


def medians(seconds, more):
    seconds = sorted(seconds)
    n = len(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": {"median": (seconds[n // 2] + seconds[(n - 1) // 2]) / 2, "min": seconds[0]}, "peak_mb": peak, "steps": n, **more}


def clock(once, steps, warm_up=None):
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    for _ in range(warm_up or (10 if on_gpu else 3)):       # cudnn.benchmark tries its algorithms there
        once()
    out = []
    for _ in range(steps):
        wait()
        t0 = time.monotonic()
        once()
        wait()
        out.append(time.monotonic() - t0)
    return out


on_gpu = False


def use_gpu():
    """PyTorch 2 on a CUDA device, float32 as it is: cuDNN's algorithms timed, no TF32."""
    global on_gpu
    on_gpu = True
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_default_device("cuda")


# ---- PyTorch ------------------------------------------------------------------------------------------------------

def activation(name):
    F = torch.nn.functional
    return {"linear": lambda x: x, "relu": F.relu, "leaky": lambda x: F.leaky_relu(x, 0.1), "logistic": torch.sigmoid,
            "elu": F.elu, "tanh": torch.tanh}[name]


def build():
    """The classes need torch, which is imported only when it is used."""
    nn, F = torch.nn, torch.nn.functional

    class Phi(nn.Module):
        def __init__(self):
            super().__init__()
            self.all = nn.Parameter(torch.randn(82) * 0.01)

    class Perturb(nn.Module):
        dense, grouped = True, False

        def __init__(self, phi, c, h, c_norm, h_norm, act):
            super().__init__()
            self.phi, self.act, self.size = [phi], activation(act), (c / c_norm, h / h_norm)     # a list: no second owner of phi
            self.register_buffer("m", torch.zeros(c, 4))
            self.register_buffer("v", torch.ones(c, 4))
            self.stats, self.eps = True, None

        def e(self, x, own, every):
            b, c, h, w = x.shape
            own, every = own.view(1, 1, 3, 3), every.view(1, 1, 3, 3)
            if self.dense:
                return F.conv2d(x, torch.eye(c, dtype=x.dtype).view(c, c, 1, 1) * own + every / c, padding=1)
            return F.conv2d(x, own.expand(c, 1, 3, 3), padding=1, groups=c) + F.conv2d(x.mean(1, True), every, padding=1)

        def features(self, x, k):
            b, c = x.shape[:2]
            if self.grouped:
                return F.relu(F.conv2d(x, k.repeat(c, 1, 1, 1), padding=1, groups=c)).mean((2, 3)).view(b, c, 4)
            return torch.stack([F.relu(F.conv2d(x, one.expand(c, 1, 3, 3), padding=1, groups=c)).mean((2, 3)) for one in k.split(1)], 2)

        def noise(self, x):
            """Drawn in the order of memory, which is several times faster than in any other."""
            b, c, h, w = x.shape
            if x.is_contiguous():
                return torch.randn(b, c, h, w)
            return torch.randn(b, h, w, c).permute(0, 3, 1, 2)

        def forward(self, x):
            p = self.phi[0].all
            b, c, h, w = x.shape
            alpha = self.e(F.relu(self.e(x, p[0:9], p[9:18])), p[18:27], p[27:36])
            z = F.softplus(alpha + (self.noise(x) if self.eps is None else self.eps))
            if self.stats:
                k = p[36:72].view(4, 1, 3, 3)
                f = self.features(x, k)
                m, v = f.mean(0), f.var(0)
                with torch.no_grad():
                    self.m += 0.1 * (m - self.m)
                    self.v += 0.1 * (v - self.v)
            else:
                m, v = self.m, self.v
            s = torch.sigmoid(m @ p[72:76] + v @ p[76:80] + p[80] * self.size[0] + p[81] * self.size[1]).view(1, c, 1, 1)
            out = x * (s * z)
            return self.act(torch.clamp(out, max=100) if self.stats else out)

    class Conv(nn.Module):
        def __init__(self, c, o):
            super().__init__()
            n, k = int(o.get("filters", 1)), int(o.get("size", 1))
            pad = k // 2 if int(o.get("pad", 0)) else int(o.get("padding", 0))
            self.bn = nn.BatchNorm2d(n, eps=1e-5) if int(o.get("batch_normalize", 0)) else None
            self.conv = nn.Conv2d(c, n, k, int(o.get("stride", 1)), pad, groups=int(o.get("groups", 1)), bias=self.bn is None)
            self.act = activation(o.get("activation", "logistic"))

        def forward(self, x):
            x = self.conv(x)
            return self.act(self.bn(x) if self.bn else x)

    class Net(nn.Module):
        def __init__(self, cfg):
            super().__init__()
            sections = [s for s in read_cfg(cfg) if s[0] != "meta_shared"]
            net = sections.pop(0)[1]
            self.c, self.h, self.w = (int(net[k]) for k in ("channels", "height", "width"))
            self.batch = int(net.get("batch", 1)) // int(net.get("subdivisions", 1))
            self.phi, self.layers, self.kinds = Phi(), nn.ModuleList(), []
            shapes = []
            c, h, w = self.c, self.h, self.w
            for i, (kind, o) in enumerate(sections):
                layer = nn.Identity()
                if kind == "convolutional":
                    layer = Conv(c, o)
                    c, h, w = layer.conv.out_channels, *((v + 2 * layer.conv.padding[0] - layer.conv.kernel_size[0]) // layer.conv.stride[0] + 1 for v in (h, w))
                elif kind == "perturb":
                    layer = ("perturb", c, h, o.get("activation", "linear"))
                elif kind == "maxpool":
                    size, stride = int(o.get("size", 2)), int(o.get("stride", 2))
                    pad = int(o.get("padding", size - 1))
                    h, w = ((v + pad - size) // stride + 1 for v in (h, w))
                    layer = nn.MaxPool2d(size, stride) if pad == 0 else nn.Sequential(nn.ConstantPad2d((pad // 2, pad - pad // 2) * 2, -3e38), nn.MaxPool2d(size, stride))
                elif kind == "avgpool":
                    layer = nn.AdaptiveAvgPool2d(1)
                    h = w = 1
                elif kind == "connected":
                    layer = nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, int(o["output"])))
                    c, h, w = int(o["output"]), 1, 1
                elif kind == "shortcut":
                    at = int(o["from"])
                    o["at"] = at if at >= 0 else i + at
                    o["stride"] = shapes[o["at"]][1] // h
                elif kind == "route":
                    o["at"] = [int(v) if int(v) >= 0 else i + int(v) for v in o["layers"].split(",")]
                    c, h, w = sum(shapes[k][0] for k in o["at"]), *shapes[o["at"][0]][1:]
                elif kind != "softmax":
                    sys.exit(f"peers: {cfg}: [{kind}] is not written for PyTorch here")
                shapes.append((c, h, w))
                self.kinds.append((kind, o))
                self.layers.append(nn.Identity() if isinstance(layer, tuple) else layer)
                if isinstance(layer, tuple):
                    self.layers[-1] = Perturb(self.phi, layer[1], layer[2], 1, self.h, layer[3])
            self.classes = c
            perturbs = [k for k in self.layers if isinstance(k, Perturb)]
            most = max([len(k.m) for k in perturbs], default=1)
            for k in perturbs:
                k.size = (len(k.m) / most, k.size[1])
            self.perturbs = perturbs

        def forward(self, x):
            outs = []
            for (kind, o), layer in zip(self.kinds, self.layers):
                if kind == "shortcut":
                    y = outs[o["at"]]
                    if y.shape != x.shape:
                        n = min(x.shape[1], y.shape[1])
                        y = F.pad(y[:, :n, ::o["stride"], ::o["stride"]], (0, 0, 0, 0, 0, x.shape[1] - n))
                    x = activation(o.get("activation", "linear"))(x + y)
                elif kind == "route":
                    x = torch.cat([outs[k] for k in o["at"]], 1)
                else:
                    x = layer(x)
                outs.append(x)
            return x

        def theta(self):
            return [p for p in self.parameters() if p is not self.phi.all]

        def mode(self, bn, perturb):
            for m in self.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.train(bn)
            for p in self.perturbs:
                p.stats = perturb

    return Net, Perturb


def torch_work(what, net, batch, channels_last):
    F = torch.nn.functional
    x = torch.rand(batch, net.c, net.h, net.w)
    if channels_last:
        net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, net.classes, (batch,))
    theta = torch.optim.Adam(net.theta(), lr=1e-3, weight_decay=5e-4)
    phi = torch.optim.Adam([net.phi.all], lr=1e-3, weight_decay=5e-4)

    def train():
        net.mode(True, True)
        theta.zero_grad(set_to_none=True)
        net.phi.all.requires_grad_(False)
        F.cross_entropy(net(x), y).backward()
        theta.step()

    def meta():
        train()
        net.phi.all.requires_grad_(True)
        net.mode(False, True)
        net.phi.all.grad, = torch.autograd.grad(F.cross_entropy(net(x), y), [net.phi.all])
        phi.step()

    def predict():
        net.mode(False, False)
        with torch.inference_mode():
            net(x)

    return {"step": train, "meta": meta, "predict": predict}[what]


FORMS = ("dense", "depthwise"), ("separate", "grouped"), ("contiguous", "channels_last")


def prepare(a, form):
    Net, Perturb = build()
    Perturb.dense, Perturb.grouped = form[0] == "dense", form[1] == "grouped"
    net = Net(a.cfg)
    return torch_work(a.what, net, a.batch or net.batch, form[2] == "channels_last"), a.batch or net.batch


def trial(a, form):
    """Seconds of a step, measured in a process of its own, so that its memory does not count in ours."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, struct.pack("d", min(clock(prepare(a, form)[0], 2, 1))))
        os._exit(0)
    seconds = os.read(read, 8)
    os.wait()
    if len(seconds) != 8:
        sys.exit(f"peers: {a.cfg}: the form {' '.join(form)} failed (see above)")
    return struct.unpack("d", seconds)[0]


def time_torch(a):
    if a.form:
        form = tuple(a.form.split(","))
        if len(form) != 3 or any(f not in known for f, known in zip(form, FORMS)):
            sys.exit(f"peers: --form {a.form}: must be three words, one of each of {FORMS}")
    else:
        perturbs = any(kind == "perturb" for kind, _ in read_cfg(a.cfg))
        forms = [f for f in itertools.product(*FORMS) if perturbs or f[:2] == ("dense", "separate")]
        form = min(forms, key=lambda f: trial(a, f))
    once, batch = prepare(a, form)
    return medians(clock(once, a.steps), {"batch": batch, "form": ",".join(form)})


# ---- the same numbers? ---------------------------------------------------------------------------------------------

def floats(path):
    return torch.frombuffer(bytearray(open(path, "rb").read()), dtype=torch.float32)


def load(net, flat):
    """Parameters (or, from the gradients' file, a list of them) in the host's order: biases, scales, weights."""
    at, out = 0, []
    for layer in net.layers:
        conv = getattr(layer, "conv", None)
        linear = layer[1] if isinstance(layer, torch.nn.Sequential) and isinstance(layer[-1], torch.nn.Linear) else None
        if conv is None and linear is None:
            continue
        bn = getattr(layer, "bn", None)
        for p in [bn.bias, bn.weight, conv.weight] if bn else [(linear or conv).bias, (linear or conv).weight]:
            out.append((p, flat[at:at + p.numel()].view_as(p)))
            at += p.numel()
    if at != len(flat):
        sys.exit(f"peers: {len(flat)} numbers for a network of {at}")
    return out


def check(a):
    Net, Perturb = build()
    worst = {}
    for Perturb.dense, Perturb.grouped in (True, True), (False, False):
        net = Net(a.cfg)
        get = lambda name: floats(os.path.join(a.folder, name))
        x = get("x").view(-1, net.c, net.h, net.w)
        y = get("truth").view(len(x), net.classes).argmax(1)
        with torch.no_grad():
            net.phi.all.copy_(get("phi"))
            for p, v in load(net, get("theta")):
                p.copy_(v)
        net.double()
        for i, p in enumerate(k for k in net.layers if isinstance(k, Perturb)):
            eps = get(f"eps{i}")
            p.eps = eps.view(len(x), len(p.m), -1).double()
            side = round(p.eps.shape[2] ** 0.5)
            p.eps = p.eps.view(len(x), len(p.m), side, side)
        net.mode(True, True)
        out = net(x.double())
        loss = torch.nn.functional.cross_entropy(out, y, reduction="sum")
        loss.backward()
        pairs = {"output": (torch.softmax(out, 1), get("output").view_as(out)), "loss": (loss, get("loss")[0]),
                 "phi's gradient": (-net.phi.all.grad, get("dphi"))}
        for k, (p, v) in enumerate(load(net, get("dtheta"))):
            pairs[f"theta's gradient {k}, {tuple(p.shape)}"] = (-p.grad, v)
        for name, (want, got) in pairs.items():
            want, got = want.detach().double(), got.double()
            error = ((want - got).norm() / want.norm()).item() if want.norm() > 0 else float("inf")
            worst[name] = max(worst.get(name, 0), error)
    for name, error in worst.items():
        print(f"{error:.2e} {name}")


# ---- OpenCV --------------------------------------------------------------------------------------------------------

def random_weights(cfg, path):
    """A stock weights file that fits the cfg: variances 1, the rest small."""
    import random
    rng, shapes, c = random.Random(1), [], 0
    with open(path, "wb") as f:
        f.write(struct.pack("<iiiq", 0, 2, 0, 0))
        for kind, o in read_cfg(cfg):
            if kind == "net" or kind == "network":
                c = int(o["channels"])
                continue
            if kind == "convolutional":
                n, k = int(o["filters"]), int(o["size"])
                ones = [1.0] * n
                rows = [[0.0] * n] + ([ones, [0.0] * n, ones] if int(o.get("batch_normalize", 0)) else [])
                rows.append([rng.gauss(0, (2 / (c * k * k)) ** 0.5) for _ in range(n * c * k * k // int(o.get("groups", 1)))])
                for row in rows:
                    f.write(struct.pack(f"<{len(row)}f", *row))
                c = n
            elif kind == "route":
                c = sum(shapes[int(v) if int(v) >= 0 else len(shapes) + int(v)] for v in o["layers"].split(","))
            shapes.append(c)


def time_opencv(a):
    import cv2
    import numpy
    cv2.setNumThreads(a.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "random.weights")
        random_weights(a.cfg, path)
        net = cv2.dnn.readNetFromDarknet(a.cfg, path)
    o = read_cfg(a.cfg)[0][1]
    x = numpy.random.default_rng(1).random((1, int(o["channels"]), int(o["height"]), int(o["width"])), dtype=numpy.float32)
    names = net.getUnconnectedOutLayersNames()

    def once():
        net.setInput(x)
        net.forward(names)

    return medians(clock(once, a.steps), {"batch": 1})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["step", "meta", "predict", "opencv", "check"])
    p.add_argument("cfg")
    p.add_argument("folder", nargs="?")
    p.add_argument("--batch", type=int, default=0)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--gpu", action="store_true", help="PyTorch on CUDA (not opencv, check)")
    p.add_argument("--form", help="as this program printed it: what to time, without trying")
    p.add_argument("--json")
    a = p.parse_args()
    if a.what == "opencv":
        out = time_opencv(a)
    else:
        global torch
        import torch
        torch.set_num_threads(a.threads)
        if a.gpu:
            use_gpu()
        torch.manual_seed(1)
        if a.what == "check":
            check(a)
            return
        out = time_torch(a)
    print(f"{a.what}, batch {out['batch']}, {a.threads} threads, {out['steps']} steps: median {out['seconds']['median']:.4f} s, "
          f"min {out['seconds']['min']:.4f} s, peak {out['peak_mb']:.0f} MB {out.get('form', '')}")
    if a.json:
        json.dump(out, open(a.json, "w"))


main()
