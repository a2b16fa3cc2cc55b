#!/usr/bin/env bash
# python.sh - scripts/darknet_example.py, and what docs/python.md shows: ctypes on libdarknet.so under LD_PRELOAD, with numpy and without.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
need "pictures with boxes" python3 tests/lib/make_boxes.py "$T/set"
SO=$PWD/build/libmetaperturb.so
D=$T/set/boxes.data
example() { LD_PRELOAD=$SO $python scripts/darknet_example.py "$@" 2>"$T/err"; }

# Two cfgs: our sections, and a key that only the fork's heads know.
sed 's/^num=4/num=4\nscale_x_y=1.2/' tests/lib/tiny-yolo.cfg >"$T/fork.cfg"
need "a detector" "$MP" detector train "$D" tests/lib/tiny-yolo.cfg -seed 1 -backup "$T/b" >"$T/log" 2>&1
W=$T/b/tiny-yolo_final.weights
python=python3 withouts=(1)
for p in python3 /usr/bin/python3; do
    $p -c 'import numpy' 2>/dev/null && python=$p withouts=("" 1) && break
done
[ ${#withouts[@]} = 2 ] || skip "no Python here has numpy: arrays in and out were not tried"
for cfg in tests/lib/tiny-yolo.cfg "$T/fork.cfg"; do
    "$MP" detector test "$D" "$cfg" "$W" "$T"/set/images/test?.png -thresh 0.25 -like darknet -json "$T/boxes.json" -out "$T/drawn-${cfg##*/}" >"$T/log" 2>&1
    check "detector test, ${cfg##*/}: $(tail -n 1 "$T/log")" test $? = 0
    for without in "${withouts[@]}"; do
        said=$(WITHOUT_NUMPY=$without LD_PRELOAD=$SO $python tests/host/python.py "$cfg" "$W" "$T/boxes.json" "$T/set/images/test0.png" 2>"$T/err")
        check "boxes of ${cfg##*/}${without:+ without numpy}: $said $(tail -n 1 "$T/err")" test "${said%% *}" -ge 10
        check "with numpy or without, as asked: $said" test "${said#* }" = "boxes, ${without:+no }numpy"
    done
done
example tests/lib/tiny-yolo.cfg "$W" "$T/set/boxes.names" "$T/set/images/test0.png" 0.25 >"$T/out"
check "the program prints boxes" grep -qE '^(ring|box) 0\.[0-9]{4} at x [0-9.]+, y [0-9.]+: [0-9.]+ x [0-9.]+$' "$T/out"

need "a classifier" "$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -seed 1 -backup "$T/b" >"$T/log" 2>&1
"$MP" classifier predict "$T/tiny.data" tests/lib/tiny.cfg "$T/b/tiny.weights" "$T/test/disk/0.png" -json "$T/p.json" >/dev/null 2>&1
example tests/lib/tiny.cfg "$T/b/tiny.weights" "$T/tiny.names" "$T/test/disk/0.png" >"$T/out"
check "and classes" python3 - "$T/p.json" "$T/out" <<'P'
import json, sys
ours = [(o["name"], o["probability"]) for o in json.load(open(sys.argv[1]))["top"]]
theirs = [(l.split()[0], float(l.split()[1])) for l in open(sys.argv[2])]
sys.exit(len(ours) != 3 or any(a != b or abs(p - q) > 1e-5 for (a, p), (b, q) in zip(ours, theirs)))
P
sed '0,/size=3/s//siez=3/' tests/lib/tiny.cfg >"$T/bad.cfg"
refused "a misspelt key" "siez" env LD_PRELOAD="$SO" $python scripts/darknet_example.py "$T/bad.cfg" "$T/b/tiny.weights" "$T/tiny.names" "$T/test/disk/0.png"

# The page's own lines.
sed -n '/^```python$/,/^```$/{/^```/!p}' docs/python.md >"$T/page.py"
need "the page has lines" test "$(wc -l <"$T/page.py")" -ge 8
if [ ${#withouts[@]} = 2 ]; then
    cp tests/lib/tiny-yolo.cfg "$T/my.cfg" && cp "$W" "$T/my.weights" && cp "$T/set/images/test0.png" "$T/photo.png"
    (cd "$T" && PYTHONPATH=$OLDPWD/scripts LD_PRELOAD=$SO $python page.py) >"$T/out" 2>"$T/err"
    rc=$?
    check "they run: $(tail -n 1 "$T/err")" test $rc = 0
    check "and print boxes and a shape" test "$(grep -cE '^[01] 0\.[0-9]+ |^\([0-9]+,\)$' "$T/out")" -ge 2
fi
finish
