#!/usr/bin/env bash
# phi.sh - phi import, show, plot.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data

# What is refused, cut or changed: tests/tools/test_phi_import.c.
need "the test's own files" python3 tests/lib/make_pth.py "$T"
same() { # same FILE.phi FLOATS: the 82 values, bit for bit
    python3 - "$1" "$2" <<'P'
import struct, sys
rows = [l.split()[1:] for l in open(sys.argv[1]) if l[0] != "#" and not l.startswith("crc32")]
sys.exit(b"".join(struct.pack("<f", float(v)) for r in rows for v in r) != open(sys.argv[2], "rb").read())
P
}
for kind in old zip zip_deflated strided; do
    check "$kind format" "$MP" phi import "$T/$kind.pth" "$T/$kind.phi" >/dev/null
    check "$kind format: the 82 values" same "$T/$kind.phi" "$T/want.bin"
done
import() { "$MP" phi import "$1" "$T/bad.phi"; }
refused "a call in the file" "system; only tensors of float32 are read" import "$T/evil_system.pth"
check "was not run" test ! -e "$T/PWNED"
refused "no such file" "none.pth" import "$T/none.pth"
refused "a folder" "a folder" import "$T"
check "no refusal wrote a phi" test ! -e "$T/bad.phi"

authors=${MP_SHARED:-../shared}/weights/authors_phi_tiny_imagenet_resnet20.pth
if [ -r "$authors" ]; then
    check "the authors' file" "$MP" phi import "$authors" "$T/authors.phi" >/dev/null
    # Theirs are in the order of the state_dict: kernels first.
    python3 - "${MP_SHARED:-../shared}/golden/phi_official_82.bin" "$T/authors.bin" <<'P'
import sys
b = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(b[144:288] + b[:144] + b[288:])
P
    check "its 82 values exactly" same "$T/authors.phi" "$T/authors.bin"
else
    skip "no shared/weights: the authors' file is not read"
fi

# show and plot with a network
refused "half of what to measure on" "all three" "$MP" phi show "$T/old.phi" tests/lib/tiny.cfg
"$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -backup "$T/w" >/dev/null 2>&1
check "measured" "$MP" phi show "$T/old.phi" tests/lib/tiny.cfg "$T/w/tiny.weights" "$T/tiny.data" -json "$T/m.json" >/dev/null 2>&1
# This phi is small random numbers: alpha is nearly 0 everywhere, E[z] 0.806, sd/E 0.646.
check "figures of a phi near 0" python3 - "$T/m.json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
good = all(abs(l["noise"] - 0.646) < 0.02 and abs(l["multiplier"] - 0.806 * l["scale"]) < 0.02 and 0.3 < l["scale"] < 0.7 for l in d["layers"])
sys.exit(not (good and d["layers"]))
P
# The other kinds of noise: multiplier and sd/mean, in terms of s.
kind() { # kind WORDS MULTIPLIER NOISE
    sed "s/^\[perturb\]/&\n$1/" tests/lib/tiny.cfg >"$T/kind.cfg"
    "$MP" phi show "$T/old.phi" "$T/kind.cfg" "$T/w/tiny.weights" "$T/tiny.data" -json "$T/k.json" >/dev/null 2>&1 || return 1
    python3 - "$T/k.json" "$2" "$3" <<'P'
import json, sys
rows = json.load(open(sys.argv[1]))["layers"]
wrong = [l for l in rows if abs(l["multiplier"] - eval(sys.argv[2], {"s": l["scale"]})) > 0.02 or abs(l["noise"] - float(sys.argv[3])) > 0.02]
sys.exit(bool(wrong or not rows))
P
}
check "figures of noise=gaussian" kind 'noise=gaussian\nsd=.3' 1 0.3
check "figures of noise=mean" kind 'noise=mean' '0.806 * s' 0
check "figures of noise=unit" kind 'noise=unit' s 0.646
refused "a phi that is none" "tiny.cfg" "$MP" phi show tests/lib/tiny.cfg
refused "import takes no seed" "unknown option -seed" "$MP" phi import "$T/old.pth" "$T/x.phi" -seed 3
refused "plot writes no JSON" "unknown option -json" "$MP" phi plot "$T/old.phi" -json "$T/x.json"
if command -v gnuplot >/dev/null; then
    check "plot" "$MP" phi plot "$T/old.phi" tests/lib/tiny.cfg "$T/w/tiny.weights" "$T/tiny.data" -out "$T/p.png" >/dev/null 2>&1
    for f in p p-maps; do
        check "$f.png is a picture" test "$(head -c 4 "$T/$f.png" | tail -c 3)" = PNG
        check "$f.png is not empty" test "$(stat -c %s "$T/$f.png")" -gt 8000
    done
    mkdir "$T/nobin"
    refused "no gnuplot" "install gnuplot-nox" env PATH="$T/nobin" "$PWD/$MP" phi plot "$T/old.phi" -out "$T/q.png"
    check "and no picture" test ! -e "$T/q.png"
else
    skip "no gnuplot: nothing is drawn"
fi
finish
