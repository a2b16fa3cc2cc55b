#!/usr/bin/env bash
# Set-up, build, every test. The last line is `N passed, N failed, N skipped`; the exit status is 0 only without failures.
# Each test prints `NAME: N passed, N failed, N skipped` as its last line; one that crashes, hangs or ends without it has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

limit=${TEST_LIMIT:-180}    # seconds for each test
passed=0 failed=0 skipped=0 red=()

finish() {
    [ ${#red[@]} = 0 ] || echo "failed: ${red[*]}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

# run_test NAME COMMAND...: runs it, shows what is worth reading, adds up its closing line.
run_test() {
    local name=$1 log=build/tests/$1.log rc=0 last
    shift
    timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null || rc=$?
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^"$name: "([0-9]+)" passed, "([0-9]+)" failed, "([0-9]+)" skipped"$ ]]; then
        local p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        if [ $rc = 0 ] && [ "$f" = 0 ] && [ $((p + s)) -gt 0 ]; then
            grep '^SKIP' "$log" || true
            echo "$last"
            return
        fi
        # A status or a count that contradicts the line is a failure of its own.
        [ "$f" -gt 0 ] || failed=$((failed + 1))
        [ $((p + f + s)) -gt 0 ] || echo "$name checked nothing"
    else
        failed=$((failed + 1))
        echo "$name ended without its closing line"
    fi
    tail -n 40 "$log"
    case $rc in
        124 | 137) echo "$name: stopped after $limit s" ;;
        *) echo "$name: exit status $rc, whole output in $log" ;;
    esac
    red+=("$name")
}

must() {
    "$@" && return
    echo "test: '$*' failed"
    failed=$((failed + 1)) red+=("$1")
    finish
}

must scripts/setup.sh --build
must make
must make tests
mkdir -p build/tests
# The CUDA back end, twice: for devices, and for the tests' stand-in. tests/gpu.sh runs them; warnings are failures there.
if PATH=$PATH:/usr/local/cuda/bin command -v nvcc >/dev/null; then
    mkdir -p build/gpu build/sim
    make -s -j"$(nproc)" BUILD=build/gpu GPU=1 all tests 2>build/gpu/make.log || true
    make -s -j"$(nproc)" BUILD=build/sim GPU=1 SIM=1 all tests 2>build/sim/make.log || true
fi

run_test check_layers scripts/check_layers.sh
run_test check_symbols scripts/check_symbols.sh
for src in tests/test_*.c; do
    [ -e "$src" ] || continue
    name=$(basename "$src" .c)
    run_test "$name" "build/tests/$name"
done
for sh in tests/*.sh; do
    # Without #! it is a file that others source.
    [[ -e $sh && $(head -c 2 "$sh") == '#!' ]] || continue
    run_test "$(basename "$sh" .sh)" bash "$sh"
done
finish
