#!/usr/bin/env bash
# Everything that is to be checked of the CUDA kernels, in one call: gpu_check.sh FOLDER
# Builds them, lists registers and spills (FOLDER/registers.md), runs the tests (gpu.log), compute-sanitizer's memcheck and racecheck where it is
# installed (memcheck.log, racecheck.log), and measures (perturb.json). Without a device it does the first two and says so. Minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
out=$1
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null || { echo "gpu_check: no nvcc: install the CUDA Toolkit, or put its bin folder into PATH" >&2; exit 1; }
mkdir -p "$out"
make -j"$(nproc)" >"$out/build.log" 2>&1 && make cuda >>"$out/build.log" 2>&1 || { echo "gpu_check: the build failed: $out/build.log" >&2; exit 1; }

# One line of -Xptxas -v a kernel and architecture.
for arch in 75 80 86 89 90; do
    nvcc -std=c++17 -O3 -Isrc -Xptxas -v -arch="sm_$arch" -cubin -o /dev/null src/ops/perturb_cuda.cu 2>&1 | sed "s/^/$arch /"
done | awk '
    /Compiling entry function/ { match($0, /k_dev_[a-z_]*/); name = substr($0, RSTART + 2, RLENGTH - 3) }
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
cat "$out/registers.md"

status=0
build/cuda/gpu_perturb "$out/perturb.json" >"$out/gpu.log" || status=1
grep -v '^SKIP' "$out/gpu.log"
if grep -q '^SKIP.*no CUDA device' "$out/gpu.log"; then
    echo "gpu_check: no CUDA device here: the kernels were compiled, not run"
    exit $status
fi
for tool in memcheck racecheck; do
    if ! command -v compute-sanitizer >/dev/null; then
        echo "gpu_check: compute-sanitizer is not installed: $tool not run"
    elif compute-sanitizer --tool "$tool" --error-exitcode 9 build/cuda/gpu_perturb >"$out/$tool.log" 2>&1; then
        echo "$tool: clean"
    else
        echo "$tool: see $out/$tool.log"
        status=1
    fi
done
exit $status
