#!/usr/bin/env bash
# yolov4.sh - networks of YOLOv4's kind as they are used: perturbed and trained; begun with the first layers of others' weights, or
# with all of them but for other classes.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set"
need "the test's pictures" python3 tests/lib/make_boxes.py "$T/set"
D=$T/set/boxes.data
train() { "$MP" detector train "$D" "$@" >"$T/log" 2>"$T/err"; }

# Perturbed anywhere, they run and learn.
fell() { # from the first step's loss to a part of it
    python3 - "$T/log" "$1" <<'P'
import re, sys
loss = [float(m[1]) for m in re.finditer(r"^\d+: ([-0-9.naif]+), ", open(sys.argv[1]).read(), re.M)]
sys.exit(not (len(loss) >= 2 and all(v == v and abs(v) < 1e6 for v in loss) and loss[-1] < float(sys.argv[2]) * loss[0]))
P
}
for row in "csp conv 0.7" "pan residual 0.9" "pan all 0.9"; do
    read -r net where part <<<"$row"
    C=$T/$net-$where.cfg
    sed 's/^max_batches=.*/max_batches=40/; s/^steps=.*/steps=30/' "tests/lib/tiny-$net.cfg" >"$T/plain.cfg"
    check "$net, $where: attach" "$MP" cfg attach "$T/plain.cfg" "$C" -where "$where" >/dev/null
    check "$net, $where: no problems" "$MP" cfg check "$C" >/dev/null
    check "$net, $where: train" train "$C" -seed 1 -backup "$T/w"
    check "$net, $where: the loss falls" fell "$part"
    check "$net, $where: map" "$MP" detector map "$D" "$C" "$T/w/$net-${where}_final.weights" >/dev/null 2>&1
    check "$net, $where: detach" "$MP" cfg detach "$C" "$T/back.cfg" >/dev/null
    check "$net, $where: byte for byte" cmp "$T/plain.cfg" "$T/back.cfg"
done

# ---- the first 29 layers of weights that the fork wrote: yolov4-tiny.conv.29 and its like
export PYTHONPATH=tests/lib
C=$T/csp.cfg W=$T/whole.weights
# Steps so small that no weight moves: what was loaded is what is saved.
sed 's/^max_batches=.*/max_batches=3/; s/^steps=.*/steps=2/; s/^burn_in=.*/burn_in=0/; s/^learning_rate=.*/learning_rate=1e-30/' \
    tests/lib/tiny-csp.cfg >"$C"
sed 's/^classes=2/classes=5/; s/^filters=21/filters=30/' "$C" >"$T/five.cfg"
printf 'ring\nbox\na\nb\nc\n' >"$T/five.names"
sed "s|^classes=.*|classes=5|; s|^names=.*|names=$T/five.names|" "$D" >"$T/five.data"
fork() { python3 tests/lib/fork_weights.py "$@"; }
fork "$C" "$W" 38 9600 && fork "$C" "$T/want" 29 0 && fork "$C" "$T/old" 38 9600 0 && fork "$C" "$T/old.want" 29 0 0
conv=$T/conv.29
check "partial: 29 layers" "$MP" weights partial "$C" "$W" "$conv" 29 >/dev/null 2>&1
check "partial: the fork's header, nothing seen, the first 29 layers" cmp "$conv" "$T/want"
check "partial: info counts them" grep -q "layers 0 to 28 only" <("$MP" weights info "$conv" "$C")
check "partial of Darknet's version" "$MP" weights partial "$C" "$T/old" "$T/old.29" 29 >/dev/null 2>&1
check "partial: Darknet's header" cmp "$T/old.29" "$T/old.want"
refused "partial with a cfg of other classes" "weights of another network than" "$MP" weights partial "$T/five.cfg" "$W" "$T/no" 29

G=${MP_SHARED:-../shared}/golden_alexeyab/B_layers/yolov4tiny_shaped
if [ -e "$G.weights" ]; then
    check "partial of a file by the fork itself" "$MP" weights partial "$G.cfg" "$G.weights" "$T/g.29" 29 >/dev/null 2>&1
    check "the fork itself: its bytes" cmp -n "$(stat -c %s "$T/g.29")" "$T/g.29" "$G.weights"
    check "the fork itself: 29 layers" grep -q "layers 0 to 28 only" <("$MP" weights info "$T/g.29" "$G.cfg")
else
    skip "no $G.weights: no file that the fork itself wrote"
fi

