#!/usr/bin/env bash
# compare.sh - suites: the same lines however they are interrupted and by however many processes; the tables recomputed; refusals.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# An 82-number phi, a source network with other classes for fine-tuning, and a target with two of the three classes.
cat >"$T/p.meta" <<M
[meta]
cfg=$PWD/tests/lib/tiny.cfg
phi=$T/p.phi
steps=2
batch=6
[task]
data=$T/tiny.data
M
check "a phi" "$MP" meta train "$T/p.meta" >"$T/log" 2>&1
grep -v checker "$T/train.list" >"$T/two.train"
grep -v checker "$T/test.list" >"$T/two.test"
head -2 "$T/tiny.names" >"$T/two.names"
sed -e 's/classes=3/classes=2/' -e 's/train.list/two.train/' -e 's/test.list/two.test/' -e 's/tiny.names/two.names/' "$T/tiny.data" >"$T/two.data"
sed -e 's/^max_batches=.*/max_batches=12/' -e 's/^output=3/output=2/' tests/lib/tiny-plain.cfg >"$T/source.cfg"
check "a source network" "$MP" classifier train "$T/two.data" "$T/source.cfg" -backup "$T/source" >"$T/log" 2>&1
cat >"$T/s.suite" <<S
[suite]
results=$T/run/results.jsonl
steps=24
seeds=1,2,3
batch=12
[target]
name=tiny
data=$T/tiny.data
[target]
name=two
data=$T/two.data
[network]
name=net
cfg=$PWD/tests/lib/tiny.cfg
plain=$PWD/tests/lib/tiny-plain.cfg
[network]
name=halves
cfg=$PWD/tests/lib/tiny.cfg
targets=two
seeds=1,3
net.learning_rate=0.002
[method]
name=plain
[method]
name=phi
cfg=perturb
phi=$T/p.phi
samples=3
[method]
name=dropout
cfg=perturb
replace=dropout
dropout.probability=0.2
samples=2
networks=net
[method]
name=tuned
weights=$T/{network}urce/source.weights
targets=tiny
networks=net
seeds=2
net.learning_rate=0.001
[method]
name=long
against=plain
epochs=3
targets=tiny
networks=net
temperature=1
S
# {network} in a path stands for its name.
mv "$T/source" "$T/neturce"
compare() { "$MP" compare "$@" >"$T/log" 2>&1; }
# Lines without what no second run repeats, in one order.
figures() { python3 - "$1" <<'P'
import json, sys
for line in sorted(open(sys.argv[1]).read().splitlines()):
    j = json.loads(line)
    del j["seconds"]
    print(json.dumps(j, sort_keys=True))
P
}

check "straight run" compare "$T/s.suite"
cp "$T/run/results.jsonl" "$T/straight.jsonl"
figures "$T/straight.jsonl" >"$T/straight"
# tiny/net: plain, phi, dropout, long x 3 + tuned x 1; two/net: plain, phi, dropout x 3; two/halves: plain, phi x 2
check "26 cells: $(wc -l <"$T/straight")" test "$(wc -l <"$T/straight")" = 26
check "which is said" grep -q ': 26 of 26 cells are there$' "$T/log"
check "the machine in every line" test "$(grep -c "\"machine\":\"$(sed -nE 's/^model name\s*: (.*)/\1/p' /proc/cpuinfo | head -n 1)\"" "$T/straight.jsonl")" = "$(wc -l <"$T/straight.jsonl")"
check "no path in a line" test "$(grep -c "/" <(sed 's/{"hash"//' "$T/straight.jsonl"))" = 0
check "again: nothing to do" compare "$T/s.suite"
check "no second line" cmp "$T/straight.jsonl" "$T/run/results.jsonl"
check "networks before methods, methods before targets" test "$(python3 -c "
import json
print(*['/'.join((j['target'], j['network'], j['method'], str(j['seed']))) for j in map(json.loads, open('$T/straight.jsonl'))][:7])")" = \
    "tiny/net/plain/1 tiny/net/plain/2 tiny/net/plain/3 two/net/plain/1 two/net/plain/2 two/net/plain/3 tiny/net/phi/1"
"$MP" compare "$T/s.suite" -list >"$T/list"
check "all listed as done" test "$(grep -c ' done ' "$T/list")" = 26
check "three epochs of 24 images are six steps of 12" grep -q 'tiny/net/long/1, 6 steps' "$T/list"

