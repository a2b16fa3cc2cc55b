#!/usr/bin/env python3
"""options.py METAPERTURB DIR - for options.sh: walks over every option of every command. DIR holds
make_images.py's set, and make_boxes.py's in DIR/set. Prints a line for each check: `ok WHAT`,
`bad WHAT`, `skip WHAT`, and `done` at the end."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

MP, T = os.path.abspath(sys.argv[1]), sys.argv[2]
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
TINY, PLAIN, YOLO = f"{T}/tiny.cfg", f"{T}/tiny-plain.cfg", f"{T}/yolo.cfg"
D, B, OUT = f"{T}/tiny.data", f"{T}/set/boxes.data", f"{T}/o"
W, W2, WP, WY = f"{T}/w/tiny.weights", f"{T}/w2/tiny.weights", f"{T}/w/tiny-plain.weights", f"{T}/w/yolo_final.weights"
PHI = os.path.join(HERE, "../../cfg_meta/phi/tiny_imagenet_resnet20.phi")
PICTURE, SCENE = f"{T}/test/disk/0.png", f"{T}/set/images/test1.png"
VIDEO = f"{T}/v.avi"


def change(source, target, *pairs):
    with open(source, encoding="utf-8") as f:
        text = f.read()
    for pattern, new in pairs:
        text, n = re.subn(pattern, new, text, flags=re.M)
        assert n, f"{source} has no {pattern}"
    with open(target, "w", encoding="utf-8") as f:
        f.write(text)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


class Run:
    """One run in a fresh folder, which is also where it writes: its status, its words, its files."""

    def __init__(self, words, before=None, env=None):
        shutil.rmtree(OUT, ignore_errors=True)
        os.mkdir(OUT)
        if before:
            before()
        done = subprocess.run([MP, *words], cwd=OUT, env={**os.environ, **(env or {})}, capture_output=True, check=False)
        self.status = done.returncode
        self.error = done.stderr.decode("utf-8", "replace")
        self.text = done.stdout.decode("utf-8", "replace") + self.error
        self.files = {}
        for folder, _, names in os.walk(OUT):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    self.files[os.path.relpath(path, OUT)] = f.read()

    def json(self):
        return json.loads(self.files["j"])

    def last(self):
        return (self.error.strip().splitlines() or [""])[-1]

    def print(self):
        """What must be the same when the same is run again. What only repeats an option's value
        does not count."""
        # Lines of progress come at most once a second, so their number is a matter of speed.
        words = re.sub(r"^\d+(, [\d.]+)?: .* left$", "", self.text, flags=re.M)
        words = re.sub(r"^frame \d+.* frames/s: .*$", "", words, flags=re.M)
        words = re.sub(r"[\d.]+ frames/s", "", words)
        words = re.sub(r"deterministic|\d+ noise samples?|seed \d+|at score [\d.]+:|steps \d+ to \d+", "", words)
        words = re.sub(r"(\d+ h )?\d+ m( \d+ s)?\b", "", words)
        words = re.sub(r"in [\d.]+ seconds|[\d.]+ seconds|[\d.]+ s(/step)?\b|[\d.]+ [MG]B", "", words)
        hashes = []
        for name, data in sorted(self.files.items()):
            if ".state" in name:    # of meta-training: it holds times
                continue
            if name == "j" or name.endswith(".json"):
                own = rb'"(seconds|samples|thresh|iou_thresh|like|seed|threads|step_size|norm|steps)":\s*[^,}\n]*'
                data = re.sub(own, b"", data)
            hashes.append((name, hashlib.md5(data).hexdigest()))
        return self.status, words, hashes


def say(good, what):
    print("ok" if good else "bad", what.replace("\n", " "), flush=True)


rows, bases = set(), {}


def base_run(words, before):
    key = (tuple(words), before)
    if key not in bases:
        bases[key] = Run(words, before)
        if words in BASE.values() and not bases[key].status:
            again = Run(words, before).print()
            say(again == bases[key].print(), f"{words}: the same twice")
    return bases[key]


def changes(command, option, *value, given=(), without=(), before=None):
    """With the option the outcome is another than without: WITHOUT stands in its place, GIVEN in both."""
    rows.add((command, option))
    base = base_run([*BASE[command], *given, *without], before)
    run = Run([*BASE[command], *given, option, *value], before)
    what = f"{command} {option}"
    if base.status or run.status:
        say(False, f"{what}: status {base.status}, {run.status}: {base.last()} {run.last()}")
    else:
        say(run.print() != base.print(), f"{what}: has no effect")


def rescues(command, option, words, before=None):
    """Without it the words are refused, with it they run."""
    rows.add((command, option))
    plain, run = Run(words, before), Run([*words, option], before)
    good = plain.status in (1, 2) and not run.status and len(plain.error) > 9
    say(good, f"{command} {option}: status {plain.status} without, {run.status} with it: {run.last()}")


def refused(command, option, *value, says, given=(), base=None):
    """One sentence, and no file."""
    rows.add((command, option))
    run = Run([*(base or BASE[command]), *given, option, *value])
    good = run.status in (1, 2) and says in run.last() and not run.files
    say(good, f"{command} {option} {value}: status {run.status}: '{run.last()}', files {sorted(run.files)}")


def holds(command, option, *value, given=(), test):
    """What the option says is found in the run."""
    rows.add((command, option))
    run = Run([*BASE[command], *given, option, *value])
    say(not run.status and test(run), f"{command} {option}: status {run.status}: {run.last()}")


def prepare():
    change(f"{HERE}/tiny.cfg", TINY, (r"^max_batches=.*", "max_batches=12"), (r"^batch=.*", "batch=6"))
    change(f"{HERE}/tiny-plain.cfg", PLAIN, (r"^max_batches=.*", "max_batches=12"), (r"^batch=.*", "batch=6"))
    change(f"{HERE}/tiny-yolo.cfg", YOLO, (r"^max_batches=.*", "max_batches=100"))
    change(YOLO, f"{T}/two/yolo.cfg", (r"^max_batches=.*", "max_batches=2"))
    for data, cfg, folder, seed in (D, TINY, "w", "1"), (D, TINY, "w2", "2"), (D, PLAIN, "w", "1"):
        subprocess.run([MP, "classifier", "train", data, cfg, "-seed", seed, "-backup", f"{T}/{folder}"], check=True, capture_output=True)
    subprocess.run([MP, "detector", "train", B, YOLO, "-seed", "1", "-backup", f"{T}/w"], check=True, capture_output=True)
    bad = write(f"{T}/bad.png", "no picture")
    for source, part in (D, "train"), (D, "test"), (B, "train"), (B, "test"):
        root = os.path.dirname(source)
        with open(f"{root}/{part}.list", encoding="utf-8") as f:
            lines = f.read()
        broken = os.path.join(os.path.dirname(lines.split()[0]), "broken.png")
        shutil.copy(bad, broken)
        write(f"{root}/bad-{part}.list", lines + broken + "\n")
        if source == B:
            write(f"{root}/labels/broken.txt", "0 .5 .5 .2 .2\n")
            shutil.copy(SCENE, f"{root}/images/free-{part}.png")
            write(f"{root}/free-{part}.list", lines + f"{root}/images/free-{part}.png\n")
            change(source, f"{root}/free-{part}.data", (rf"/{part}.list", f"/free-{part}.list"))
        change(source, f"{root}/bad-{part}.data", (rf"/{part}.list", f"/bad-{part}.list"))
    change(D, f"{T}/same.data", (r"^valid=.*\n", f"valid={T}/train.list\n"))
    task = f"[task]\ndata={D}\n"
    meta = f"[meta]\ncfg={TINY}\nphi={OUT}/m.phi\nsteps=2\nbatch=6\n"
    write(f"{T}/m.meta", meta + task)
    write(f"{T}/bad.meta", meta + task.replace(D, f"{T}/bad-train.data"))
    write(f"{T}/s.suite", f"[suite]\nresults={OUT}/r.jsonl\nsteps=4\nseeds=1,2\nbatch=6\n[target]\nname=tiny\ndata={D}\n[network]\nname=net\n"
          f"cfg={TINY}\nplain={PLAIN}\n[method]\nname=plain\n[method]\nname=phi\ncfg=perturb\nphi={PHI}\n")
    subprocess.run([MP, "compare", f"{T}/s.suite"], check=True, capture_output=True, cwd=T)
    shutil.move(f"{OUT}/r.jsonl", f"{T}/r.jsonl")


def results():
    shutil.copy(f"{T}/r.jsonl", f"{OUT}/r.jsonl")


BASE = {
    "classifier train": ["classifier", "train", D, TINY, "-backup", ".", "-json", "j"],
    "classifier valid": ["classifier", "valid", D, TINY, W, "-json", "j"],
    "classifier predict": ["classifier", "predict", D, TINY, W, PICTURE, "-json", "j"],
    "classifier attack": ["classifier", "attack", D, TINY, W, "-images", "6", "-steps", "3", "-eps", "0.1", "-json", "j"],
    "detector train": ["detector", "train", B, f"{T}/two/yolo.cfg", WY, "-clear", "-backup", ".", "-json", "j"],
    "detector valid": ["detector", "valid", f"{T}/here.data", YOLO, WY, "-json", "j"],
    "detector test": ["detector", "test", B, YOLO, WY, SCENE, "-thresh", "0.1", "-json", "j"],
    "detector demo": ["detector", "demo", B, YOLO, WY, VIDEO, "-thresh", "0.1", "-json", "j"],
    "detector calc_anchors": ["detector", "calc_anchors", B],
    "detector map": ["detector", "map", B, YOLO, WY, "-json", "j"],
    "meta train": ["meta", "train", f"{T}/m.meta", "-json", "j"],
    "compare": ["compare", f"{T}/s.suite"],
    "bench step": ["bench", "step", PLAIN, "-steps", "2", "-json", "j"],
    "bench meta": ["bench", "meta", TINY, "-steps", "2", "-json", "j"],
    "bench predict": ["bench", "predict", PLAIN, "-steps", "2", "-json", "j"],
    "bench data": ["bench", "data", D, PLAIN, "-steps", "2", "-json", "j"],
    "cfg attach": ["cfg", "attach", f"{HERE}/tiny-plain.cfg", "a.cfg"],
    "cfg check": ["cfg", "check", TINY],
    "weights export": ["weights", "export", PLAIN, WP, "m.onnx"],
    "weights fold": ["weights", "fold", TINY, W, "f.cfg", "f.weights", "-calibrate", D, "-distill", "20", "-json", "j"],
    "phi show": ["phi", "show", PHI, TINY, W, D, "-json", "j"],
    "phi plot": ["phi", "plot", PHI, TINY, W, D, "-out", "p.png"],
}


defaults = {}    # {(command, option): the value that help promises}


def options_of():
    """{command: options}, as the program lists them."""
    said = subprocess.run([MP, "--help"], capture_output=True, text=True, check=True).stdout
    found = {}
    for group, name in re.findall(r"^  metaperturb (\S+)(?: ([a-z_]+)\b)?", said, re.M):
        words = [group] + [w for w in [name] if w]
        said = subprocess.run([MP, *words, "--help"], capture_output=True, text=True, check=True).stdout
        found[" ".join(words)] = re.findall(r"^  (-\w+)", said, re.M)
        for option, value in re.findall(r"^  (-\w+) .*\bdefault (\d[\d.]*|alexeyab)\b", said, re.M):
            defaults[" ".join(words), option] = value
    return found


def everywhere(listed):
    """What all commands share. A row for each that has the option."""
    shown = {"OMP_DISPLAY_AFFINITY": "TRUE", "OMP_AFFINITY_FORMAT": "threads=%N"}
    for command, options in listed.items():
        if "-threads" in options:
            # No result may depend on it: the OpenMP library itself says with how many it runs,
            # bench data what it was told.
            rows.add((command, "-threads"))
            run = Run([*BASE[command], "-threads", "3"], env=shown)
            seen = "threads=3" in run.text if command != "bench data" else run.json()["threads"] == 3
            say(not run.status and seen, f"{command} -threads: runs with 3 threads: {run.last()}")
        if "-memory" in options and command != "compare":
            refused(command, "-memory", "1M", says="problem" if command == "cfg check" else "-memory")
        if "-json" in options:
            rows.add((command, "-json"))
            words = BASE[command][:]
            words[words.index("j")] = "other"
            run = Run(words)
            say("other" in run.files and json.loads(run.files["other"]), f"{command} -json: writes the file: {run.last()}")
        if "-nogpu" in options:
            # In builds for the CPU it says what is so anyway; in others gpu.sh looks.
            rows.add((command, "-nogpu"))
            before = results if command == "compare" else None
            more = ["-list"] if command == "compare" else []
            run = Run([*BASE[command], *more, "-nogpu"], before)
            say(run.status == 0, f"{command} -nogpu: {run.last()}")
            if with_gpu:
                rows.update({(command, "-i"), (command, "-tf32")})
                continue
            refused(command, "-i", "0", says="this build runs on the CPU alone")
            refused(command, "-tf32", says="this build runs on the CPU alone")
        if "-bf16" in options:
            bfloat(command)


def bfloat(command):
    """Refused where the processor has none, which any processor can be held to; what it does where there is one: bf16.sh."""
    rows.add((command, "-bf16"))
    os.environ["DNNL_MAX_CPU_ISA"] = "AVX2"
    refused(command, "-bf16", says="no instructions for bfloat16")
    del os.environ["DNNL_MAX_CPU_ISA"]


def promises():
    """What help calls the default is what runs without the option."""
    quick = ("classifier valid", "classifier predict", "detector valid", "detector test", "detector map",
             "detector calc_anchors", "weights export")
    for (command, option), value in defaults.items():
        if command not in quick or option in BASE[command]:
            continue
        same = Run([*BASE[command], option, value]).print() == base_run(BASE[command], None).print()
        say(same, f"{command} {option} {value}, which help calls the default, is another run than without it")
    say(len(defaults) > 50, f"help tells the defaults ({len(defaults)})")


def classifiers():
    c = "classifier train"
    changes(c, "-seed", "2")
    rescues(c, "-clear", [*BASE[c], W])
    changes(c, "-phi", PHI)
    changes(c, "-backup", "sub")
    changes(c, "-every", "6")
    changes(c, "-samples", "2", given=["-every", "6"])
    refused(c, "-samples", "2", says="-samples does nothing without -every")
    for part, more in ("train", []), ("test", ["-every", "12"]):
        rescues(c, "-skip_bad", ["classifier", "train", f"{T}/bad-{part}.data", TINY, "-backup", ".", *more])
    for c in "classifier valid", "classifier predict":
        changes(c, "-seed", "2", given=["-samples", "2"])
        changes(c, "-phi", PHI)
        changes(c, "-samples", "2")
        changes(c, "-top", "2")
    rescues("classifier valid", "-skip_bad", ["classifier", "valid", f"{T}/bad-test.data", TINY, W])
    rescues("classifier predict", "-skip_bad", [*BASE[c], f"{T}/bad.png"])
    changes(c, "-out", "picture")
    c = "classifier attack"
    transfer = ["-transfer", PLAIN, "-transfer_weights", WP]
    changes(c, "-seed", "2")
    changes(c, "-phi", PHI)
    changes(c, "-samples", "2")
    changes(c, "-norm", "l2")
    changes(c, "-eps", "0.2")
    changes(c, "-steps", "1")
    changes(c, "-step", "0.01")
    changes(c, "-images", "3")
    changes(c, "-transfer", PLAIN, "-transfer_weights", WP)
    changes(c, "-transfer_weights", W2, without=["-transfer_weights", W], given=["-transfer", TINY])
    refused(c, "-transfer_weights", W, says="belong together")
    refused(c, "-transfer", TINY, says="belong together")
    changes(c, "-check")
    changes(c, "-plot", "p.png")
    other = Run([*BASE[c], *transfer]).files["j"].decode()
    changes(c, "-beside", write(f"{T}/beside.json", other), given=["-plot", "p.png"])
    refused(c, "-beside", f"{T}/beside.json", says="-plot FILE")
    rescues(c, "-skip_bad", ["classifier", "attack", f"{T}/bad-test.data", TINY, W, "-steps", "1", "-eps", "0.1"])


def detectors():
    change(B, f"{T}/here.data", (r"^results=.*", f"results={OUT}"))
    change(f"{T}/set/bad-test.data", f"{T}/here-bad.data", (r"^results=.*", f"results={OUT}"))
    c = "detector train"
    changes(c, "-seed", "2")
    changes(c, "-phi", PHI)
    changes(c, "-backup", "sub")
    changes(c, "-every", "1")
    changes(c, "-map")
    refused(c, "-map", given=["-every", "1"], says="-map and -every exclude each other")
    changes(c, "-like", "alexeyab")
    for option, value in ("-samples", "2"), ("-thresh", "0.6"), ("-nms", "0.9"), ("-points", "11"):
        changes(c, option, value, given=["-every", "2"])
        refused(c, option, value, says=f"{option} does nothing without -every or -map")
    refused(c, "-points", "7", given=["-map"], says="must be 0")
    trained = ["detector", "train", B, YOLO, WY, "-backup", "."]
    rows.add((c, "-clear"))
    say("trained for 100 steps already" in Run(trained).text, "detector train without -clear goes on where WEIGHTS stand")
    say("steps 0 to 2" in Run(BASE[c]).text, "detector train -clear counts from 0")
    for part, more in ("train", []), ("test", ["-every", "2"]):
        rescues(c, "-skip_bad", ["detector", "train", f"{T}/set/bad-{part}.data", *BASE[c][3:6], "-backup", ".", *more])
        rescues(c, "-negatives", ["detector", "train", f"{T}/set/free-{part}.data", *BASE[c][3:6], "-backup", ".", *more])
    for c in "detector valid", "detector test", "detector map":
        changes(c, "-seed", "2", given=["-samples", "2"])
        changes(c, "-phi", PHI)
        changes(c, "-samples", "2")
        changes(c, "-thresh", "0.3")
        changes(c, "-nms", "0.9" if c == "detector map" else "0.1")
        changes(c, "-like", "alexeyab")
    c = "detector calc_anchors"
    changes(c, "-num", "4")
    changes(c, "-width", "320")
    changes(c, "-height", "320")
    changes(c, "-like", "darknet")
    changes(c, "-plot", "p")
    rescues(c, "-skip_bad", ["detector", "calc_anchors", f"{T}/set/bad-train.data"])
    rescues(c, "-negatives", ["detector", "calc_anchors", f"{T}/set/free-train.data"])
    c = "bench data"
    rows.add((c, "-draw"))
    run = Run(["bench", "data", B, YOLO, "-draw", "sheets", "-steps", "1"])
    say(list(run.files) == ["sheets/sheet-1.png"], f"{c} -draw: {run.text}")
    for option, value in ("-batch", "2"), ("-json", "j"):
        run = Run(["bench", "data", B, YOLO, "-draw", "sheets", option, value])
        say(run.status and f"{option} and -draw exclude each other" in run.text, f"{c} {option} -draw: {run.text}")
    c = "detector map"
    changes("detector valid", "-out", "name")
    changes("detector test", "-out", "name")
    rescues("detector valid", "-skip_bad", ["detector", "valid", f"{T}/here-bad.data", YOLO, WY])
    rescues("detector test", "-skip_bad", [*BASE["detector test"], f"{T}/bad.png"])
    rescues(c, "-skip_bad", ["detector", "map", f"{T}/set/bad-test.data", YOLO, WY])
    rescues(c, "-negatives", ["detector", "map", f"{T}/set/free-test.data", YOLO, WY])
    changes(c, "-points", "11")
    changes(c, "-points", "101")
    refused(c, "-points", "50", says="must be 0")
    changes(c, "-iou_thresh", "0.75")


def videos():
    c = "detector demo"
    changes(c, "-seed", "2", given=["-samples", "2"])
    changes(c, "-phi", PHI)
    changes(c, "-samples", "2")
    changes(c, "-thresh", "0.3")
    changes(c, "-nms", "0.1")
    changes(c, "-like", "alexeyab")
    changes(c, "-every", "2")
    changes(c, "-out", "v.mp4")
    refused(c, "-out", "v.mkv", says=".mp4 or .avi")


def make_video():
    """False: this build, or this Python, has no OpenCV."""
    built = "libopencv-dev" not in Run(["detector", "demo", B, YOLO, WY, VIDEO]).error
    pictures = [f"{T}/set/images/test{i}.png" for i in range(6)]
    tool = os.path.join(HERE, "../train/video.py")
    return built and not subprocess.run(["/usr/bin/python3", tool, "make", VIDEO, "5", *pictures], capture_output=True, check=False).returncode


def state():
    words = ["meta", "train", f"{T}/m.meta", "-steps", "1"]
    subprocess.run([MP, *words], cwd=OUT, check=True, capture_output=True)
    os.remove(f"{OUT}/m.phi")


def suites():
    c = "meta train"
    changes(c, "-seed", "2")
    changes(c, "-steps", "3")
    changes(c, "-resume", before=state)
    changes(c, "-out", "other.phi")
    rescues(c, "-skip_bad", ["meta", "train", f"{T}/bad.meta"])
    c = "compare"
    for option, value in ("-list", []), ("-table", []), ("-plot", ["p"]):
        changes(c, option, *value, before=results)
        refused(c, option, *value, given=["-cell", "tiny/net/phi/1"], says=f"{option} and -cell exclude each other")
    changes(c, "-cell", "tiny/net/phi/1", before=results)
    # Each cell for itself, as with any other fault of a cell.
    rows.add((c, "-memory"))
    run = Run([*BASE[c], "-memory", "1M"])
    say(run.status == 1 and run.text.count("more than -memory") == 4 and not run.files.get("r.jsonl"), f"{c} -memory: {run.text}")


def tools():
    for c in "bench step", "bench meta", "bench predict", "bench data":
        # Only times are shown, which no seed decides: a row can do no more than see that it is read.
        refused(c, "-seed", "-1", says="not a whole number")
        holds(c, "-batch", "3", test=lambda run: run.json()["batch"] == 3)
        holds(c, "-steps", "4", test=lambda run: run.json()["steps"] == 4)
        if c != "bench data":
            refused(c, "-data", f"{T}/bad-train.data", says="broken.png")
        if c in ("bench step", "bench predict"):
            holds(c, "-host", test=lambda run: "(host)" in run.text)
    changes("cfg attach", "-phi", PHI)
    changes("cfg attach", "-where", "0")
    c = "weights export"
    changes(c, "-batch", "dynamic")
    changes(c, "-opset", "13")
    changes(c, "-data", D)
    refused(c, "-decode", says="no [yolo] and no [region]")
    c = "weights fold"
    changes(c, "-seed", "2", given=["-images", "8"])
    changes(c, "-samples", "1")
    changes(c, "-calibrate", f"{T}/same.data", without=["-calibrate", D])
    changes(c, "-images", "6")
    changes(c, "-distill", "0")
    rescues(c, "-skip_bad", ["weights", "fold", TINY, W, "f.cfg", "f.weights", "-calibrate", f"{T}/bad-train.data"])
    refused(c, "-negatives", says="only detectors have label files")
    fold = ["weights", "fold", YOLO, WY, "f.cfg", "f.weights", "-calibrate"]
    rescues(c, "-negatives", [*fold, f"{T}/set/free-test.data", "-images", "4", "-samples", "1"])
    change(D, f"{T}/untested.data", (r"^valid=.*\n", ""))
    refused(c, "-samples", "2", base=[*fold[:2], TINY, W, *fold[4:], f"{T}/untested.data"], says="nothing is tested")
    for c, output in ("phi show", []), ("phi plot", ["-out", "p.png"]):
        if c == "phi plot" and not shutil.which("gnuplot"):
            print("skip phi plot: no gnuplot: nothing is drawn")
            rows.update((c, option) for option in ("-seed", "-skip_bad", "-out"))
            continue
        changes(c, "-seed", "2")
        rescues(c, "-skip_bad", ["phi", c[4:], PHI, TINY, W, f"{T}/bad-test.data", *output])
        refused(c, "-skip_bad", base=["phi", c[4:], PHI, *output], says="no image is read")
        if output:
            changes(c, "-out", "other.png")


os.makedirs(f"{T}/two")
prepare()
with_gpu = Run([*BASE["bench data"], "-i", "0"]).status == 0
if with_gpu:
    print("skip -i, -tf32: a build for CUDA: gpu.sh looks at them")
every = options_of()
say(len(every) > 20 and sum(len(o) for o in every.values()) > 150, "the program lists its options")
if make_video():
    videos()
else:
    print("skip detector demo: a build without OpenCV (libopencv-dev), or no python3-opencv: its options were not walked")
    every.pop("detector demo")
detectors()
classifiers()
suites()
tools()
promises()
everywhere(every)
for command_name, options_listed in every.items():
    missing = [one for one in options_listed if (command_name, one) not in rows]
    say(not missing, f"{command_name}: no row in options.py for {missing}")
stale = [row for row in sorted(rows) if row[1] not in every.get(row[0], [])]
say(not stale, f"options.py: rows for what the program does not have: {stale}")
print("done")
