#!/usr/bin/env bash
# Everything that is to be checked and measured of the CUDA back end, in one call: gpu_check.sh FOLDER
# Builds it (make GPU=1; without nvcc, or where that fails, it takes build/gpu as it is), lists registers and spills (FOLDER/registers.md), runs the tests on
# the device (tests.log), times steps beside PyTorch's (table.md, JSON files), runs compute-sanitizer's memcheck and racecheck (memcheck.log, racecheck.log),
# and meta-trains on Tiny ImageNet's ten tasks for STEPS steps (default 750) if they are prepared. Without a device: the first two.
# It ends within LIMIT seconds (default 460): what does not fit is cut off, and said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
out=$1
mp=build/gpu/metaperturb alone=build/gpu/tests/gpu_perturb
PATH=$PATH:/usr/local/cuda/bin
mkdir -p "$out"
status=0 limit=${LIMIT:-460}
[[ $limit =~ ^[0-9]+$ ]] || { echo "gpu_check: LIMIT=$limit: a whole number of seconds" >&2; exit 2; }
failed() { echo "gpu_check: $*" >&2; status=1; }

# within MOST COMMAND...: at most so many seconds of those that are left.
within() {
    local most=$1 left=$((limit - SECONDS))
    shift
    [ "$left" -gt 0 ] || return 124
    timeout -k 5 "$((most < left ? most : left))" "$@"
}