# Torn lines; several processes and ranks at one file.
head -c -300 "$T/straight.jsonl" >"$T/run/results.jsonl"
check "after a torn line" compare "$T/s.suite"
check "one is done again" test "$(grep -c ": top-1" "$T/log")" = 1
figures "$T/run/results.jsonl" >"$T/torn"
check "a torn line: the same lines" cmp "$T/straight" "$T/torn"
rm "$T/run/results.jsonl"
check "two ranks" timeout $HANG mpirun --oversubscribe -n 2 "$MP" compare "$T/s.suite" >"$T/log" 2>&1
figures "$T/run/results.jsonl" >"$T/ranks"
check "two ranks: the same lines, each once" cmp "$T/straight" "$T/ranks"
rm "$T/run/results.jsonl"
compare "$T/s.suite" &
"$MP" compare "$T/s.suite" >"$T/log2" 2>&1
wait $!
"$MP" compare "$T/s.suite" >/dev/null 2>&1
figures "$T/run/results.jsonl" >"$T/both"
check "two programs: the same lines, each once" cmp "$T/straight" "$T/both"

# A damaged line is named, and its cell done again.
python3 - "$T/straight.jsonl" "$T/run/results.jsonl" <<'P'
import sys
lines = open(sys.argv[1], "rb").read().splitlines()
lines[3] = lines[3][:200] + b"\0" + lines[3][201:]
lines[7] = lines[7].replace(b'"nll"', b'"nil"', 1)
open(sys.argv[2], "wb").write(b"\n".join(lines) + b"\n")
P
check "behind damaged lines" compare "$T/s.suite"
check "a zero byte is named" grep -q 'results.jsonl:4: a damaged line.*it holds a zero byte' "$T/log"
check "a missing figure is named" grep -q 'results.jsonl:8: a damaged line.*no nll' "$T/log"
check "two are done again" test "$(grep -c ": top-1" "$T/log")" = 2
python3 - "$T/run/results.jsonl" <<'P'
import sys
lines = open(sys.argv[1], "rb").read().splitlines(True)
open(sys.argv[1], "wb").writelines(s for s in lines if b"\0" not in s and b'"nil"' not in s)
P
figures "$T/run/results.jsonl" >"$T/mended"
check "damaged lines: the same lines" cmp "$T/straight" "$T/mended"
cp "$T/straight.jsonl" "$T/run/results.jsonl"

# A cell that is stopped inside goes on where it was, bit for bit.
sed -e "s|^results=.*|results=$T/long/results.jsonl|" -e 's/^steps=24/steps=800/' -e 's/^seeds=1,2,3/seeds=2/' \
    -e 's/^epochs=3/epochs=9/' "$T/s.suite" >"$T/inside.suite"
check "long cells, straight" compare "$T/inside.suite"
figures "$T/long/results.jsonl" >"$T/inside.straight"
cells=$(wc -l <"$T/inside.straight")
check "no state is left" test ! -e "$T/long/results.jsonl.cells"
rm "$T/long/results.jsonl"
stops=0 states=0
for _ in $(seq 60); do
    "$MP" compare "$T/inside.suite" >"$T/log" 2>&1 &
    pid=$!
    until grep -q "steps$" "$T/log" || ! kill -0 $pid; do sleep 0.02; done
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    kill -TERM $pid && stops=$((stops + 1))
    wait $pid
    [ -z "$(ls "$T/long/results.jsonl.cells")" ] || states=$((states + 1))
    [ "$(cat "$T/long/results.jsonl" 2>/dev/null | wc -l)" -lt "$cells" ] || break
done 2>/dev/null
check "stopped $stops times, $states times with a state, which is 3 at least" test $states -ge 3
check "inside: goes on" compare "$T/inside.suite"
figures "$T/long/results.jsonl" >"$T/inside.stopped"
check "stopped inside: the same lines" cmp "$T/inside.straight" "$T/inside.stopped"
check "and no state is left" test ! -e "$T/long/results.jsonl.cells"

