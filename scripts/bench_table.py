#!/usr/bin/python3
"""bench_table.py [PATTERN] - runs the pairs of scripts/bench.sh and prints the table; PAIRS (5) and THREADS (all) from the environment.

A row is ours and a peer, run one after the other PAIRS times; its figure is the median of the pairs' ratios. A run during which other
programs took more than a tenth of the machine is repeated once, and marked if that did not help."""
import json
import os
import re
import resource
import subprocess
import sys
import time

OUT = "out/bench"
PAIRS = int(os.environ.get("PAIRS", "5"))
CORES = os.cpu_count()
THREADS = int(os.environ.get("THREADS", CORES))
TINY = "/usr/share/darknet/cfg/yolov3-tiny.cfg"
DATA = "cache/tasks/fashion/fashion-full.data"
TOO_BUSY = 0.10


def ours(*args):
    return ["build/metaperturb", "bench", *map(str, args), "-threads", str(THREADS), "-json"]


def torch(*args):
    return ["/usr/bin/python3", "scripts/peers.py", *map(str, args), "--threads", str(THREADS), "--json"]


def row(name, mine, other, target, key="median"):
    return {"name": name, "ours": mine, "peer": other, "target": target, "key": key}


def rows():
    r20, r20p = "cfg/resnet20.cfg", "cfg/resnet20-plain.cfg"
    at84 = f"{OUT}/resnet20-84.cfg"
    tests = f"{OUT}/yolov3-tiny.cfg"
    step = lambda cfg, n=128, steps=8: ours("step", cfg, "-batch", n, "-steps", steps)
    tstep = lambda cfg, n=128, steps=5: torch("step", cfg, "--batch", n, "--steps", steps)
    out = [
        row("ResNet20 plain, batch 128, step / PyTorch", step(r20p), tstep(r20p), 0.80),
        row("ResNet20 plain, batch 128, step / darknet", step(r20p), ours("step", r20p, "-batch", 128, "-steps", 1, "-host"), 0.04),
        row("ResNet20 perturbed, batch 128, step / PyTorch", step(r20), tstep(r20), 0.30),
        row("ResNet20 meta-training step / PyTorch", ours("meta", r20, "-batch", 128, "-steps", 5), torch("meta", r20, "--batch", 128, "--steps", 3), 0.30),
        row("ResNet20 perturbed / plain, ours", step(r20), step(r20p), 1.40),
        row("ResNet20 perturbed, peak memory / PyTorch", step(r20), tstep(r20), 0.50, "peak"),
    ]
    for name in ("conv4", "vgg9"):
        n = 8 if name == "conv4" else 3
        out.append(row(f"{name} plain, batch 128, step / PyTorch", step(f"cfg/{name}-plain.cfg", steps=n), tstep(f"cfg/{name}-plain.cfg", steps=n), 0.85))
        out.append(row(f"{name} perturbed, batch 128, step / PyTorch", step(f"cfg/{name}.cfg", steps=n), tstep(f"cfg/{name}.cfg", steps=n), 0.45))
    out += [
        row("ResNet20 perturbed, 84x84, batch 32, step / PyTorch", step(at84, 32, 5), tstep(at84, 32, 3), 0.35),
        row("yolov3-tiny 416, forward, batch 1 / darknet", ours("predict", tests, "-batch", 1, "-steps", 10), ours("predict", tests, "-batch", 1, "-steps", 3, "-host"), 0.10),
        row("yolov3-tiny 416, forward, batch 1 / OpenCV", ours("predict", tests, "-batch", 1, "-steps", 20), torch("opencv", tests, "--steps", 20), 0.70),
        row("yolov3-tiny 416, step, batch 8 / darknet", ours("step", tests, "-batch", 8, "-steps", 3), ours("step", tests, "-batch", 8, "-steps", 1, "-host"), 0.08),
        row("ResNet20 plain, step with real data / in memory", ours("step", r20p, "-batch", 128, "-steps", 20, "-data", DATA), step(r20p, steps=20), 1.05),
        row("ResNet20, start of the program to the end of the first step, s", ours("step", r20, "-batch", 128, "-steps", 1), None, 2.0, "first"),
    ]
    return out


