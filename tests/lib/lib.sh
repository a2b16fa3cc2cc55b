# lib.sh - what the end-to-end tests share: a scratch folder, counters, a closing line. Source it from the repository root.
# shellcheck shell=bash
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
MP=${MP:-build/metaperturb}
# On a busy machine threads that spin take the time of those they wait for: tiny networks would crawl.
export GOMP_SPINCOUNT=1000
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
passed=0 failed=0 skipped=0
name=$(basename "$0" .sh)
# Seconds after which something inside a test hangs: well before the test itself is cut off.
HANG=$((${TEST_LIMIT:-900} / 3))
# What is said goes here, even where a check's own output goes to a file.
exec {say}>&1

ok()   { passed=$((passed + 1)); }
bad()  { failed=$((failed + 1)); echo "FAIL $name: $*" >&$say; }
skip() { skipped=$((skipped + 1)); echo "SKIP $name: $*" >&$say; }
# step WHAT: leaves for scripts/run_tests.sh what runs now, should it cut the test off.
step() { [ -z "${TEST_STEP:-}" ] || echo "$1" >"$TEST_STEP"; }
check() {
    local what=$1
    shift
    step "$what"
    if "$@"; then ok; else bad "$what"; fi
    step "what follows \"$what\""
}
# finds ARGUMENTS...: grep -q at the end of a pipe, but it reads to the end. grep -q does not, and
# what still writes then dies of SIGPIPE, which pipefail takes for a failure.
finds() { [ "$(grep -c "$@")" -gt 0 ]; }
# need WHAT COMMAND...: a check without which nothing further makes sense.
need() {
    local before=$failed
    check "$@"
    [ "$failed" = "$before" ] || finish
}

# refused WHAT WORDS COMMAND...: the command ends with status 1 or 2 and exactly one line on stderr that holds WORDS.
refused() {
    local what=$1 words=$2 rc
    shift 2
    step "$what"
    "$@" >"$T/out" 2>"$T/err"
    rc=$?
    if [ $rc -ne 1 ] && [ $rc -ne 2 ]; then bad "$what: status $rc: $(tail -1 "$T/err")"
    elif ! tail -1 "$T/err" | grep -qF -- "$words"; then bad "$what: '$(tail -1 "$T/err")' does not say '$words'"
    else ok
    fi
    step "what follows \"$what\""
}

# A tiny data set of made pictures: $T/tiny.data with 3 classes, 8 train and 4 test images of each.
tiny_data() { need "the test's pictures" python3 tests/lib/make_images.py "$T"; }

# stopped COMMAND...: starts a training run, asks it to stop as soon as it is under way, and waits for it; its output in $T/log.
stopped() {
    # An old log would have the signal sent before the command runs: to a copy of this shell, whose trap clears $T.
    : >"$T/log"
    "$@" >"$T/log" 2>&1 &
    local pid=$!
    until grep -q '^[0-9]*[,:] ' "$T/log" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    kill -TERM "$pid"
    wait "$pid"
    grep -q '^stopped' "$T/log"
}

# The closing line, and the end of the script wherever it is called.
finish() {
    echo "$name: $passed passed, $failed failed, $skipped skipped" >&$say
    exit $((failed > 0))
}
