#!/usr/bin/env python3
"""detectors_table.py FOLDER NAME - mAP of the runs of scripts/compare_detectors.sh as a table, and their loss as curves.png."""
import glob
import json
import os
import re
import statistics
import subprocess
import sys

folder, name = sys.argv[1:3]
rows = (("plain, one pass", "plain", "map"), ("[perturb], one pass", "phi", "map"), ("[perturb], 5 samples", "phi", "map5"),
        ("[perturb] noise=unit scale=0, one pass", "unit", "map"), ("[perturb] noise=unit scale=0, 5 samples", "unit", "map5"))


def figures(method, kind):
    """{seed: (mAP@0.50, mAP@0.50:0.95)} in percent"""
    out = {}
    for path in glob.glob(f"{folder}/{method}-*.{kind}.json"):
        d = json.load(open(path))
        out[int(re.search(r"-(\d+)\.", os.path.basename(path)).group(1))] = (100 * d["map50"], 100 * d["map50_95"])
    return out


def spread(v):
    return f"{statistics.mean(v):.2f} +- {statistics.stdev(v):.2f}" if len(v) > 1 else f"{v[0]:.2f}"


lines = [f"| {name}: method | mAP@0.50 | mAP@0.50:0.95 | by seed (mAP@0.50) | training, s |", "|---|---|---|---|---|"]
for title, method, kind in rows:
    got = figures(method, kind)
    if not got:
        continue
    seconds = [json.load(open(f"{folder}/{method}-{s}.json"))["seconds"] for s in got]
    lines.append(f"| {title} | {spread([v[0] for v in got.values()])} | {spread([v[1] for v in got.values()])} | "
                 f"{', '.join(f'{got[s][0]:.2f}' for s in sorted(got))} | {statistics.mean(seconds):.0f} |")
print("\n".join(lines))
with open(f"{folder}/table.md", "w") as f:
    f.write("\n".join(lines) + "\n")

script = ["set terminal pngcairo size 900,500 font 'DejaVu Sans,10'", f"set output '{folder}/curves.png'", "set grid", "set xlabel 'step'",
          "set ylabel 'loss (mean of the last steps)'", "set logscale y"]
plots = []
titles = {"plain": "plain", "phi": "[perturb]", "unit": "[perturb] noise=unit scale=0"}
for method, color in (("plain", "#555555"), ("phi", "#c03010"), ("unit", "#2060b0")):
    for k, path in enumerate(sorted(p for p in glob.glob(f"{folder}/{method}-*.json") if ".map" not in p)):
        block = f"${method}{k}"
        script.append(f"{block} << EOD\n" + "\n".join(f"{r['step']} {r['average']}" for r in json.load(open(path))["log"]) + "\nEOD")
        plots.append(f"{block} u 1:2 w l lw 1.5 lc rgb '{color}' " + (f"title '{titles[method]}'" if k == 0 else "notitle"))
script.append("plot " + ", ".join(plots))
try:
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
except (OSError, subprocess.CalledProcessError) as e:
    print(f"detectors_table: {folder}/curves.png is not drawn: {e}", file=sys.stderr)