# What a cell costs, as -list says it, and hours=: what fits comes first, and what is under way keeps its state.
cat >"$T/hours.suite" <<S
[suite]
results=$T/hours/results.jsonl
batch=12
[target]
name=tiny
data=$T/tiny.data
[network]
name=net
cfg=$PWD/tests/lib/tiny.cfg
plain=$PWD/tests/lib/tiny-plain.cfg
[method]
name=plain
steps=20000000
[method]
name=phi
cfg=perturb
phi=$T/p.phi
steps=12
S
"$MP" compare "$T/hours.suite" -list >"$T/hours.list" 2>/dev/null
check "a long cell is listed with hours" grep -qE 'missing *tiny/net/plain/1, 20000000 steps: about [0-9]+ h [0-9]+ m' "$T/hours.list"
check "a short one with seconds" grep -qE 'missing *tiny/net/phi/1, 12 steps: about [0-9.]+ s' "$T/hours.list"
check "and all together" grep -q ' cells are in .*; about .* for the others, one after the other with 1 thread$' "$T/hours.list"
sed 's/^batch=12/batch=12\nhours=0.003/' "$T/hours.suite" >"$T/hours2.suite"
check "hours=" compare "$T/hours2.suite"
check "which is said" grep -q '^stopped: .*1 of 2 cells are there; the same command goes on' "$T/log"
check "the short one is there" test "$(grep -c '"method":"phi"' "$T/hours/results.jsonl")" = 1
check "the long one has a state" test "$(ls "$T/hours/results.jsonl.cells" | wc -l)" = 1
"$MP" compare "$T/hours.suite" -list >"$T/hours.list" 2>/dev/null
check "which -list tells" grep -qE 'missing *tiny/net/plain/1, 20000000 steps: about .* more' "$T/hours.list"
rm -r "$T/hours"

# What was hashed is what is used: phi and images that change while a cell trains, for long enough that a busy machine sees it.
sed 's/^steps=800/steps=4000/' "$T/inside.suite" >"$T/slow.suite"
changed() { # WHAT FILE NEW WORDS
    rm -f "$T/long/results.jsonl"
    cp "$2" "$T/was"
    "$MP" compare "$T/slow.suite" >"$T/log" 2>&1 &
    until grep -q 'tiny/net/plain/2: 4000 steps' "$T/log"; do sleep 0.02; done
    cp "$3" "$2"
    wait $! && bad "$1: status 0"
    cp "$T/was" "$2"
    check "$1: said" grep -q "$4" "$T/log"
}
"$MP" meta train "$T/p.meta" -seed 9 -out "$T/q.phi" >"$T/log" 2>&1
changed "another phi" "$T/p.phi" "$T/q.phi" "p.phi: it has changed since this program began"
check "no line of it" test "$(grep -c '"method":"phi"' "$T/long/results.jsonl")" = 0
changed "another image" "$T/train/disk/0.png" "$T/train/disk/1.png" "two.data: its images have changed"
check "no line of that target" test "$(grep -c '"target":"two"' "$T/long/results.jsonl")" = 0
rm -r "$T/long"

# One cell again, by name and by hash.
hash=$(grep -o '^[0-9a-f]* done *tiny/net/dropout/2' "$T/list" | cut -c 1-10)
check "a cell again, by name" "$MP" compare "$T/s.suite" -cell tiny/net/phi/3 >"$T/log" 2>&1
check "bit for bit" grep -q 'the same as in .*, bit for bit' "$T/log"
check "a cell again, by hash" "$MP" compare "$T/s.suite" -cell "$hash" >"$T/log" 2>&1
check "the right one" grep -q '^tiny/net/dropout/2: the same' "$T/log"
check "nothing was written" test "$(wc -l <"$T/run/results.jsonl")" = 26
cp "$T/run/results.jsonl" "$T/whole.jsonl"
python3 - "$T/run/results.jsonl" <<'P'
import json, sys
lines = [json.loads(s) for s in open(sys.argv[1])]
for j in lines:
    j["nll"] *= 1 + 1e-15 * (1 if j["nll"] * (1 + 1e-15) != j["nll"] else 100)
open(sys.argv[1], "w").write("".join(json.dumps(j) + "\n" for j in lines))
P
refused "a last digit that differs" '"nll" is not what' "$MP" compare "$T/s.suite" -cell tiny/net/plain/1
mv "$T/whole.jsonl" "$T/run/results.jsonl"
refused "no such cell" "no such cell" "$MP" compare "$T/s.suite" -cell tiny/net/plain/9

