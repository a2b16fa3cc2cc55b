#!/usr/bin/env bash
# arm64.sh - Debian's cross compiler takes every source without a warning, and src/ops passes its tests on that processor (qemu-user).
# Where gcc-aarch64-linux-gnu or qemu-user is missing, that part is skipped.
. "$(dirname "$0")/../lib/lib.sh"
CC=aarch64-linux-gnu-gcc
if ! command -v $CC >/dev/null; then
    skip "no $CC (gcc-aarch64-linux-gnu): nothing is built for arm64"
    finish
fi
flags=(-std=c11 -D_GNU_SOURCE -O3 -fopenmp -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wall -Wextra -Wpedantic -Werror
       -Wno-unused-parameter -Wno-format-truncation -Isrc -Itests/lib -Ibuild)
# Headers of libraries are this machine's, behind those of arm64's own C library; only what is linked below needs arm64's libraries.
behind=(-idirafter /usr/lib/darknet/include -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)")
read -ra mpi <<<"$(pkg-config --cflags-only-I ompi-c | sed 's/-I/-idirafter /g')"
cuda=${CUDA:-/usr/local/cuda}/include
for src in src/*/*.c; do
    case $src in src/engine/cuda/*.c) [ -e "$cuda/cudnn.h" ] || { skip "$src: no cuDNN here"; continue; } ;; esac
    check "$src" $CC "${flags[@]}" "${behind[@]}" "${mpi[@]}" -idirafter "$cuda" -fsyntax-only "$src"
done
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
for t in test_ops test_perturb test_activation test_anchors test_rate test_yolo; do
    check "$t builds" $CC "${flags[@]}" "${behind[@]}" -static -o "$T/$t" "tests/ops/$t.c" tests/lib/ref_perturb.c tests/lib/ref_yolo.c src/ops/*.c -lm
    if [ -z "$qemu" ]; then
        skip "no qemu-aarch64 (qemu-user): $t does not run"
        continue
    fi
    check "$t passes" "$qemu" "$T/$t" >"$T/log"
    tail -n 1 "$T/log"
done
finish
