#!/usr/bin/env bash
# Runs the tests that are built, all or those named (tests/host/test_cfg.c, test_cfg, cli); builds and installs nothing.
# -list: the tests there are, run nothing.
# The last line is `N passed, N failed, N skipped`; the exit status is 0 only without failures.
# Each test prints `NAME: N passed, N failed, N skipped` as its last line; one that crashes, hangs or ends without it has failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# For hangs alone: the slowest test takes two minutes on two idle cores, several times that beside other work.
export TEST_LIMIT=${TEST_LIMIT:-900}
logs=build/tests
passed=0 failed=0 skipped=0 red=()

# why NAME STATUS: what to say of a test that ended so.
why() {
    case $2 in
        124 | 137) echo "$1: stopped after $TEST_LIMIT s${3:+, in: $3}" ;;
        *) echo "$1: exit status $2, whole output in $logs/$1.log" ;;
    esac
}

# run_test NAME COMMAND...: runs it, shows what is worth reading, adds up its closing line.
run_test() {
    local name=$1 log=$logs/$1.log rc=0 last
    shift
    export TEST_STEP=$PWD/$logs/$name.step
    rm -f "$TEST_STEP"
    timeout -k 20 "$TEST_LIMIT" "$@" >"$log" 2>&1 </dev/null || rc=$?
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
    why "$name" $rc "$(cat "$TEST_STEP" 2>/dev/null || true)"
    red+=("$name")
}

# run_file FILE: the test of that source.
run_file() {
    local name
    case $1 in
        *.c)
            name=$(basename "$1" .c)
            run_test "$name" "build/tests/$name" ;;
        *)
            name=$(basename "$1" .sh)
            run_test "$name" bash "$1" ;;
    esac
}

# run_named TEST: by its path, or by its name alone, wherever it lies.
run_named() {
    local name=${1##*/} found
    [ ! -f "$1" ] || { run_file "$1"; return; }
    name=${name%.*}
    found=$(printf '%s\n' "${all[@]}" | grep -E "/$name\.(c|sh)$" || true)
    if [ -n "$found" ]; then
        run_file "$found"
    else
        echo "no test is called '$1'"
        failed=$((failed + 1))
        red+=("$1")
    fi
}

# Without #! a script is a file that others source.
all=()
for file in tests/*/test_*.c tests/*/*.sh; do
    case $file in
        *.sh) [ "$(head -c 2 "$file")" = '#!' ] || continue ;;
    esac
    all+=("$file")
done
stray=$(ls tests/*.c tests/*.sh 2>/dev/null || true)
[ -z "$stray" ] || { echo "in no room's folder:" $stray; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
twice=$(printf '%s\n' "${all[@]##*/}" | sed 's/\.[a-z]*$//' | sort | uniq -d)
[ -z "$twice" ] || { echo "two tests have one name: $twice"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

mkdir -p $logs
if [ "${1-}" = -list ]; then
    printf '%s\n' "${all[@]}"
    exit
elif [ $# -gt 0 ]; then
    for file; do run_named "$file"; done
else
    run_test check_layers scripts/check_layers.sh
    run_test check_symbols scripts/check_symbols.sh
    for file in "${all[@]}"; do run_file "$file"; done
fi
[ ${#red[@]} = 0 ] || echo "failed: ${red[*]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