# alike CFG A B FROM TO: the weights, biases and scales of layers FROM to TO - 1; not the statistics, which move in every step
alike() {
    python3 - "$@" <<'P'
import sys
import fork_weights as fw
cfg, a, b, first, last = sys.argv[1], fw.read(sys.argv[2])[2], fw.read(sys.argv[3])[2], int(sys.argv[4]), int(sys.argv[5])
at = compared = 0
for i, layer in enumerate(fw.layers(cfg)):
    n = layer[0]
    if first <= i < last:
        for start, end in [(0, 2 * n if layer[1] else n), (4 * n if layer[1] else n, fw.floats(layer))]:
            # A bias that began as 0 has moved by 1e-30.
            if any(abs(v - w) > 1e-20 for v, w in zip(a[at + start:at + end], b[at + start:at + end])):
                sys.exit(f"layer {i}")
            compared += end - start
    at += fw.floats(layer)
sys.exit(not compared)
P
}
differ() { ! alike "$@" 2>/dev/null; }
begins() { grep -q "^steps $1 to 3 of batch 4" "$T/log"; }
for cfg in csp five; do
    C=$T/$cfg.cfg
    [ $cfg = csp ] || D=$T/five.data
    check "$cfg: from nothing" train "$C" -seed 3 -backup "$T/fresh"
    for clear in "" -clear; do
        what="$cfg, conv.29${clear:+, $clear}"
        # shellcheck disable=SC2086 # none or one option
        check "$what: train" train "$C" "$conv" -seed 3 -backup "$T/b" $clear
        check "$what: starts at step 0" begins 0
        check "$what: says what it takes" grep -q "conv.29: the first 29 layers of 38; the others stay" "$T/err"
        check "$what: layers 0 to 28 are the file's" alike "$C" "$T/b/${cfg}_final.weights" "$W" 0 29
        check "$what: the others are drawn" alike "$C" "$T/b/${cfg}_final.weights" "$T/fresh/${cfg}_final.weights" 29 38
        check "$what: layers 0 to 28 are not those drawn" differ "$C" "$T/b/${cfg}_final.weights" "$T/fresh/${cfg}_final.weights" 0 1
        mv "$T/b/${cfg}_final.weights" "$T/$cfg$clear"
    done
    check "$cfg: -clear changes nothing there" cmp "$T/$cfg" "$T/$cfg-clear"
done

# Whole weights for other classes: all but the convolutions before the heads.
C=$T/five.cfg
check "other classes: train" train "$C" "$W" -seed 3 -backup "$T/b"
check "other classes: starts at step 0" begins 0
check "other classes: a warning" grep -q "another number of classes than .*: the convolutions before its heads begin anew" "$T/err"
check "other classes: the body is the file's" alike "$C" "$T/b/five_final.weights" "$W" 0 29
for i in 29 36; do
    check "other classes: layer $i is drawn" alike "$C" "$T/b/five_final.weights" "$T/fresh/five_final.weights" $i $((i + 1))
done
neck() { # layers 32 and 35, behind the first head, which is longer here
    python3 - "$T/five.cfg" "$T/b/five_final.weights" "$T/csp.cfg" "$W" <<'P'
import sys
import fork_weights as fw
got = []
for cfg, path in (sys.argv[1:3], sys.argv[3:5]):
    at, out, values = 0, [], fw.read(path)[2]
    for i, layer in enumerate(fw.layers(cfg)):
        if i in (28, 32, 35):
            out += [values[at:at + layer[0]], values[at + 4 * layer[0]:at + fw.floats(layer)]]
        at += fw.floats(layer)
    got.append(out)
sys.exit(got[0] != got[1])
P
}
check "other classes: the neck is the file's" neck
D=$T/set/boxes.data
check "fewer classes too" train "$T/csp.cfg" "$T/b/five_final.weights" -seed 3 -backup "$T/b"
check "fewer classes: a warning" grep -q "another number of classes" "$T/err"
check "fewer classes: the body" alike "$T/csp.cfg" "$T/b/csp_final.weights" "$W" 0 29
refused "a test does not guess" "number of classes" "$MP" detector map "$D" "$T/csp.cfg" "$T/b/five_final.weights"

# A file of 29 layers that was not cut by `partial` may have seen pictures: 8 are 2 steps.
C=$T/csp.cfg
fork "$C" "$T/two.29" 29 8 && fork "$C" "$T/late.29" 29 9600
check "seen counts" train "$C" "$T/two.29" -seed 3 -backup "$T/b"
check "seen counts: from step 2" begins 2
check "-clear: not" train "$C" "$T/two.29" -seed 3 -backup "$T/b" -clear
check "-clear: from step 0" begins 0
into() { "$MP" detector train "$D" "$T/csp.cfg" "$1" -backup "$T/b"; }
refused "trained further than max_batches" "-clear to count from 0" into "$T/late.29"

# No silent shift of numbers: other weights, also those that end where a layer ends.
sed '0,/^filters=8/s//filters=12/' "$C" >"$T/wide.cfg"
fork "$T/wide.cfg" "$T/wide" 38 && fork "$T/wide.cfg" "$T/wide.29" 29
refused "whole weights of other widths" "weights of another network" into "$T/wide"
refused "29 layers of other widths" "weights of another network" into "$T/wide.29"
python3 - "$conv" "$T/moved.29" <<'P'
import sys
data = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(data[:20] + data[-400:] + data[20:-400])
P
refused "numbers moved by 100 places" "a variance would be below 0" into "$T/moved.29"
head -c -8 "$conv" >"$T/cut.29"
refused "cut short" "or a file cut short" into "$T/cut.29"
finish
