#!/usr/bin/python3
"""demo_table.py FOLDER: prints the demo's table from the JSON files there, and leaves the data of the plots in FOLDER/plot."""
import glob
import json
import math
import os
import re
import sys

# Student's t, two-sided 95 %, by the number of seeds: 1 (none), 2, 3 ... 10 and more.
STUDENT = [math.inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26]
NAMES = {"plain": "plain", "phi": "learned phi", "random": "random phi"}


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError) as e:
        sys.exit(f"demo_table: {path}: {e}")


def mean_sd(values):
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def find_runs(folder):
    """{method: [(seed, folder)]}, methods and seeds in order."""
    runs = {}
    for path in glob.glob(os.path.join(folder, "*-*", "train.json")):
        found = re.fullmatch(r"(plain|phi|random)-(\d+)", os.path.basename(os.path.dirname(path)))
        if found:
            runs.setdefault(found[1], []).append((int(found[2]), os.path.dirname(path)))
    if "plain" not in runs:
        sys.exit(f"demo_table: no plain-SEED/train.json under {folder}: run scripts/demo.sh")
    return {m: sorted(runs[m]) for m in NAMES if m in runs}


def rows_of(runs):
    """(title, method, [valid JSON of each seed], [training seconds])."""
    for method, dirs in runs.items():
        trains = [load(os.path.join(d, "train.json")) for _, d in dirs]
        # Tests along the way count as time of training: leave such runs out where there are others.
        clean = [t["seconds"] for t in trains if not t["valid"]] or [t["seconds"] for t in trains]
        yield f"{NAMES[method]}, one pass", method, [load(os.path.join(d, "valid.json")) for _, d in dirs], clean
        if all(os.path.exists(os.path.join(d, "samples.json")) for _, d in dirs):
            sampled = [load(os.path.join(d, "samples.json")) for _, d in dirs]
            yield f"{NAMES[method]}, {sampled[0]['samples']:.0f} samples", method, sampled, clean


def cell(values, width, digits, factor=1):
    mean, sd = mean_sd([factor * v for v in values])
    return f"{mean:{width}.{digits}f} +- {sd:.{digits}f}"


def print_table(rows, seeds, images):
    print(f"{images:,} test images, {len(seeds)} seeds ({' '.join(map(str, seeds))}); mean +- standard deviation over the seeds")
    print(f"{'method':26s} {'top-1 %':>15s}  {'NLL':>17s}  {'ECE':>17s}  {'train s':>8s}  {'test s':>7s}")
    for title, _, valid, train in rows:
        print(f"{title:26s} {cell([v['top1'] for v in valid], 7, 2, 100):>15s}  {cell([v['nll'] for v in valid], 7, 4):>17s}"
              f"  {cell([v['ece'] for v in valid], 7, 4):>17s}  {mean_sd(train)[0]:8.1f}"
              f"  {mean_sd([v['seconds'] for v in valid])[0]:7.1f}")


def verdict(a, b, key, low_is_good, factor, unit):
    """The difference b - a, seed by seed."""
    mean, sd = mean_sd([factor * (y[key] - x[key]) for x, y in zip(a, b)])
    error = sd / math.sqrt(len(a))
    if len(a) < 2:
        word = "one seed, no verdict"
    elif abs(mean) <= STUDENT[min(len(a), len(STUDENT)) - 1] * error:
        word = "no clear difference"
    else:
        word = "better" if (mean < 0) == low_is_good else "worse"
    return f"{mean:+.{2 if factor > 1 else 4}f}{unit} ({word})"


def print_verdicts(rows):
    plain = rows[0][2]
    print()
    for title, method, valid, _ in rows:
        if method != "plain" and len(valid) == len(plain):
            print(f"{title} against plain, seed by seed: top-1 {verdict(plain, valid, 'top1', False, 100, ' points')}, "
                  f"NLL {verdict(plain, valid, 'nll', True, 1, '')}, ECE {verdict(plain, valid, 'ece', True, 1, '')}")
    print("(better, worse: zero lies outside the 95 % interval of the mean difference; few seeds tell only large effects)")


def write_table(path, header, rows):
    with open(path, "w", encoding="utf-8") as f:
        f.write("# " + header + "\n")
        f.writelines(" ".join(f"{v:.6g}" for v in row) + "\n" for row in rows)


def smooth(points, n):
    """Mean of up to n neighbours before and after, so that a batch's luck does not hide the course."""
    return [(x, sum(p[1] for p in points[max(0, i - n):i + n + 1]) / len(points[max(0, i - n):i + n + 1]))
            for i, (x, _) in enumerate(points)]


def write_plots(folder, runs):
    plot = os.path.join(folder, "plot")
    os.makedirs(plot, exist_ok=True)
    for method, dirs in runs.items():
        train = load(os.path.join(dirs[0][1], "train.json"))
        loss = [(p["step"], p["loss"]) for p in train["log"]]
        write_table(os.path.join(plot, f"loss-{method}.dat"), "step, training loss of the first seed, smoothed",
                    smooth(loss, max(1, len(loss) // 40)))
        write_table(os.path.join(plot, f"accuracy-{method}.dat"), "step, test top-1 % of the first seed",
                    [(p["step"], 100 * p["top1"]) for p in train["valid"]])
        for kind in ("valid", "samples"):
            paths = [os.path.join(d, kind + ".json") for _, d in dirs]
            if all(map(os.path.exists, paths)):
                write_bins(os.path.join(plot, f"bins-{method}-{kind}.dat"), [load(p)["bins"] for p in paths])
    meta = os.path.join(folder, "meta.json")
    if os.path.exists(meta):
        log = load(meta)["log"]
        n = max(1, len(log) // 40)
        theta = smooth([(p["step"], p["theta_loss"]) for p in log], n)
        phi = smooth([(p["step"], p["phi_loss"]) for p in log], n)
        write_table(os.path.join(plot, "meta.dat"), "step, loss of the theta batches, loss of the phi batches, smoothed",
                    [(x, a, b) for (x, a), (_, b) in zip(theta, phi)])


def write_bins(path, seeds):
    """Bins of all seeds together; empty ones are left out."""
    rows = []
    for bins in zip(*seeds):
        count = sum(b["count"] for b in bins)
        if count:
            rows.append((sum(b["count"] * b["confidence"] for b in bins) / count,
                         sum(b["count"] * b["accuracy"] for b in bins) / count, count))
    write_table(path, "mean confidence, accuracy, images", rows)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: demo_table.py FOLDER")
    runs = find_runs(sys.argv[1])
    rows = list(rows_of(runs))
    print_table(rows, [seed for seed, _ in runs["plain"]], int(rows[0][2][0]["images"]))
    print_verdicts(rows)
    write_plots(sys.argv[1], runs)


if __name__ == "__main__":
    main()