# The same as `classifier train` and `valid`, and as python makes of the probabilities.
sed 's/^max_batches=.*/max_batches=24/' tests/lib/tiny-plain.cfg >"$T/alone.cfg"
check "classifier train" "$MP" classifier train "$T/tiny.data" "$T/alone.cfg" -seed 1 -threads 1 -backup "$T/alone" >"$T/log" 2>&1
check "classifier valid" "$MP" classifier valid "$T/tiny.data" "$T/alone.cfg" "$T/alone/alone.weights" -json "$T/alone.json" -threads 1 >"$T/log" 2>&1
sed 's/^valid=.*/valid=train.list/' "$T/tiny.data" >"$T/fit.data"
check "on the training images" "$MP" classifier valid "$T/fit.data" "$T/alone.cfg" "$T/alone/alone.weights" -json "$T/fit.json" -threads 1 >"$T/log" 2>&1
while read -r image; do
    "$MP" classifier predict "$T/tiny.data" "$T/alone.cfg" "$T/alone/alone.weights" "$image" -top 3 -json "$T/$(basename "$(dirname "$image")")-$(basename "$image").p.json" >/dev/null 2>&1
done <"$T/test.list"
check "python's figures and temperature" python3 - "$T" <<'P'
import json, math, os, sys
T = sys.argv[1]
names = open(f"{T}/tiny.names").read().split()
images = open(f"{T}/test.list").read().split()
line = next(j for j in map(json.loads, open(f"{T}/straight.jsonl")) if (j["target"], j["network"], j["method"], j["seed"]) == ("tiny", "net", "plain", 1))
alone = json.load(open(f"{T}/alone.json"))
assert all(alone[k] == line[k] for k in ("top1", "nll", "ece", "bins")), "compare and classifier train differ"
fit = json.load(open(f"{T}/fit.json"))
assert all(fit[k] == line["fit"][k] for k in ("top1", "nll", "ece", "images")), "the training images"
p, truth = [], []
for path in images:
    kind = os.path.basename(os.path.dirname(path))
    top = json.load(open(f"{T}/{kind}-{os.path.basename(path)}.p.json"))["top"]
    p.append([next(t["probability"] for t in top if t["class"] == c) for c in range(3)])
    truth.append(names.index(kind))


def scaled(q, t):
    e = [v ** (1 / t) for v in q]
    return [v / sum(e) for v in e]


def nll(which, t):
    return sum(-math.log(scaled(p[i], t)[truth[i]]) for i in which)


def fit(which):
    low, high = math.log(.02), math.log(50)     # golden section in the logarithm
    g = (math.sqrt(5) - 1) / 2
    for _ in range(100):
        a, b = high - g * (high - low), low + g * (high - low)
        low, high = (low, b) if nll(which, math.exp(a)) < nll(which, math.exp(b)) else (a, high)
    return math.exp((low + high) / 2)


even, odd = range(0, len(p), 2), range(1, len(p), 2)
t = fit(even), fit(odd)
want = (nll(odd, t[0]) + nll(even, t[1])) / len(p)
got = line["tempered"]
near = lambda a, b: abs(a - b) < 2e-4 * max(1, abs(b))
bins = {}
for i in range(len(p)):
    q = scaled(p[i], t[1 - i % 2])
    c = max(q)
    b = bins.setdefault(min(14, int(c * 15)), [0, 0])
    b[0] += q.index(c) == truth[i]
    b[1] += c
ece = sum(abs(a - c) for a, c in bins.values()) / len(p)
assert near(nll(range(len(p)), 1) / len(p), line["nll"]), "nll"
assert near(got["temperature"], sum(t) / 2), f"temperature {got['temperature']}, python {sum(t) / 2}"
assert near(got["nll"], want), f"tempered nll {got['nll']}, python {want}"
assert near(got["ece"], ece), f"tempered ece {got['ece']}, python {ece}"
P

# The tables, recomputed from the lines.
check "table" "$MP" compare "$T/s.suite" -table >"$T/table.md"
cat >"$T/table.py" <<'P'
import json, math, re, sys
lines = [json.loads(s) for s in open(sys.argv[1])]
text = open(sys.argv[2]).read()
lines = list({j["hash"]: j for j in lines}.values())
T95 = {1: math.tan(math.pi * .475), 2: .95 / math.sqrt(2 * .975 * .025)}        # closed forms for 1 and 2 degrees
FORMS = (("", lambda j: j), (", %d samples", lambda j: j.get("sampled")), (" + temperature", lambda j: j.get("tempered")))
KEYS = (("top1", 100, 2), ("nll", 1, 4), ("ece", 1, 4))
checked = 0