def derived_cfgs():
    with open("cfg/resnet20.cfg") as f:
        text = f.read()
    with open(f"{OUT}/resnet20-84.cfg", "w") as f:
        f.write(re.sub(r"(?m)^(width|height)=.*", r"\1=84", text))
    with open(TINY) as f:
        text = f.read()
    with open(f"{OUT}/yolov3-tiny.cfg", "w") as f:
        f.write(re.sub(r"(?m)^random=.*", "random=0", text))


def cpu_seconds():
    """Of all programs, without idle and waiting."""
    v = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return (sum(v[:8]) - v[3] - v[4]) / os.sysconf("SC_CLK_TCK")


def child_seconds():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def run(command, key):
    """The figure of one run, and what part of the machine others took meanwhile."""
    path = f"{OUT}/last.json"
    for again in (True, False):
        t0, all0, own0 = time.monotonic(), cpu_seconds(), child_seconds()
        done = subprocess.run([*command, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wall = time.monotonic() - t0
        if done.returncode:
            sys.exit(f"bench: {' '.join(command)} failed: {done.stdout.strip().splitlines()[-1:]}")
        others = max(0, cpu_seconds() - all0 - (child_seconds() - own0)) / (wall * CORES)
        if others <= TOO_BUSY:
            break
    with open(path) as f:
        result = json.load(f)
    figure = {"median": result["seconds"]["median"], "peak": result["peak_mb"], "first": result.get("first_step")}[key]
    return figure, others, result.get("form", "")


def median(v):
    v = sorted(v)
    return (v[len(v) // 2] + v[(len(v) - 1) // 2]) / 2


FORMS = {}      # by the peer's command: the fastest form, which its first run found by trying all


def measure(r):
    mine, other, busy, form = [], [], 0, ""
    peer = r["peer"] and tuple(r["peer"])
    for _ in range(PAIRS):
        a, others, _ = run(r["ours"], r["key"])
        mine.append(a)
        busy += others > TOO_BUSY
        if r["peer"]:
            known = ["--form", FORMS[peer]] if FORMS.get(peer) else []
            b, others, form = run([*peer[:-1], *known, peer[-1]], r["key"])
            FORMS[peer] = form
            other.append(b)
            busy += others > TOO_BUSY
    ratios = [a / b for a, b in zip(mine, other)] or mine
    return {"name": r["name"], "ours": median(mine), "peer": median(other) if other else None, "ratio": median(ratios), "low": min(ratios),
            "high": max(ratios), "target": r["target"], "busy": busy, "form": form, "command": " ".join(r["ours"][:-1]),
            "peer_command": " ".join(r["peer"][:-1]) if r["peer"] else None}


def line(m):
    peer = f"{m['peer']:.4g}" if m["peer"] else "-"
    verdict = "met" if m["ratio"] <= m["target"] else "missed"
    if m["busy"]:
        verdict += f"; machine busy in {m['busy']} runs: do not believe it"
    return f"| {m['name']} | {m['ours']:.4g} | {peer} | {m['ratio']:.3f} ({m['low']:.3f} to {m['high']:.3f}) | {m['target']:.2f} | {verdict} |"


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    return f"{time.strftime('%Y-%m-%d')}, {model}, {CORES} cores, {THREADS} threads, {PAIRS} pairs a row"


def main():
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    os.makedirs(OUT, exist_ok=True)
    derived_cfgs()
    head = [f"`scripts/bench.sh`, {machine()}. Seconds (memory: MB); ratios: median (lowest to highest).", "",
            "| work | ours | peer | ours / peer | target | |", "|---|---|---|---|---|---|"]
    print("\n".join(head), flush=True)
    results, lines = [], head
    for r in rows():
        if not pattern.search(r["name"]):
            continue
        m = measure(r)
        results.append(m)
        lines.append(line(m))
        print(lines[-1], flush=True)
        with open(f"{OUT}/table.json", "w") as f:
            json.dump(results, f, indent=1)
        with open(f"{OUT}/table.md", "w") as f:
            f.write("\n".join(lines) + "\n")


main()
