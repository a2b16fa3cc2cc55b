#!/usr/bin/env bash
# harness.sh - the tests' own tools: no end comes without its closing line, a hang is cut off and named, what fails is seen.
. "$(dirname "$0")/lib.sh"
# made NAME: a test of the lines on standard input.
made() { (echo ". '$PWD/tests/lib/lib.sh'" && cat) >"$T/$1.sh"; }
# run NAME [VARIABLE=VALUE]: through scripts/run_tests.sh, its output in $T/run.
run() { env TEST_LIMIT=60 "${@:2}" scripts/run_tests.sh "$T/$1.sh" >"$T/run" 2>&1; }
says() { grep -qF -- "$1" "$T/run"; }
closes() { test "$(tail -1 "$T/run")" = "$1"; }

made early <<'S'
check "one" true
skip "nothing to do here"
finish
bad "after the end"
S
check "an early end is the end" run early
check "and a counted skip" closes "1 passed, 0 failed, 1 skipped"

made hidden <<'S'
check "a file is made" false >"$T/log" 2>&1
finish
S
if run hidden; then bad "a failed check: status 0"; else ok; fi
check "a failure is seen where the check's output goes to a file" says "FAIL hidden: a file is made"
check "and counted" closes "0 passed, 1 failed, 0 skipped"

made needed <<'S'
need "what all else needs" false
check "two" true
finish
S
if run needed; then bad "what is needed failed: status 0"; else ok; fi
check "nothing runs without what it needs" closes "0 passed, 1 failed, 0 skipped"

made vanishes <<'S'
check "one" true
exit 0
S
if run vanishes; then bad "no closing line: status 0"; else ok; fi
check "an end without a closing line is a failure" closes "0 passed, 1 failed, 0 skipped"

made hangs <<'S'
check "before" true
check "the step that hangs" sleep 600
finish
S
if run hangs TEST_LIMIT=3; then bad "a hang: status 0"; else ok; fi
check "a hang is cut off, and named" says "hangs: stopped after 3 s, in: the step that hangs"
made between <<'S'
check "the one before" true
sleep 600
finish
S
if run between TEST_LIMIT=3; then bad "a hang between two checks: status 0"; else ok; fi
check "between two checks, the one before is named" says 'stopped after 3 s, in: what follows "the one before"'

cat >"$T/slow.c" <<'C'
#include "test.h"
int main(void) {
    CHECK(1, "never");
    pause();
    return t_done("slow");
}
C
need "a test program that hangs" gcc -D_GNU_SOURCE -Itests/lib -o "$T/slow" "$T/slow.c" -lm
timeout 3 "$T/slow" >"$T/run"
check "a test program names its last check" says "cut off after the check in $T/slow.c:3"

# Without the CUDA Toolkit its test is one skip.
if [ -n "$(PATH=/usr/bin:/bin command -v nvcc)" ]; then
    skip "nvcc lies in /usr/bin: the test without it does not run"
else
    env PATH=/usr/bin:/bin CUDA="$T/none" scripts/run_tests.sh tests/engine/gpu.sh >"$T/run" 2>&1
    check "no nvcc: one skip" closes "0 passed, 0 failed, 1 skipped"
fi

# Set-up: silent where nothing is missing; a reason where it can't go on.
scripts/setup.sh --build >"$T/run" 2>&1
check "set-up with all there: status 0, silent" test "$? $(cat "$T/run")" = "0 "
system=$(. /etc/os-release && echo "$PRETTY_NAME")
mkdir "$T/bin"
for tool in bash env sed cat; do ln -s "$(command -v $tool)" "$T/bin"; done
refused "no Debian" "$system has no dpkg-query" env PATH="$T/bin" bash scripts/setup.sh
refused "an unknown option" "--bulid" scripts/setup.sh --bulid
finish