def find(title, start):
    for row in text.split("## " + title)[1].split("\n## ")[0].splitlines():
        cells = [c.strip() for c in row.strip("|").split("|")]
        if cells[:len(start)] == start:
            return cells[len(start):]
    sys.exit(f"no row {start} in {title}")


wins = {}
for t, n, m in sorted({(j["target"], j["network"], j["method"]) for j in lines}):
    mine = {j["seed"]: j for j in lines if (j["target"], j["network"], j["method"]) == (t, n, m)}
    plain = {j["seed"]: j for j in lines if (j["target"], j["network"], j["method"]) == (t, n, "plain")}
    for suffix, of in FORMS:
        if any(of(j) is None for j in mine.values()) or (suffix.startswith(" +") and m not in ("plain", "long")):
            continue
        name = m + (suffix % next(iter(mine.values()))["samples"] if "%" in suffix else suffix)
        seeds = sorted(mine)
        cells = find("Means", [t, n, name])
        assert cells[0] == str(len(seeds)), (name, cells)
        gaps = [100 * (mine[s]["fit"]["top1"] - mine[s]["top1"]) for s in seeds]
        want = f"{sum(gaps) / len(gaps):.1f}"
        if len(gaps) > 1:
            want += f" ± {math.sqrt(sum((x - sum(gaps) / len(gaps)) ** 2 for x in gaps) / (len(gaps) - 1)):.1f}"
        assert cells[7] == ("" if suffix else want), (name, cells, want)
        for (key, factor, digits), cell in zip(KEYS, cells[1:]):
            v = [factor * of(mine[s])[key] for s in seeds]
            mean = sum(v) / len(v)
            want = f"{mean:.{digits}f}"
            if len(v) > 1:
                want += f" ± {math.sqrt(sum((x - mean) ** 2 for x in v) / (len(v) - 1)):.{digits}f}"
            assert cell == want, (t, n, name, key, cell, want)
            checked += 1
        if name == "plain":
            continue
        here = [s for s in mine if mine[s].get("machine") == plain[s].get("machine")]     # seconds of two machines are no ratio
        times = [sum(who[s]["seconds"]["train"] for s in here) for who in (mine, plain)]
        assert cells[6] == (f"{times[0] / times[1]:.2f}" if here else ""), (name, cells, times)
        cells = find("Differences", [t, n, name])
        assert cells[:2] == ["plain", str(len(seeds))], cells
        for (key, factor, digits), cell in zip(KEYS, cells[2:]):
            d = [factor * (of(mine[s])[key] - plain[s][key]) for s in seeds]
            mean = sum(d) / len(d)
            tally = wins.setdefault((name, key), [0, 0, 0])
            if len(d) == 1:
                assert cell == f"{mean:+.{digits}f}", (name, cell)
                continue
            wide = T95[len(d) - 1] * math.sqrt(sum((x - mean) ** 2 for x in d) / (len(d) - 1) / len(d))
            apart = mean - wide > 0 or mean + wide < 0
            word = "" if not apart else " better" if (mean > 0) == (key == "top1") else " worse"
            numbers = [float(x) for x in re.findall(r"[-+][\d.]+", cell)]
            assert all(abs(a - b) < .6 * 10 ** -digits for a, b in zip(numbers, (mean, mean - wide, mean + wide))), (t, n, name, key, cell, mean, wide)
            assert len(numbers) == 3 and (cell.endswith("]" + word)), (name, cell, word)
            tally[{" better": 0, "": 1, " worse": 2}[word]] += 1
            checked += 1
for (name, key), tally in wins.items():
    cells = find("Wins", [name])
    assert cells[1 + [k[0] for k in KEYS].index(key)] == " / ".join(map(str, tally)), (name, key, cells, tally)
    checked += 1
print(checked, "figures")
sys.exit(checked < 60)
P
check "the tables are what python makes of the lines" python3 "$T/table.py" "$T/run/results.jsonl" "$T/table.md" >"$T/log" 2>&1
# Differences of known size: wins and losses that leave no doubt.
cp "$T/run/results.jsonl" "$T/whole.jsonl"
python3 - "$T/run/results.jsonl" <<'P'
import json, sys
lines = [json.loads(s) for s in open(sys.argv[1])]
for j in lines:
    if j["method"] == "phi":
        j.update(top1=.9 + .01 * j["seed"], nll=3 + .1 * j["seed"], ece=.001 * j["seed"])
    if j["method"] == "plain":
        j.update(top1=.5 + .012 * j["seed"], nll=1 + .11 * j["seed"], ece=.5 + .0012 * j["seed"])
