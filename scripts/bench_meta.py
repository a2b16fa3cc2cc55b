#!/usr/bin/env python3
"""bench_meta.py [META] - seconds of a meta-training step against tasks and ranks (default META: cfg_meta/tiny_imagenet.meta, whose tasks must be
prepared). From the environment: TASKS ("1 2 5 10"), RANKS ("1 2"), STEPS (10). Each rank takes its share of the processors as threads."""
import json
import os
import re
import resource
import statistics
import subprocess
import sys

import tempfile

meta = sys.argv[1] if len(sys.argv) > 1 else "cfg_meta/tiny_imagenet.meta"
os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"


def shortened(tasks, path):
    parts = re.split(r"(?m)^(?=\[task\])", open(meta).read())
    with open(path, "w") as f:
        f.write("".join(parts[:tasks + 1]))


def measure(tasks, ranks, folder):
    # Paths of a META file may be relative to its folder: the shortened one stays there.
    short = os.path.join(os.path.dirname(meta) or ".", f".bench-{os.getpid()}.meta")
    threads = max(os.cpu_count() // ranks, 1)
    report = os.path.join(folder, "b.json")
    command = ["build/metaperturb", "meta", "train", short, "-steps", os.environ.get("STEPS", "10"), "-threads", str(threads),
               "-out", os.path.join(folder, "b.phi"), "-json", report]
    shortened(tasks, short)
    try:
        done = subprocess.run((["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []) + command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    finally:
        os.unlink(short)
    if done.returncode:
        sys.exit(done.stdout.strip().splitlines()[-1])
    t = [row["seconds"] for row in json.load(open(report))["log"]]
    return threads, statistics.median(b - a for a, b in zip(t[1:], t[2:]))


print("| tasks | ranks | threads of a rank | s a step, median | s a step and task |\n|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as folder:
    for tasks in map(int, os.environ.get("TASKS", "1 2 5 10").split()):
        for ranks in map(int, os.environ.get("RANKS", "1 2").split()):
            if ranks <= tasks:
                threads, s = measure(tasks, ranks, folder)
                print(f"| {tasks} | {ranks} | {threads} | {s:.2f} | {s / tasks:.2f} |", flush=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"\nlargest process: {peak:.0f} MB")