build() {
    within "$limit" make -s -j"$(nproc)" BUILD=build/gpu GPU=1 all tests >"$out/build.log" 2>&1 ||
        { failed "the build failed ($out/build.log): what lies in build/gpu is taken as it is"; return 0; }
    [ ! -s "$out/build.log" ] || failed "the build warns: $out/build.log"
    # Once more for each architecture alone, by the Makefile's own flags, so that ptxas tells which line is whose.
    local work
    work=$(mktemp -d)
    printf '%s\n' 75 80 86 89 90 | within "$limit" xargs -P "$(nproc)" -I {} sh -c '
        make -s GPU=1 BUILD="$1/{}" ARCHS={} NVCC="${CUDA:-/usr/local/cuda}/bin/nvcc -Xptxas -v" "$1/{}/ops/perturb_cuda.o" "$1/{}/engine/cuda/kernels.o" 2>&1 |
            sed "s/^/{} /" >"$1/{}.log"' sh "$work" || failed "the registers are not complete"
    cat "$work"/*.log /dev/null | awk '
        /Compiling entry function/ {
            if (match($0, /m_[a-z]*ILi[0-9]/)) { name = substr($0, RSTART + 2, RLENGTH - 2); sub(/ILi/, ", quads a thread: ", name) }
            else { match($0, /k_[a-z_]*[jm](8cuda_job|11perturb_job)/); name = substr($0, RSTART + 2, RLENGTH - 2); sub(/[jm](8cuda|11perturb)_job$/, "", name) }
        }
        /bytes stack frame/ { spill = $6 + $10 }
        /Used [0-9]+ registers/ { reg[name, $1] = $6 (spill ? " (" spill " B spilt)" : ""); names[name] = 1; archs[$1] = 1 }
        END {
            printf "| registers a thread |"; for (a = 75; a <= 90; a++) if (a in archs) printf " sm_%d |", a
            printf "\n|---|"; for (a = 75; a <= 90; a++) if (a in archs) printf "---|"
            printf "\n"
            n = 0; for (k in names) sorted[++n] = k
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (sorted[j] < sorted[i]) { t = sorted[i]; sorted[i] = sorted[j]; sorted[j] = t }
            for (i = 1; i <= n; i++) { printf "| %s |", sorted[i]; for (a = 75; a <= 90; a++) if (a in archs) printf " %s |", reg[sorted[i], a]; printf "\n" }
        }' >"$out/registers.md"
    rm -r "$work"
    cat "$out/registers.md"
}

tests() {
    : >"$out/tests.log"
    within 60 $alone "$out/perturb.json" >"$out/perturb.log" 2>&1 || failed "gpu_perturb: $out/perturb.log"
    grep -v '^SKIP' "$out/perturb.log" || true
    for t in test_engine test_net test_ema test_dropblock test_heads test_mix test_attack; do
        METAPERTURB_GPU=0 within 60 build/gpu/tests/$t >>"$out/tests.log" 2>&1 || failed "$t: $out/tests.log"
        grep "^$t:" "$out/tests.log" || failed "$t ended without its closing line"
    done
}

# sanitized TOOL LOG PROGRAM...
sanitized() {
    local tool=$1 log=$out/$2.log rc=0
    shift 2
    METAPERTURB_GPU=0 within 70 compute-sanitizer --tool "$tool" --error-exitcode 9 "$@" >"$log" 2>&1 || rc=$?
    case $rc in
        0) echo "$tool, $1: clean" ;;
        124 | 137) failed "$tool, $1: cut off, not finished: $log" ;;
        *) failed "$tool, $1: $log" ;;
    esac
}

# The perturbation's kernels in all their shapes, by both; the engine's whole networks by memcheck, as far as the time goes.
sanitize() {
    command -v compute-sanitizer >/dev/null || { failed "compute-sanitizer is not installed: nothing was sanitized"; return 0; }
    sanitized racecheck racecheck $alone -small
    sanitized memcheck memcheck $alone -small
    sanitized memcheck memcheck-net build/gpu/tests/test_net
}

# row WORK TARGET COMMAND CFG: ours and PyTorch's, one behind the other, three times; the medians.
median() { /usr/bin/env python3 -c 'import json,statistics,sys; print(statistics.median(json.load(open(f))["seconds"]["median"] for f in sys.argv[1:]))' "$@"; }
row() {
    local n=$1 work=$2 target=$3 what=$4 cfg=$5 ours=() theirs=() form=() most=120     # the first of PyTorch's tries all forms
    for k in 1 2 3; do
        within 60 $mp bench "$what" "$cfg" -batch 128 -steps 100 -json "$out/$n-ours-$k.json" >>"$out/bench.log" 2>&1 || { failed "$work: $out/bench.log"; return; }
        ours+=("$out/$n-ours-$k.json")
        [ "$most" -gt 0 ] || continue
        if within "$most" python3 scripts/peers.py "$what" "$cfg" --batch 128 --steps 50 --gpu "${form[@]}" --json "$out/$n-peer-$k.json" >>"$out/bench.log" 2>&1; then
            theirs+=("$out/$n-peer-$k.json")
            form=(--form "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["form"])' "$out/$n-peer-$k.json")") most=40
        else most=0
        fi
    done
    local a b=- r=-
    a=$(median "${ours[@]}")
    if [ ${#theirs[@]} -gt 0 ]; then
        b=$(median "${theirs[@]}")
        r=$(python3 -c "print('%.2f' % ($a / $b))")
    else
        failed "$work: no figure of PyTorch with CUDA: $out/bench.log"
    fi
    echo "| $work | $a | $b | $r | $target |" >>"$out/table.md"
}

table() {
    : >"$out/bench.log"
    printf '| work | ours, s | PyTorch, s | ours / PyTorch | target |\n|---|---|---|---|---|\n' >"$out/table.md"
    row plain "ResNet20, step of 128" "0.6" step cfg/resnet20-plain.cfg
    row perturbed "ResNet20 perturbed, step of 128" "0.3" step cfg/resnet20.cfg
    row meta "meta-training step of 128, one task" "0.3" meta cfg/resnet20.cfg
    [ ! -e "$out/perturb.json" ] || python3 -c "import json; p = json.load(open('$out/perturb.json')); print('| perturbation, 128x64x32x32: time / that of moving its bytes | %.6f | %.6f | %.2f | 2.0 |' % (p['perturb_ms'] / 1e3, p['copy_ms'] * 2.5 / 1e3, p['ratio']))" >>"$out/table.md"
    cat "$out/table.md"
}

meta() {
    [ -e cache/tasks/tiny_imagenet/group0.data ] || { echo "gpu_check: cache/tasks/tiny_imagenet is not prepared (scripts/prepare_tiny_imagenet.sh): no meta-training"; return; }
    within 240 $mp meta train cfg_meta/tiny_imagenet.meta -steps "${STEPS:-750}" -out "$out/gpu.phi" -json "$out/meta.json" >"$out/meta.log" 2>&1 || failed "meta-training: $out/meta.log"
    tail -n 1 "$out/meta.log"
}

rm -f "$out/perturb.json"
if command -v nvcc >/dev/null; then build
else echo "gpu_check: no nvcc: build/gpu is taken as it is"
fi
[ -x $alone ] || { echo "gpu_check: $alone is not there: install the CUDA Toolkit, or put its bin folder into PATH" >&2; exit 1; }
if ! $alone -device; then
    echo "gpu_check: no CUDA device here: the kernels were compiled, not run"
    exit $status
fi
nvidia-smi -L 2>&1 | tee "$out/device.txt" || true
tests
table
sanitize
meta
exit $status
