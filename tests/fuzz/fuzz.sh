#!/usr/bin/env bash
# fuzz.sh - every reader of files against bytes that nobody wrote: libFuzzer with AddressSanitizer and UBSan, FUZZ_SECONDS (20) a target,
# as many at a time as there are processors. `tests/fuzz/fuzz.sh TARGET...` runs these alone. What ends a target is kept in out/fuzz.
. "$(dirname "$0")/../lib/lib.sh"
seconds=${FUZZ_SECONDS:-20}
B=build/fuzz
mapfile -t targets < <(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
[ $# = 0 ] || targets=("$@")

# clang, its sanitizers, and the OpenMP headers that go with it.
echo '#include <omp.h>
int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return omp_get_max_threads() < 0 && p[n]; }' >"$T/probe.c"
if ! clang -fopenmp -fsanitize=fuzzer,address,undefined -o "$T/probe" "$T/probe.c" 2>"$T/probe.log"; then
    for t in "${targets[@]}"; do skip "$t: no clang with libFuzzer and OpenMP (Debian: clang, libclang-rt-dev, libomp-dev): $(head -n 1 "$T/probe.log")"; done
    finish
fi
san=(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
if ! make -s -j"$(nproc)" BUILD=$B CC=clang OPTIMIZE=-O1 WARN="-Wall -Wextra -Wno-unused-parameter -Wno-pass-failed" \
    EXTRA="${san[*]}" $(printf "$B/fuzz/%s " "${targets[@]}") >"$T/make.log" 2>&1; then
    tail -n 20 "$T/make.log"
    bad "the targets do not build"
    finish
fi

# The host library is not instrumented: only what goes through the allocator and our own code is seen. Leaks of the host are known.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_odr_violation=0
export LSAN_OPTIONS=suppressions=tests/sanitize/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_NUM_THREADS=1
mkdir -p out/fuzz

# one TARGET: the committed corpus first, then new inputs from it; $T/TARGET.log, exit status of the fuzzer.
one() {
    local grown=$T/$1.grown
    mkdir -p "$T/$1" "$grown"
    TMPDIR=$T/$1 timeout -k 5 $((seconds + 120)) $B/fuzz/"$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=16384 \
        -seed=1 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix=out/fuzz/"$1"- "$grown" tests/fuzz/corpus/"$1" >"$T/$1.log" 2>&1
    echo $? >"$T/$1.rc"
}
for t in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    one "$t" &
done
wait

for t in "${targets[@]}"; do
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$T/$t.log")
    if [ "$(cat "$T/$t.rc")" = 0 ] && [ "${runs:-0}" -gt "$(ls tests/fuzz/corpus/"$t" | wc -l)" ]; then
        echo "$t: $runs inputs"
        ok
    else
        grep -aE '^(SUMMARY|==[0-9]*==ERROR|.*runtime error)|^    #[0-9]+ .* in [a-z_]+ src/' "$T/$t.log" | head -n 12
        bad "$t: exit status $(cat "$T/$t.rc") after ${runs:-no} inputs; $(grep -ao 'out/fuzz/[^ ]*$' "$T/$t.log" | tail -n 1)"
    fi
done
finish
