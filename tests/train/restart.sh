#!/usr/bin/env bash
# restart.sh - meta-training with restart= and lookahead=: each theta starts anew in its turn, phi looks ahead, whatever the ranks and threads and
# after any stop; the log by age and by part of the gradient; what is refused. (The gradient itself: tests/train/test_look.c.)
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
sed -e 's/^\[meta_shared\]/[meta_shared]\nsigma=0.1/' tests/lib/tiny.cfg >"$T/a.cfg"
task="[task]
data=$T/tiny.data"
cat >"$T/m.meta" <<M
[meta]
cfg=$T/a.cfg
phi=$T/m.phi
steps=30
batch=6
checkpoint=1
learning_rate=0.01
seed=3
restart=9
$task
$task
split=half1
$task
$task
split=half1
M
meta() { "$MP" meta train "$@" >"$T/log" 2>&1; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() { local n=$1; shift; timeout $HANG mpirun --oversubscribe -n "$n" "$MP" meta train "$@" >"$T/log" 2>&1; }
numbers() { grep -v '^#' "$1"; }

check "straight run" meta "$T/m.meta" -out "$T/one.phi" -json "$T/one.json"
check "ages in the line" grep -q '^  by age of theta: 0-2: train [0-9.]*, validation [0-9.]*; 3-4: ' "$T/log"
check "restart= in the phi file" finds '^# .* seed 3, restart=9$' "$T/one.phi"
check "one thread" meta "$T/m.meta" -out "$T/thread.phi" -threads 1
check "the same phi with one thread" cmp "$T/one.phi" "$T/thread.phi"
for n in 2 4; do
    check "$n ranks" ranks "$n" "$T/m.meta" -out "$T/ranks.phi"
    check "the same phi with $n ranks" cmp "$T/one.phi" "$T/ranks.phi"
done
sed '/^restart/d' "$T/m.meta" >"$T/never.meta"
check "without restart" meta "$T/never.meta" -out "$T/never.phi" -json "$T/never.json"
check "restart=0" meta <(sed 's/^restart=.*/restart=0/' "$T/m.meta") -out "$T/zero.phi"
check "is never" cmp <(numbers "$T/never.phi") <(numbers "$T/zero.phi")
if cmp -s <(numbers "$T/one.phi") <(numbers "$T/never.phi"); then bad "restart=9 changes nothing"; else ok; fi

# Adam's count in the state is the age of theta: every task's, after every step. Two thetas are alike only if neither started anew.
cat >"$T/ages.py" <<'P'
import struct, sys
at, steps, every, b = 0, int(sys.argv[2]), int(sys.argv[3]), open(sys.argv[1], "rb").read()
found, seen = [], []
while (at := b.find(b"OPTM", at + 1)) >= 0:
    found.append(struct.unpack("<i", b[at + 12:at + 16])[0])
while (at := b.find(b"STEP", at + 1)) >= 0:
    seen.append(struct.unpack("<Q", b[at + 12:at + 20])[0] // 6)
want = []
for k in range(4):
    first = every * k // 4 or every
    want.append(steps if steps <= first else (steps - first - 1) % every + 1)
sys.exit(0 if found == want == seen else f"step {steps}: ages {found}, {seen} instead of {want}")
P
for n in 1 2 3 5 9 10 20; do
    rm -f "$T"/s.phi*
    meta "$T/m.meta" -out "$T/s.phi" -steps "$n"
    check "ages after step $n" python3 "$T/ages.py" "$T/s.phi.state" "$n" 9
    # Stopped after any step, also the one before a restart, and gone on with.
    check "goes on from step $n" meta "$T/m.meta" -out "$T/s.phi" -resume
    check "the same phi from step $n" cmp "$T/one.phi" "$T/s.phi"
done
check "2 ranks go on" ranks 2 "$T/m.meta" -out "$T/r.phi" -steps 12
check "with 1 rank" meta "$T/m.meta" -out "$T/r.phi" -resume
check "to the same phi" cmp "$T/one.phi" "$T/r.phi"

# Up to its first restart a theta is the one that it would be; then it is another, whose loss begins where a new one's does.
cat >"$T/losses.py" <<'P'
import json, sys
one, never = [json.load(open(p))["log"] for p in sys.argv[1:]]
assert [r["theta_loss"] for r in one[:2]] == [r["theta_loss"] for r in never[:2]], "before the first restart"
assert one[2]["theta_loss"] != never[2]["theta_loss"], "at the first restart"
for row in one:
    assert sum(a["tasks"] for a in row["ages"]) == 4
    mean = sum(a["tasks"] * a["theta_loss"] for a in row["ages"]) / 4
    assert abs(mean - row["theta_loss"]) < 1e-9, (mean, row)
assert "ages" not in never[0]
late = one[18:]
loss = lambda i: [a["theta_loss"] for r in late for a in r["ages"] if a["from"] == (0, 3, 5, 7)[i]]
young, old = [sum(v) / len(v) for v in (loss(0), loss(3))]
assert young > 1.1 * old, (young, old)
P
check "losses by age" python3 "$T/losses.py" "$T/one.json" "$T/never.json"
check "and over the last tenth" python3 -c "
import json
d = json.load(open('$T/one.json'))
ages = d['last_tenth']['ages']
assert sum(a['tasks'] for a in ages) == 12
mean = sum(a['tasks'] * a['phi_loss'] for a in ages) / 12
assert abs(mean - d['last_tenth']['phi_loss']) < 1e-9"

# Thetas that stand still: each start has weights of its own, the first those of a run without restart=.
cat >"$T/weights.py" <<'P'
import struct, sys
def first_layers(path):  # the first convolution of each task's network: 4 x 8 of batch norm, then 8 filters of 3x3x3
    b = open(path, "rb").read()
    at = 20 + 4 + 4 + 8 + 3 * 82 * 4
    at += 8 + struct.unpack("<Q", b[at : at + 8])[0]
    found = []
    while at < len(b):
        n = struct.unpack("<Q", b[at : at + 8])[0]
        found.append(b[at + 8 + 20 + 128 : at + 8 + 20 + 128 + 864])
        at += 8 + n
    return found
all = [first_layers(p) for p in sys.argv[1:]]
assert all[0] == all[1], "before any restart"
assert len({t for tasks in all[1:] for t in tasks}) == 12, "weights that were there before"
P
sed 's/^learning_rate=.*/learning_rate=1e-30/' "$T/m.meta" >"$T/still.meta"
for n in 2 11 20; do meta "$T/still.meta" -out "$T/still$n.phi" -steps "$n"; done
sed "/^restart/d" "$T/still.meta" >"$T/straight.meta"
meta "$T/straight.meta" -out "$T/still.phi" -steps 2
check "weights of each start" python3 "$T/weights.py" "$T"/still{,2,11,20}.phi.state

refused_restart() { sed "s/^restart=.*/restart=$2/" "$T/m.meta" >"$T/bad.meta"; refused "restart=$2" "$1" "$MP" meta train "$T/bad.meta" -out "$T/bad.phi"; }
refused_restart 'bad.meta:9: restart "-1": not a whole number' -1
refused_restart 'bad.meta:9: restart "2.5": not a whole number' 2.5
refused_restart 'restart "1": theta would be new in every step' 1
refused_restart 'restart "1000": no theta would start anew within steps=30' 1000
check "not one file is left" test -z "$(ls "$T"/bad.phi* 2>/dev/null)"

# lookahead=, with and without restart=.
sed 's/^restart=.*/restart=16\nlookahead=5/' "$T/m.meta" >"$T/ahead.meta"
check "restart=16" meta <(sed '/^lookahead/d' "$T/ahead.meta") -out "$T/blind.phi" -json "$T/blind.json"
sed '/^restart/d' "$T/ahead.meta" >"$T/alone.meta"
check "lookahead" meta "$T/ahead.meta" -out "$T/ahead.phi" -json "$T/ahead.json"
check "both terms in the line" grep -q 'meta 30/30: .*|phi gradient| [0-9.e+-]* (direct [0-9.e+-]*, mixed [0-9.e+-]*), |phi|' "$T/log"
check "and by age" grep -q '^  by age of theta: 0-3: train [0-9.]*, validation [0-9.]*, direct [0-9.e+-]*, mixed [0-9.e+-]*; 4-7: ' "$T/log"
check "lookahead= in the phi file" finds '^# .* seed 3, restart=16, lookahead=5$' "$T/ahead.phi"
check "one thread" meta "$T/ahead.meta" -out "$T/thread.phi" -threads 1
check "the same phi with one thread" cmp "$T/ahead.phi" "$T/thread.phi"
for n in 2 4; do
    check "lookahead, $n ranks" ranks "$n" "$T/ahead.meta" -out "$T/ranks.phi"
    check "lookahead: the same phi with $n ranks" cmp "$T/ahead.phi" "$T/ranks.phi"
done
check "lookahead without restart" meta "$T/alone.meta" -out "$T/alone.phi" -json "$T/alone.json"
meta "$T/ahead.meta" -out "$T/a.phi" -steps 13
check "lookahead goes on" meta "$T/ahead.meta" -out "$T/a.phi" -resume
check "to the same phi" cmp "$T/ahead.phi" "$T/a.phi"
check "lookahead=0" meta <(sed 's/^lookahead=.*/lookahead=0/' "$T/ahead.meta") -out "$T/off.phi"
check "is off" cmp <(numbers "$T/blind.phi") <(numbers "$T/off.phi")
check "5 steps further than 1" meta <(sed 's/^lookahead=.*/lookahead=1/' "$T/ahead.meta") -out "$T/next.phi" -json "$T/next.json"
# Nobody looks before step 11. Up to then theta and phi are those of a run that does not: so are its losses and the direct term, and the mixed
# one grows with the horizon by what momentum lets through.
cat >"$T/parts.py" <<'P'
import json, sys
ahead, blind, alone, near = [json.load(open(p)) for p in sys.argv[1:]]
logs = [j["log"] for j in (ahead, blind, near)]
assert "mixed" not in logs[1][0] and "mixed" not in logs[1][0]["ages"][0]
for a, o, n in zip(*[log[:11] for log in logs]):
    for key in ("theta_loss", "phi_loss", "accuracy", "theta_gradient"):
        assert a[key] == o[key] == n[key], key
    assert abs(a["direct"] / o["gradient"] - 1) < 1e-6
    assert (a["mixed"] > 0) == (n["mixed"] > 0) == (a["step"] > 10)
a, n = logs[0][10], logs[2][10]
grows = sum((1 - 0.9 ** (k + 1)) / (1 - 0.9 ** (11 + k)) for k in range(5)) / (0.1 / (1 - 0.9**11))
assert abs(a["mixed"] / n["mixed"] - grows) < 1e-3 * grows, (a["mixed"], n["mixed"])
for r in ahead["log"]:
    both, apart, rounding = r["direct"] + r["mixed"], abs(r["direct"] - r["mixed"]), 1e-6 * r["direct"]
    assert apart - rounding <= r["gradient"] <= both + rounding, r
assert {"direct", "mixed"} <= set(ahead["last_tenth"]["ages"][0]) and ahead["last_tenth"]["mixed"] > 0
assert "ages" not in alone["log"][0] and alone["log"][0]["direct"] == logs[0][0]["direct"] and alone["log"][20]["mixed"] > 0
P
check "the parts of the gradient" python3 "$T/parts.py" "$T"/{ahead,blind,alone,next}.json
with() { sed "s/^lookahead=.*/$1/; s/^restart=.*/${2:-&}/" "$T/ahead.meta" >"$T/bad.meta"; }
with lookahead=-1; refused "lookahead=-1" 'bad.meta:10: lookahead "-1": not a whole number' "$MP" meta train "$T/bad.meta" -out "$T/bad.phi"
with lookahead=16; refused "lookahead=16" 'bad.meta:10: lookahead "16": no theta lives so many steps (restart=16)' "$MP" meta train "$T/bad.meta" -out "$T/bad.phi"
with 'lookahead=5\ntrain=0'; refused "phi stays" 'bad.meta:10: lookahead "5": phi stays as it is (train=0)' "$MP" meta train "$T/bad.meta" -out "$T/bad.phi"
sed '/^batch=/d' "$T/ahead.meta" >"$T/bad.meta"
sed -i 's/^subdivisions=1/subdivisions=2/' "$T/a.cfg"
refused "subdivisions" "a.cfg: lookahead=5 takes the batch of a step at once, and subdivisions=2" "$MP" meta train "$T/bad.meta" -out "$T/bad.phi"
sed -i 's/^subdivisions=2/subdivisions=1/' "$T/a.cfg"

meta "$T/m.meta" -out "$T/s.phi" -steps 4
sed "s/^restart=.*/restart=9/" "$T/ahead.meta" >"$T/other.meta"
refused "the state of another lookahead=" "other tasks, rates, batch, restart=, lookahead=" "$MP" meta train "$T/other.meta" -out "$T/s.phi" -resume
sed 's/^restart=.*/restart=10/' "$T/m.meta" >"$T/ten.meta"
refused "the state of another restart=" "other tasks, rates, batch, restart=" "$MP" meta train "$T/ten.meta" -out "$T/s.phi" -resume
finish
