#!/usr/bin/env bash
# gpu.sh - the CUDA back end. Wherever nvcc is found it is compiled and linked for every architecture, so that it cannot rot; its code is run on the
# CPU, on a stand-in for the device and its libraries (cuda_sim/sim.h); and where a device is, on that.
. "$(dirname "$0")/../lib/lib.sh"
PATH=$PATH:${CUDA:-/usr/local/cuda}/bin
without() { skip "no $1: the CUDA back end was not compiled"; finish; }
command -v nvcc >/dev/null || without "nvcc (CUDA Toolkit)"
[ -e "${CUDA:-/usr/local/cuda}/include/cudnn.h" ] || [ -e /usr/include/cudnn.h ] || without "cudnn.h (cuDNN)"
all=(test_engine test_net test_ema test_dropblock test_heads test_mix test_attack test_look)

# run FOLDER PROGRAM...: on device 0 of that build.
run() {
    local folder=$1 t
    shift
    for t; do
        if METAPERTURB_GPU=0 "$folder/tests/$t" >"$T/$t.log" 2>&1; then :; else bad "$folder $t: $(grep -m 3 -e FAIL -e metaperturb -e cuda_sim "$T/$t.log")"; fi
        read -r p f s < <(sed -nE "\$s/^$t: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped\$/\1 \2 \3/p" "$T/$t.log")
        [ -n "${p:-}" ] || bad "$folder $t ended without its closing line"
        passed=$((passed + ${p:-0})) skipped=$((skipped + ${s:-0}))
    done
}

for log in build/gpu/make.log build/sim/make.log; do
    [ -s "$log" ] && bad "$log: $(head -1 "$log")"
done
need "make cuda gave a program" test -x build/gpu/metaperturb
need "make cuda gave a program on the stand-in" test -x build/sim/metaperturb
run build/sim "${all[@]}"
check "no circle between files with the CUDA back end" scripts/check_circles.py src build/sim
# A device whose cuDNN has nothing repeatable in NHWC: convolutions go through copies in NCHW.
CUDA_SIM_NO_NHWC=1 run build/sim test_engine test_net
# TF32 allowed: each direction of a convolution with its own kind of product.
METAPERTURB_TF32=1 run build/sim test_net

# What the stand-in must catch, or it would prove nothing.
tiny_data
cat >"$T/small.cfg" <<'C'
[net]
batch=4
subdivisions=1
height=16
width=16
channels=3
max_batches=3
learning_rate=0.01
[meta_shared]
[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=relu
[perturb]
[avgpool]
[connected]
output=3
activation=linear
[softmax]
C
refused "no device" "no CUDA device 0" env CUDA_SIM_NONE=1 build/sim/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T"
refused "a device too small" "use a smaller batch" env CUDA_SIM_BYTES=8420000 build/sim/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T"
refused "-i without CUDA" "make GPU=1" build/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T" -i 0
refused "-tf32 without CUDA" "make GPU=1" build/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T" -tf32
refused "-i and -nogpu" "exclude each other" build/sim/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T" -i 0 -nogpu
refused "no number" "METAPERTURB_GPU=one" env METAPERTURB_GPU=one build/sim/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T"
refused "the variable without CUDA" "make GPU=1" env METAPERTURB_GPU=0 build/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T"
check "-nogpu" build/sim/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T" -nogpu -threads 1 >"$T/cpu.log" 2>&1
check "the same without CUDA" build/metaperturb classifier train "$T/tiny.data" "$T/small.cfg" -backup "$T/plain" -threads 1 >"$T/plain.log" 2>&1
check "-nogpu is the CPU, bit for bit" cmp "$T/small.weights" "$T/plain/small.weights"

# Whole training runs, SGD and Adam: the device's weights, statistics and moments against the CPU's, in the files that go on.
apart() {
    python3 - "$1" "$2" <<'P'
import struct, sys
a, b = (open(f, "rb").read() for f in sys.argv[1:])
n = min(len(a), a.find(b"MPTRAIL1")) // 4      # the stock part: 20 bytes of head, then floats
x, y = (struct.unpack("<%df" % (n - 5), f[20:4 * n]) for f in (a, b))
e = (sum((p - q) ** 2 for p, q in zip(x, y)) / sum(p * p for p in x)) ** 0.5
sys.exit(not (len(a) == len(b) and n > 100 and e < 1e-4 and x != y))
P
}
# trains BUILD: whole runs on that build's device.
trains() {
    local device=$1/metaperturb optimizer
    for optimizer in "momentum=0.8" "adam=1" "adam=1 ema_alpha=0.9"; do
        sed "s/max_batches=3/max_batches=14\n${optimizer// /\\n}/" "$T/small.cfg" >"$T/opt.cfg"
        "$device" classifier train "$T/tiny.data" "$T/opt.cfg" -backup "$T/a" -every 7 >"$T/a.log" 2>&1
        build/metaperturb classifier train "$T/tiny.data" "$T/opt.cfg" -backup "$T/b" -every 7 >"$T/b.log" 2>&1
        check "$1, $optimizer: trained alike" apart "$T/a/opt.weights" "$T/b/opt.weights"
        "$device" classifier train "$T/tiny.data" "$T/opt.cfg" -backup "$T/c" -every 7 >"$T/c.log" 2>&1
        check "$1, $optimizer: the same bits twice" cmp "$T/a/opt.weights" "$T/c/opt.weights"
    done
    sed "s/max_batches=3/max_batches=1500\nadam=1\nema_alpha=0.9/" "$T/small.cfg" >"$T/long.cfg"
    "$device" classifier train "$T/tiny.data" "$T/long.cfg" -backup "$T/a" >"$T/a.log" 2>&1
    check "$1: stopped" stopped "$device" classifier train "$T/tiny.data" "$T/long.cfg" -backup "$T/d"
    check "$1: goes on" "$device" classifier train "$T/tiny.data" "$T/long.cfg" "$T/d/long.backup" -backup "$T/d" >"$T/d.log" 2>&1
    check "$1: stop and go on equals a straight run" cmp "$T/a/long.weights" "$T/d/long.weights"
}
trains build/sim

# Meta-training: tasks side by side in threads, each with a stream of its own.
cat >"$T/m.meta" <<M
[meta]
cfg=$T/small.cfg
phi=$T/m.phi
steps=8
batch=4
[task]
data=$T/tiny.data
[task]
data=$T/tiny.data
split=half1
M
for k in 1 2; do CUDA_SIM_SLOW=1 build/sim/metaperturb meta train "$T/m.meta" -out "$T/phi$k" -threads 2 >"$T/m.log" 2>&1; done
build/metaperturb meta train "$T/m.meta" -out "$T/phi" >"$T/m.log" 2>&1
check "meta-training: the same bits twice" cmp "$T/phi1" "$T/phi2"
check "meta-training: phi as the CPU's" python3 - "$T/phi1" "$T/phi" <<'P'
import sys
x, y = ([float(w) for line in open(f) if not line.startswith(("#", "crc32")) for w in line.split() if w[0] in "-0123456789"] for f in sys.argv[1:])
sys.exit(not (len(x) == len(y) >= 82 and x != y and max(abs(p - q) for p, q in zip(x, y)) < 1e-5))
P

run build/gpu gpu_perturb       # without a device: counted skips
if nvidia-smi -L >/dev/null 2>&1; then
    run build/gpu "${all[@]}"
    trains build/gpu
else skip "no CUDA device: build/gpu was compiled and linked, not run"
fi
finish
