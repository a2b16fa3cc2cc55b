#!/usr/bin/env bash
# attack.sh - `classifier attack` from the command line: what it does to a small trained network, that it repeats, and bad input.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
D=$T/tiny.data
"$MP" classifier train "$D" tests/lib/tiny.cfg -seed 1 -backup "$T/w" >/dev/null 2>&1 || bad "training"
sed '/^\[meta_shared\]/,/^anneal/d; /^\[perturb\]/,/^activation/d; s/^activation=linear/activation=relu/; s/from=-3/from=-2/' tests/lib/tiny.cfg >"$T/plain.cfg"
"$MP" classifier train "$D" "$T/plain.cfg" -seed 1 -backup "$T/w" >/dev/null 2>&1 || bad "training of the plain network"
W=$T/w/tiny.weights P=$T/w/plain.weights
attack() { "$MP" classifier attack "$D" tests/lib/tiny.cfg "$W" -seed 1 "$@" 2>"$T/err"; }
# field FILE ROW KEY
field() { python3 -c 'import json,sys; r = json.load(open(sys.argv[1]))["rows"][int(sys.argv[2])]; print(r[sys.argv[3]])' "$@"; }
holds() { python3 -c 'import sys; sys.exit(not eval(sys.argv[1]))' "$1"; }

"$MP" classifier valid "$D" tests/lib/tiny.cfg "$W" -json "$T/valid.json" >/dev/null 2>&1
valid=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["top1"])' "$T/valid.json")
for norm in linf l2 l1; do
    case $norm in linf) eps=0.01,0.3 ;; l2) eps=0.1,8 ;; *) eps=1,200 ;; esac
    check "$norm runs" attack -norm $norm -eps $eps -steps 8 -json "$T/$norm.json" >"$T/$norm.txt"
    check "$norm: without an attack, the accuracy of valid" holds "abs($(field "$T/$norm.json" 0 top1) - $valid) < 1e-9"
    check "$norm: a wide ball breaks it" holds "$(field "$T/$norm.json" 2 top1) < $(field "$T/$norm.json" 0 top1)"
    check "$norm: the loss grows with the radius" holds \
        "$(field "$T/$norm.json" 0 nll) < $(field "$T/$norm.json" 1 nll) < $(field "$T/$norm.json" 2 nll)"
done
attack -norm linf -eps 0.01,0.3 -steps 8 -json "$T/again.json" >"$T/again.txt"
check "the same seed, the same result" cmp -s "$T/linf.txt" "$T/again.txt"

check "noise, transfer and picture" attack -eps 4/255 -steps 4 -samples 3 -transfer "$T/plain.cfg" -transfer_weights "$P" -check -json "$T/noise.json" \
    -plot "$T/curve.png" -beside "$T/linf.json" >"$T/noise.txt"
check "the fraction is a radius" holds "abs($(field "$T/noise.json" 1 eps) - 4 / 255) < 1e-9"
check "transfer is told" grep -q transfer "$T/noise.txt"
check "harder attacks are told" test "$(grep -c '4 times' "$T/noise.txt")" = 2
check "a picture" sh -c "head -c 4 '$T/curve.png' | grep -q PNG"

refused "unknown norm" "linf, l2 or l1" attack -norm l3
refused "a radius of 0" "radii above 0" attack -eps 0.1,0
refused "no number" "radii above 0" attack -eps 0.1,x
refused "a fraction without its end" "radii above 0" attack -eps 1/
refused "transfer without weights" "belong together" attack -transfer "$T/plain.cfg"
sed 's/^height=32/height=28/' "$T/plain.cfg" >"$T/small.cfg"
refused "another size" "same width" attack -transfer "$T/small.cfg" -transfer_weights "$P"
refused "a step of 0" "must have a length" attack -step 0
refused "beside without plot" "-plot FILE" attack -beside "$T/linf.json"
refused "no results to draw" "no results" attack -steps 1 -eps 0.1 -plot "$T/none.png" -beside "$T/valid.json"
refused "another norm to draw" "share no axis" attack -steps 1 -eps 0.1 -plot "$T/none.png" -beside "$T/l2.json"
sed '0,/^activation=linear/s//activation=linear\nstopbackward=1/' tests/lib/tiny.cfg >"$T/stop.cfg"
refused "stopbackward" "stopbackward" "$MP" classifier attack "$D" "$T/stop.cfg" "$W"
check "no picture is left of what was refused" test ! -e "$T/none.png"
finish