open(sys.argv[1], "w").write("".join(json.dumps(j) + "\n" for j in lines))
P
"$MP" compare "$T/s.suite" -table >"$T/clear.md"
check "clear wins and losses: python" python3 "$T/table.py" "$T/run/results.jsonl" "$T/clear.md" >"$T/log" 2>&1
check "clear wins and losses: counted" grep -q '^| phi | 3 | 3 / 0 / 0 | 0 / 0 / 3 | 3 / 0 / 0 |' "$T/clear.md"
mv "$T/whole.jsonl" "$T/run/results.jsonl"
sed -E '/"method":"plain","seed":2/s/"machine":"[^"]*"/"machine":"another"/; /"method":"phi"/s/"machine":"[^"]*"/"machine":"a third"/' "$T/straight.jsonl" >"$T/moved.jsonl"
sed "s|^results=.*|results=$T/moved.jsonl|" "$T/s.suite" >"$T/moved.suite"
"$MP" compare "$T/moved.suite" -table >"$T/moved.md"
check "seconds of one machine alone make a ratio" python3 "$T/table.py" "$T/moved.jsonl" "$T/moved.md" >"$T/log" 2>&1
grep -v '"method":"phi","seed":2' "$T/straight.jsonl" >"$T/fewer.jsonl"
sed "s|^results=.*|results=$T/fewer.jsonl|" "$T/s.suite" >"$T/fewer.suite"
"$MP" compare "$T/fewer.suite" -table >"$T/fewer.md"
check "pairs by the seeds that both have" python3 "$T/table.py" "$T/fewer.jsonl" "$T/fewer.md" >"$T/log" 2>&1
check "what is missing is named" grep -q '^24 of 26 cells are there; missing: tiny/net/phi/2, two/net/phi/2\.$' "$T/fewer.md"
if command -v gnuplot >/dev/null; then
    check "plot" "$MP" compare "$T/s.suite" -plot "$T/c.png" >"$T/log" 2>&1
    check "differences" cmp -n 4 "$T/c.png" <(printf '\211PNG')
    check "reliability" cmp -n 4 "$T/c-reliability.png" <(printf '\211PNG')
else skip "no gnuplot: no pictures"; fi

# A table needs the lines alone.
mkdir "$T/elsewhere"
sed -e "s|^data=.*tiny.data|data=none.data|" -e "s|^results=.*|results=$T/straight.jsonl|" "$T/s.suite" >"$T/elsewhere/s.suite"
check "a table without the data" "$MP" compare "$T/elsewhere/s.suite" -table >"$T/elsewhere/table.md" 2>"$T/log"
check "is the same" diff <(grep '^|' "$T/table.md" | grep -c .) <(grep '^|' "$T/elsewhere/table.md" | grep -c .)
check "and said so" grep -q 'by their names alone' "$T/log"
refused "but no run without the data" "none.data" "$MP" compare "$T/elsewhere/s.suite"

