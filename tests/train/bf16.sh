#!/usr/bin/env bash
# bf16.sh - training and tests with -bf16, where the processor has it: another result than float32's, as good, the same bits each time.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
C=$T/wide.cfg
# 32 channels: those with few stay in float32.
sed -e 's/^max_batches=.*/max_batches=120/' -e 's/^filters=[0-9]*/filters=32/' tests/lib/tiny.cfg >"$C"
[ "$(grep -c '^filters=32' "$C")" -ge 2 ] || bad "the cfg of the test has no layer to round"
train() { "$MP" classifier train "$T/tiny.data" "$@" >"$T/log" 2>&1; }
if ! train "$C" -seed 5 -backup "$T/a" -bf16; then
    check "refused with a sentence" grep -q "no instructions for bfloat16" "$T/log"
    skip "this processor has no instructions for bfloat16"
    finish
fi
check "again" train "$C" -seed 5 -backup "$T/b" -bf16
check "the same bits" cmp "$T/a/wide.weights" "$T/b/wide.weights"
check "float32" train "$C" -seed 5 -backup "$T/f"
if cmp -s "$T/a/wide.weights" "$T/f/wide.weights"; then bad "-bf16 changes nothing"; else ok; fi
check "by the variable" env METAPERTURB_BF16=1 "$MP" classifier train "$T/tiny.data" "$C" -seed 5 -backup "$T/v" >/dev/null 2>&1
check "the variable is the option" cmp "$T/a/wide.weights" "$T/v/wide.weights"

check "few channels alone: said" "$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -seed 5 -backup "$T/n" -bf16 >"$T/log" 2>&1
check "in one sentence" test "$(grep -c 'nothing is rounded' "$T/log")" = 1

# Cells of compare that round are other cells.
printf '[suite]\nresults=%s\nsteps=4\nseeds=1\nbatch=6\n[target]\nname=t\ndata=%s\n[network]\nname=n\ncfg=%s\n[method]\nname=phi\ncfg=perturb\n' \
    "$T/r.jsonl" "$T/tiny.data" "$C" >"$T/s.suite"
sed -i 's/^cfg=.*wide.cfg/&\nplain='"${C//\//\\/}"'/' "$T/s.suite"
check "compare" "$MP" compare "$T/s.suite" -bf16 >/dev/null 2>&1
check "the line names bfloat16" grep -q '"machine":"[^"]*, bf16"' "$T/r.jsonl"
check "done, with the option" grep -q '^[0-9a-f]* done' <("$MP" compare "$T/s.suite" -list -bf16 2>/dev/null)
check "missing, without it" grep -q '^[0-9a-f]* missing' <("$MP" compare "$T/s.suite" -list 2>/dev/null)

stop_early() { stopped "$MP" classifier train "$T/tiny.data" "$@"; }
sed 's/^max_batches=.*/max_batches=1200/' "$C" >"$T/long.cfg"
check "long run" train "$T/long.cfg" -seed 5 -backup "$T/a" -bf16
check "stopped" stop_early "$T/long.cfg" -seed 5 -backup "$T/d" -bf16
check "go on" train "$T/long.cfg" "$T/d/long.backup" -backup "$T/d" -bf16
check "stop and go on equals a straight run" cmp "$T/a/long.weights" "$T/d/long.weights"

# Both learn the images, and each reads the other's weights: files are float32.
valid() { "$MP" classifier valid "$T/tiny.data" "$T/long.cfg" "$@" -json "$T/valid.json" >/dev/null 2>&1; }
check "float32, long" train "$T/long.cfg" -seed 5 -backup "$T/f"
good() { python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["top1"] >= 0.9)' "$T/valid.json"; }
check "valid, bfloat16 both" valid "$T/a/long.weights" -bf16
check "it has learned" good
check "valid, trained in bfloat16" valid "$T/a/long.weights"
check "its weights in float32" good
check "valid, trained in float32" valid "$T/f/long.weights" -bf16
check "float32's weights in bfloat16" good
finish
