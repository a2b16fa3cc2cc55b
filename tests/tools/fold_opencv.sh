#!/usr/bin/env bash
# fold_opencv.sh - detectors of YOLOv4's kind in OpenCV: plain ones, and folded ones whose [perturb] stands before or behind mish or
# swish, behind an add or a pool. Boxes as by our one-pass test, to a pixel and 0.01 of score.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set"
need "the test's pictures" python3 tests/lib/make_boxes.py "$T/set"
D=$T/set/boxes.data
python=/usr/bin/python3     # Debian's own: python3-opencv belongs to no other
if ! "$python" -c 'import cv2' 2>/dev/null; then
    skip "no OpenCV for Python (python3-opencv)"
    finish
fi
need "square pictures" "$python" tests/tools/opencv_boxes.py -crop "$T/sq" "$T"/set/images/t*.png

# agree WHAT CFG WEIGHTS [CFG WEIGHTS]: OpenCV on the last two gives our boxes of the first two
agree() {
    check "$1: our boxes" "$MP" detector test "$D" "$2" "$3" "$T/sq" -nms 0 -thresh 0.25 -json "$T/boxes.json" >"$T/out" 2>&1
    check "$1: OpenCV gives the same" "$python" tests/tools/opencv_boxes.py "${4:-$2}" "${5:-$3}" "$T/boxes.json"
}
train() { "$MP" detector train "$D" "$1" -seed 1 -backup "$T/w" >"$T/log" 2>"$T/err"; }
json() { python3 -c "import json,sys; d=json.load(open('$T/f.json')); sys.exit(not ($1))"; }

# perturbed NAME ACTIVATION SIGMA FROM: FROM attached behind its convolutions and a pool, two of them with the activation before [perturb].
perturbed() {
    sed "s/activation=leaky/activation=$2/" "tests/lib/tiny-$4.cfg" >"$T/plain.cfg"
    "$MP" cfg attach "$T/plain.cfg" "$T/$1.cfg" -where 4,5,7,9,12,20,26,27,28,35 >/dev/null
    python3 - "$T/$1.cfg" "$2" "$3" <<'P'
import sys
path, act, sigma = sys.argv[1:]
text = open(path).read().replace("[meta_shared]\n", f"[meta_shared]\nsigma={sigma}\n")
moved, kept = f"activation=linear\n\n[perturb]\nactivation={act}", f"activation={act}\n\n[perturb]\nactivation=linear"
open(path, "w").write(text.replace(moved, kept, 2))
P
}

# folds NAME INTO APART: NAME.cfg trained and folded
folds() {
    local N=$1
    check "$N: trains" train "$T/$N.cfg"
    check "$N: folds" "$MP" weights fold "$T/$N.cfg" "$T/w/${N}_final.weights" "$T/$N-f.cfg" "$T/$N-f.weights" -calibrate "$D" \
        -json "$T/f.json" >"$T/log" 2>"$T/err"
    check "$N: $2 into a layer, $3 apart" grep -q "$2 into the layer before, $3 as a 1x1" "$T/log"
    check "$N: nothing of ours is left" test -z "$(grep -E '^(\[perturb|\[meta)' "$T/$N-f.cfg")"
    check "$N: no key that is not the fork's" "$MP" cfg check "$T/$N-f.cfg" >/dev/null
}

check "plain: trains" train tests/lib/tiny-csp.cfg
agree "plain, shaped like YOLOv4-tiny" tests/lib/tiny-csp.cfg "$T/w/tiny-csp_final.weights"

# A phi of zeros multiplies by a constant: what is folded is what was there, to the box.
perturbed zero mish 0 csp
folds zero 7 3
check "zero: nothing is lost" json "0 <= d['difference'] < 1e-4"
agree "mish, a constant multiplier, folded" "$T/zero.cfg" "$T/w/zero_final.weights" "$T/zero-f.cfg" "$T/zero-f.weights"
# A random phi: the folded network is what OpenCV must match; how far it is from the perturbed one is measured.
for act in mish swish; do
    perturbed $act $act 0.2 csp
    folds $act 7 3
    check "$act: near the perturbed network" json "d['difference'] < 0.25"
    check "$act: as good" json "d['folded']['map50'] > d['deterministic']['map50'] - 0.15"
    agree "$act, folded" "$T/$act-f.cfg" "$T/$act-f.weights"
done
# Sums of a residual block, SPP, PAN, a gate.
sed 's/^max_batches=.*/max_batches=240/; s/^steps=.*/steps=180/; s/^learning_rate=.*/learning_rate=0.004/' tests/lib/tiny-pan.cfg >"$T/plain.cfg"
"$MP" cfg attach "$T/plain.cfg" "$T/pan.cfg" -where residual >/dev/null
folds pan 0 4
agree "residual sums, folded" "$T/pan-f.cfg" "$T/pan-f.weights"
finish
