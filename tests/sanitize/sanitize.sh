#!/usr/bin/env bash
# sanitize.sh [asan|tsan] [all] - the program built with AddressSanitizer and UBSan (asan), or with ThreadSanitizer (tsan), does what the
# end-to-end tests ask of it, and the sanitizers have nothing to report. Without words: a part of both that takes minutes;
# `make asan` and `make tsan` run the whole.
. "$(dirname "$0")/../lib/lib.sh"
case "${1-}" in asan | tsan) kinds=("$1") ;; "") kinds=(asan tsan) ;; *) echo "sanitize: '$1' is neither asan nor tsan"; exit 2 ;; esac
all=$([ "${2-}" = all ] && echo 1)
reports=$T/reports
mkdir "$reports"

# What is known and not ours is named in tests/sanitize/*.supp, with its reason; allocator_may_return_null: a refusal for lack of memory is
# one sentence here too.
common=exitcode=99:log_path=$reports/report
export ASAN_OPTIONS=$common:allocator_may_return_null=1:detect_odr_violation=0:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/report
export LSAN_OPTIONS=suppressions=$PWD/tests/sanitize/lsan.supp:print_suppressions=0
export TSAN_OPTIONS=$common:suppressions=$PWD/tests/sanitize/tsan.supp:ignore_noninstrumented_modules=1

# build KIND TARGET...: quietly; the log's end where it fails.
build() {
    local kind=$1 flags
    shift
    case $kind in
        asan) flags=(EXTRA="-fsanitize=address,undefined -fno-sanitize-recover=undefined") ;;
        tsan) flags=(CC=clang WARN="-Wall -Wextra -Wno-unused-parameter -Wno-pass-failed" EXTRA="-fsanitize=thread") ;;
    esac
    make -s -j"$(nproc)" BUILD="build/$kind" OPTIMIZE=-O1 "${flags[@]}" "$@" >"$T/make.log" 2>&1 || { tail -n 5 "$T/make.log"; return 1; }
}