# Whatever defines a cell moves its hash: a figure of phi, of the weights, an image, a key. What does not, does not.
hashes() { "$MP" compare "$1" -list 2>&1 | awk -v c="$2" 'index($0, c) { print $1 }'; }
moved() { local a b; a=$(hashes "$T/s.suite" "$2") b=$(hashes "$3" "$2"); [ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] && ok || bad "$1: the hash stayed $a $b"; }
stayed() { local a b; a=$(hashes "$T/s.suite" "$2") b=$(hashes "$3" "$2"); [ -n "$a" ] && [ "$a" = "$b" ] && ok || bad "$1: the hash moved $a $b"; }
sed 's/^batch=12/batch=6/' "$T/s.suite" >"$T/batch.suite"
moved "another batch" tiny/net/plain/1 "$T/batch.suite"
sed 's/^steps=24/steps=25/' "$T/s.suite" >"$T/steps.suite"
moved "other steps" tiny/net/plain/1 "$T/steps.suite"
stayed "steps of a method of its own" tiny/net/long/1 "$T/steps.suite"
sed 's/^samples=3/samples=4/' "$T/s.suite" >"$T/samples.suite"
moved "other samples" tiny/net/phi/1 "$T/samples.suite"
stayed "samples of another method" tiny/net/plain/1 "$T/samples.suite"
"$MP" meta train "$T/p.meta" -seed 9 -out "$T/q.phi" >"$T/log" 2>&1
sed "s|^phi=.*|phi=$T/q.phi|" "$T/s.suite" >"$T/phi.suite"
moved "another phi" tiny/net/phi/1 "$T/phi.suite"
cp "$T/p.phi" "$T/copy.phi"
sed "s|^phi=.*|phi=$T/copy.phi|" "$T/s.suite" >"$T/copy.suite"
stayed "the same phi elsewhere" tiny/net/phi/1 "$T/copy.suite"
mkdir "$T/moved"
cp -r "$T/train" "$T/test" "$T/tiny.names" "$T/moved"
for l in train test; do sed "s|$T|$T/moved|" "$T/$l.list" >"$T/moved/$l.list"; done
sed "s|$T|$T/moved|" "$T/tiny.data" >"$T/moved/tiny.data"
sed "s|$T/tiny.data|$T/moved/tiny.data|" "$T/s.suite" >"$T/moved.suite"
stayed "the same images elsewhere" tiny/net/plain/1 "$T/moved.suite"
cp "$T/moved/train/disk/0.png" "$T/moved/train/disk/1.png"
moved "another image" tiny/net/plain/1 "$T/moved.suite"
stayed "another image of another target" two/net/plain/1 "$T/moved.suite"

# Bad suites: file, line, and what is wrong.
spoiled() { # WHAT WORDS SED
    sed -e "$3" "$T/s.suite" >"$T/bad.suite"
    refused "$1" "$2" "$MP" compare "$T/bad.suite"
}
line() { grep -n -m 1 "$1" "$T/s.suite" | cut -d : -f 1; }
spoiled "an unknown key" "bad.suite:$(line ^batch=): [suite] unknown key \"bacth\"; known: results, seeds" 's/^batch=/bacth=/'
spoiled "no key of a cfg" "bad.suite:$(line ^dropout.prob): key \"dropout.probabilty\"" 's/^dropout.probability/dropout.probabilty/'
spoiled "a key that has no effect here" "without effect here" 's/^dropout.probability/net.track/'
spoiled "a value out of range" "bad.suite:$(line ^dropout.prob): dropout.probability=1.5: [dropout]" 's/^dropout.probability=0.2/dropout.probability=1.5/'
spoiled "no such section" "bad.suite:$(line ^net.learning_rate=0.001): dropout.probability: " 's/^net.learning_rate=0.001/dropout.probability=0.1/'
spoiled "an unknown name" "holds a name that no section has" 's/^targets=two/targets=twi/'
spoiled "a name twice" 'name "tiny": given twice' 's/^name=two/name=tiny/'
spoiled "an unknown method" 'against "plane"' 's/^against=plain/against=plane/'
spoiled "seeds" "bad.suite:1: seeds" 's/^seeds=1,2,3/seeds=1,,3/'
spoiled "phi of a plain cfg" "needs cfg=perturb" "s|^against=plain|phi=$T/p.phi|"
spoiled "no results" "results= is missing" '/^results=/d'
spoiled "another section" "only [target], [network] and [method]" 's/^\[target\]/[task]/'
spoiled "a missing phi" "were left out, as files are missing (-list tells all): tiny/net/phi/1: none.phi" 's|^phi=.*|phi=none.phi|'
check "the others are there" grep -q ': 18 of 26 cells are there' <("$MP" compare "$T/bad.suite" 2>/dev/null)
refused "one of them alone" "none.phi" "$MP" compare "$T/bad.suite" -cell tiny/net/phi/1
spoiled "a missing network" "none.cfg" 's|^plain=.*|plain=none.cfg|'
spoiled "weights of another network" "1 cell could not be finished" "s|^weights=.*|weights=$T/p.phi|"
check "and why" grep -q 'tiny/net/tuned/2: .*p.phi: no weights file of Darknet' "$T/err"
echo '{"hash":' >"$T/damaged.jsonl"
refused "no results file" "damaged.jsonl: not one of its 1 lines is a result" "$MP" compare <(sed "s|^results=.*|results=$T/damaged.jsonl|" "$T/s.suite")
finish
