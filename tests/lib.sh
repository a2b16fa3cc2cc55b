# lib.sh - what the end-to-end tests share: a scratch folder, counters, a closing line. Source it from the repository root.
# shellcheck shell=bash
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
MP=${MP:-build/metaperturb}
# On a busy machine threads that spin take the time of those they wait for: tiny networks would crawl.
export GOMP_SPINCOUNT=1000
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
passed=0 failed=0 skipped=0
name=$(basename "$0" .sh)

ok()   { passed=$((passed + 1)); }
bad()  { failed=$((failed + 1)); echo "FAIL $name: $*"; }
skip() { skipped=$((skipped + 1)); echo "SKIP $name: $*"; }
check() { local what=$1; shift; if "$@"; then ok; else bad "$what"; fi; }

# refused WHAT WORDS COMMAND...: the command ends with status 1 or 2 and exactly one line on stderr that holds WORDS.
refused() {
    local what=$1 words=$2 rc
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    rc=$?
    if [ $rc -ne 1 ] && [ $rc -ne 2 ]; then bad "$what: status $rc: $(tail -1 "$T/err")"
    elif ! tail -1 "$T/err" | grep -qF -- "$words"; then bad "$what: '$(tail -1 "$T/err")' does not say '$words'"
    else ok
    fi
}

# A tiny data set of made pictures: $T/tiny.data with 3 classes, 8 train and 4 test images of each.
tiny_data() { python3 tests/make_images.py "$T" || exit 1; }

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

finish() {
    echo "$name: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}
