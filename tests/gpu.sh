#!/usr/bin/env bash
# gpu.sh - compiles and links the CUDA kernels for every architecture wherever nvcc is found, so that they cannot rot, and runs them where a device is.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/local/cuda/bin
if ! command -v nvcc >/dev/null; then
    skip "no nvcc (CUDA Toolkit): kernels not compiled"
    finish
fi
if ! make cuda >"$T/make.log" 2>&1; then
    bad "make cuda: $(grep -m 1 -i 'error' "$T/make.log")"
    finish
fi
ok
check "no warning" sh -c "! grep -i warning '$T/make.log'"
if build/cuda/gpu_perturb >"$T/gpu.log"; then ok; else bad "gpu_perturb: $(grep -m 3 FAIL "$T/gpu.log")"; fi
read -r p f s < <(sed -nE '$s/^gpu: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$T/gpu.log")
[ -n "${s:-}" ] || bad "gpu_perturb ended without its closing line"
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
[ "${s:-0}" = 0 ] || echo "SKIP gpu: $s checks of the kernels: no CUDA device"
finish
