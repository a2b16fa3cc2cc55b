#!/usr/bin/env bash
# yolov4.sh - networks of YOLOv4's kind as they are used: perturbed and trained.
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
finish
