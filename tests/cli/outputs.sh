#!/usr/bin/env bash
# outputs.sh - results that cannot be written are noticed: standard output at the end, files before the work begins;
# two trainings do not write the same files; a damaged state is not taken for a missing one.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
D=$T/tiny.data C=tests/lib/tiny.cfg
check "train" "$MP" classifier train "$D" "$C" -seed 1 -threads 1 >"$T/log" 2>&1
W=$T/backup/tiny.weights
cat >"$T/m.meta" <<M
[meta]
cfg=$PWD/$C
phi=$T/m.phi
steps=6
batch=6
checkpoint=2
[task]
data=$T/tiny.data
M

# 1. standard output
full() { "$MP" "$@" >/dev/full; }
refused "stdout of --help" "standard output" full --help
refused "stdout of an option list" "standard output" full classifier train --help
refused "stdout of valid" "standard output" full classifier valid "$D" "$C" "$W"
refused "stdout of predict" "standard output" full classifier predict "$D" "$C" "$W" "$T/test/disk/0.png"
refused "stdout of check" "standard output" full cfg check "$C"
refused "stdout of info" "standard output" full weights info "$W" "$C"
refused "stdout of attach" "standard output" full cfg detach "$C" "$T/detached.cfg"
check "whose file is there all the same" test -s "$T/detached.cfg"

# 2. files that cannot be written are named before a step is taken
sed 's/max_batches=40/max_batches=1000000/' "$C" >"$T/long.cfg"
early() { # early WHAT WORDS COMMAND...: refused, and within 20 s of processor time
    local what=$1 words=$2
    shift 2
    refused "$what" "$words" bash -c 'ulimit -t 20; exec "$@"' - "$@"
    check "$what: no step was taken" test "$(grep -cE '^([0-9]+[,:]|meta [0-9]+/) ' "$T/out")" = 0
}
none=$T/none/x
early "-json" "$none.json" "$MP" classifier train "$D" "$T/long.cfg" -json "$none.json"
early "-json of a folder" "$T" "$MP" classifier train "$D" "$T/long.cfg" -json "$T"
early "-backup" "$none" "$MP" classifier train "$D" "$T/long.cfg" -backup "$none/y"
early "-plot" "$none.png" "$MP" classifier attack "$D" "$C" "$W" -steps 100000 -plot "$none.png"
early "-out" "$none.phi" "$MP" meta train "$T/m.meta" -steps 1000000 -out "$none.phi"
sed "s|^phi=.*|phi=$none.phi|" "$T/m.meta" >"$T/none.meta"
early "phi= of META" "$none.phi" "$MP" meta train "$T/none.meta" -steps 1000000
early "OUT.weights of fold" "$none.weights" \
    "$MP" weights fold "$C" "$W" "$T/f.cfg" "$none.weights" -calibrate "$D" -distill 1000000

# 3. a META of 60,000 keys that nobody knows
(cat "$T/m.meta"; for i in {1..60000}; do echo "key$i=1"; done) >"$T/keys.meta"
refused "60,000 keys" "keys.meta:" bash -c 'ulimit -t 3; exec "$@"' - "$MP" meta train "$T/keys.meta"

# 4. one training at a time for one backup name
"$MP" classifier train "$D" "$T/long.cfg" -threads 1 >"$T/first.log" 2>&1 &
first=$!
until grep -q '^[0-9]*[,:] ' "$T/first.log" || ! kill -0 $first; do sleep 0.05; done
refused "the same name" "held by process $first on $(hostname) since 20" "$MP" classifier train "$D" "$T/long.cfg"
check "another folder" "$MP" classifier train "$D" "$C" -backup "$T/other" -threads 1 >"$T/log" 2>&1
kill -0 $first && ok || bad "the first one was disturbed"
kill -9 $first
wait $first 2>/dev/null
check "a lock of a dead process is left behind" test -e "$T/backup/long.lock"
check "and no obstacle" stopped "$MP" classifier train "$D" "$T/long.cfg" -threads 1
check "who ends takes it away" test ! -e "$T/backup/long.lock"
"$MP" meta train "$T/m.meta" -steps 1000000 -out "$T/held.phi" >"$T/first.log" 2>&1 &
first=$!
until grep -q '^meta' "$T/first.log" || ! kill -0 $first; do sleep 0.05; done
refused "the same phi" "held by process $first" "$MP" meta train "$T/m.meta" -out "$T/held.phi"
kill -9 $first
wait $first 2>/dev/null
# A temporary file that a killed writer left, and one that a living one holds.
echo left >"$T/backup/tiny.weights.tmp"
check "a temporary file left behind" "$MP" classifier train "$D" "$C" -seed 1 -threads 1 >"$T/log" 2>&1
check "is used again" test ! -e "$T/backup/tiny.weights.tmp"
cp "$W" "$T/whole.weights"
exec 8>"$T/backup/tiny.weights.tmp"
flock 8
echo busy >&8
check "a temporary file of another writer" "$MP" classifier train "$D" "$C" -seed 1 -threads 1 >"$T/log" 2>&1
check "is left alone" grep -q busy "$T/backup/tiny.weights.tmp"
check "and the weights are the same" cmp "$W" "$T/whole.weights"
exec 8>&-

# 5. a damaged state
meta() { "$MP" meta train "$T/m.meta" -out "$T/p.phi" -threads 1 "$@"; }
meta -steps 6 >"$T/log" 2>&1
cp "$T/p.phi.state" "$T/good.state"
head -c 5000 "$T/good.state" >"$T/p.phi.state"
cp "$T/p.phi.state" "$T/cut.state"
refused "a damaged state" "p.phi.state.1, the state before it, is whole" meta -resume -steps 8
check "stays as it is" cmp "$T/p.phi.state" "$T/cut.state"
cp "$T/cut.state" "$T/p.phi.state.1"
refused "both damaged" "no whole state before it" meta -resume -steps 8
rm "$T/p.phi.state"
refused "the one before, damaged, alone" "p.phi.state.1: damaged" meta -resume -steps 8
finish