# no_reports WHAT: what the sanitizers wrote since the last time is a failure, told by its first lines.
no_reports() {
    local said
    said=$(cat "$reports"/* 2>/dev/null | grep -E '^SUMMARY|runtime error|    #[0-9]+ .* src/' | head -n 8)
    if [ -z "$(ls "$reports")" ]; then ok; else bad "$1: the sanitizers report: $said"; fi
    rm -f "$reports"/*
}

# script NAME: a test script, run by the sanitized program.
script() {
    MP=$mp bash tests/*/"$1.sh" >"$T/$1.log" 2>&1 </dev/null
    if tail -n 1 "$T/$1.log" | grep -qE "^$1: [1-9][0-9]* passed, 0 failed"; then ok; else bad "$1.sh with $kind: $(grep -m 3 FAIL "$T/$1.log") $(tail -n 1 "$T/$1.log")"; fi
    no_reports "$1.sh with $kind"
}

# does WHAT COMMAND...: ends with status 0 and without a report.
does() {
    if "${@:2}" >"$T/log" 2>&1; then ok; else bad "$1 with $kind: status $?: $(tail -n 1 "$T/log")"; fi
    no_reports "$1 with $kind"
}

# Each command once, with threads of ours at work: loaders, prefetch, tasks side by side.
everything_once() {
    local d=$T/$kind
    mkdir -p "$d/boxes"
    python3 tests/lib/make_images.py "$d" && python3 tests/lib/make_boxes.py "$d/boxes" || { bad "$kind: no pictures"; return; }
    printf '[meta]\ncfg=%s\nphi=%s\nsteps=6\nbatch=6\ncheckpoint=2\n[task]\ndata=%s\n[task]\ndata=%s\nsplit=half1\n' \
        "$PWD/tests/lib/tiny.cfg" "$d/k.phi" "$d/tiny.data" "$d/tiny.data" >"$d/k.meta"
    printf '[suite]\nresults=%s\nsteps=6\nthreads=4\n[target]\nname=t\ndata=%s\n[network]\nname=n\ncfg=%s\n[method]\nname=plain\n[method]\nname=phi\ncfg=perturb\nphi=%s\nsamples=2\n' \
        "$d/r.jsonl" "$d/tiny.data" "$PWD/tests/lib/tiny.cfg" "$d/k.phi" >"$d/k.suite"
    sed 's/max_batches=240/max_batches=12/; s/burn_in=20/burn_in=2/; s/steps=180/steps=9/' tests/lib/tiny-yolo.cfg >"$d/boxes.cfg"
    sed 's/^max_batches=.*/max_batches=12/; s/^crop_pad=4/&\nmixup=1\ncutmix=1\ncutout=4\nema_alpha=.9/' tests/lib/tiny.cfg >"$d/tiny.cfg"
    # Four threads: of two the one may have done all before the other begins.
    does "classifier train" "$mp" classifier train "$d/tiny.data" "$d/tiny.cfg" -every 6 -threads 4 -backup "$d"
    does "classifier valid" "$mp" classifier valid "$d/tiny.data" "$d/tiny.cfg" "$d/tiny.weights" -samples 2 -threads 4
    does "classifier predict" "$mp" classifier predict "$d/tiny.data" "$d/tiny.cfg" "$d/tiny.weights" "$d/test/disk/0.png"
    does "classifier attack" "$mp" classifier attack "$d/tiny.data" "$d/tiny.cfg" "$d/tiny.weights" -steps 2 -images 6 -threads 4
    does "detector train" "$mp" detector train "$d/boxes/boxes.data" "$d/boxes.cfg" -every 6 -threads 4 -backup "$d"
    does "detector map" "$mp" detector map "$d/boxes/boxes.data" "$d/boxes.cfg" "$d/boxes_final.weights" -threads 4
    does "detector test" "$mp" detector test "$d/boxes/boxes.data" "$d/boxes.cfg" "$d/boxes_final.weights" "$d/test/disk/0.png" -out "$d/o.png"
    does "meta train" "$mp" meta train "$d/k.meta" -threads 4
    does "meta train, going on" "$mp" meta train "$d/k.meta" -threads 4 -resume -steps 9
    does "compare" "$mp" compare "$d/k.suite"
    does "compare -table" "$mp" compare "$d/k.suite" -table
    # Minutes under ThreadSanitizer, and no threads of its own.
    [ "$kind" = tsan ] || does "weights fold" "$mp" weights fold "$d/tiny.cfg" "$d/tiny.weights" "$d/f.cfg" "$d/f.weights" -calibrate "$d/tiny.data" -images 6 -samples 2
    does "weights info" "$mp" weights info "$d/tiny.weights" "$d/tiny.cfg"
    does "phi show" "$mp" phi show "$d/k.phi" "$d/tiny.cfg" "$d/tiny.weights" "$d/tiny.data"
    does "cfg check" "$mp" cfg check "$d/tiny.cfg"
}

# The C tests of this kind, as they are.
c_tests() {
    local t
    for t; do
        "build/$kind/tests/$t" >"$T/$t.log" 2>&1 </dev/null
        if tail -n 1 "$T/$t.log" | grep -qE "^$t: [1-9][0-9]* passed, 0 failed"; then ok; else bad "$t with $kind: $(tail -n 1 "$T/$t.log")"; fi
        no_reports "$t with $kind"
    done
}

# ThreadSanitizer sees OpenMP's waiting only through clang's runtime with Archer; gcc's libgomp it does not know.
has_tsan() {
    echo 'int main(void) { int n = 0;
#pragma omp parallel for reduction(+ : n)
    for (int i = 0; i < 9; i++) n += i;
    return n != 36; }' >"$T/probe.c"
    archer=$(clang -print-resource-dir 2>/dev/null)/../../libarcher.so
    [ -e "$archer" ] && clang -fopenmp -fsanitize=thread -o "$T/probe" "$T/probe.c" 2>/dev/null && OMP_TOOL_LIBRARIES=$archer "$T/probe" 2>/dev/null
}

for kind in "${kinds[@]}"; do
    mp=build/$kind/metaperturb
    targets=(all)
    # Libraries that others load cannot carry clang's runtime: the programs alone.
    [ "$kind" != tsan ] || targets=(build/tsan/metaperturb build/tsan/metaperturb-host)
    if [ "$kind" = tsan ]; then
        has_tsan || { skip "tsan: no clang with ThreadSanitizer, OpenMP and Archer (Debian: clang, libomp-dev)"; continue; }
        export OMP_TOOL_LIBRARIES=$archer
    fi
    [ -z "$all" ] || targets+=(test_programs)
    build "$kind" "${targets[@]}" || { bad "$kind: does not build"; continue; }
    everything_once
    [ -n "$all" ] || continue
    c_tests $(ls tests/*/test_*.c | sed 's|.*/||; s|\.c$||' | grep -v test_portable)
    for s in cli resume meta compare detector attack fold phi kill; do script $s; done
done
finish
