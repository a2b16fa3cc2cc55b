#!/usr/bin/env bash
# resume.sh - same seed, same result; stopping and going on equals a straight run, bit for bit; bad weights files are refused.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
sed 's/max_batches=40/max_batches=1200/' tests/lib/tiny.cfg >"$T/long.cfg"
train() { "$MP" classifier train "$T/tiny.data" "$@" >"$T/log" 2>&1; }

check "straight run" train "$T/long.cfg" -seed 5 -backup "$T/a"
check "again" train "$T/long.cfg" -seed 5 -backup "$T/b"
check "same seed, same weights" cmp "$T/a/long.weights" "$T/b/long.weights"
check "with tests along the way" train "$T/long.cfg" -seed 5 -backup "$T/e" -every 400
check "tests along the way change nothing" cmp "$T/a/long.weights" "$T/e/long.weights"
check "other seed" train "$T/long.cfg" -seed 6 -backup "$T/c"
if cmp -s "$T/a/long.weights" "$T/c/long.weights"; then bad "other seed, same weights"; else ok; fi

stop_early() { stopped "$MP" classifier train "$T/tiny.data" "$@"; }
check "stopped" stop_early "$T/long.cfg" -seed 5 -backup "$T/d"
check "stopped again" stop_early "$T/long.cfg" "$T/d/long.backup" -backup "$T/d"
check "go on" train "$T/long.cfg" "$T/d/long.backup" -backup "$T/d"
check "stop and go on equals a straight run" cmp "$T/a/long.weights" "$T/d/long.weights"

# SGD with momentum, subdivisions and a schedule resume as well.
sed -e 's/adam=1/adam=0/' -e 's/batch=12/batch=24/' -e 's/subdivisions=1/subdivisions=2/' \
    -e 's/policy=constant/policy=steps\nsteps=400,800\nscales=.1,.1\nburn_in=20/' "$T/long.cfg" >"$T/sgd.cfg"
check "SGD straight" train "$T/sgd.cfg" -seed 5 -backup "$T/a"
check "SGD stopped" stop_early "$T/sgd.cfg" -seed 5 -backup "$T/d"
check "SGD goes on" train "$T/sgd.cfg" "$T/d/sgd.backup" -backup "$T/d"
check "SGD: stop and go on equals a straight run" cmp "$T/a/sgd.weights" "$T/d/sgd.weights"

# The regularizers: batches that are mixed, blocks that are dropped more and more, an average beside the parameters.
sed -e 's/max_batches=1200/max_batches=200/' -e 's/^crop_pad=4/&\nmixup=1\ncutmix=1\nmixup_alpha=.4\ncutout=6\nlabel_smooth_eps=.1\nema_alpha=.99/' \
    -e 's/^\[maxpool\]/[dropout]\nprobability=.2\ndropblock=1\ndropblock_size_abs=3\n\n&/' \
    -e '0,/^activation=relu/s//&\nnoise=gaussian/' "$T/long.cfg" >"$T/all.cfg"
check "regularizers straight" train "$T/all.cfg" -seed 5 -backup "$T/a"
check "regularizers tested along the way" train "$T/all.cfg" -seed 5 -backup "$T/e" -every 50
check "regularizers: tests along the way change nothing" cmp "$T/a/all.weights" "$T/e/all.weights"
check "regularizers stopped" stop_early "$T/all.cfg" -seed 5 -backup "$T/d"
check "the backup has the live parameters" grep -q 'trailer EMA .*to go on with' <("$MP" weights info "$T/d/all.backup" "$T/all.cfg")
check "regularizers go on" train "$T/all.cfg" "$T/d/all.backup" -backup "$T/d"
check "regularizers: stop and go on equals a straight run" cmp "$T/a/all.weights" "$T/d/all.weights"
refused "finished already" "trained for 1200 steps already" "$MP" classifier train "$T/tiny.data" "$T/long.cfg" "$T/a/long.weights" -backup "$T/f"

# Weights files that are not what the cfg needs.
W=$T/a/long.weights
size=$(stat -c %s "$W")
valid() { "$MP" classifier valid "$T/tiny.data" "$T/long.cfg" "$@"; }
check "whole file" valid "$W" >/dev/null 2>&1
for n in 0 3 15 60 1000 $((size - 1)); do
    head -c "$n" "$W" >"$T/cut.weights"
    refused "cut to $n bytes" "cut.weights" valid "$T/cut.weights"
done
(cat "$W"; printf x) >"$T/more.weights"
refused "one byte more" "more.weights" valid "$T/more.weights"
cp "$W" "$T/flip.weights"
printf '\377' | dd of="$T/flip.weights" bs=1 seek=$((size - 10)) conv=notrunc status=none
refused "one byte of the trailer changed" "damaged" valid "$T/flip.weights"
refused "weights of another cfg" "cfg needs" "$MP" classifier valid "$T/tiny.data" <(sed 's/filters=8/filters=9/' "$T/long.cfg") "$W"
finish
