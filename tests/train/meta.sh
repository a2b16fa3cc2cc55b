#!/usr/bin/env bash
# meta.sh - meta-training: the same phi on any number of ranks, threads, and after any interruption; one message from whoever fails.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
sed -e 's/^\[meta_shared\]/[meta_shared]\nsigma=0.1/' tests/lib/tiny.cfg >"$T/a.cfg"
# Another architecture and image size for the last task.
sed -e 's/filters=8/filters=12/' -e 's/^\(width\|height\)=.*/\1=24/' "$T/a.cfg" >"$T/b.cfg"
cat >"$T/m.meta" <<M
[meta]
cfg=$T/a.cfg
phi=$T/m.phi
steps=30
batch=6
checkpoint=2
seed=3
[task]
data=$T/tiny.data
[task]
data=$T/tiny.data
split=half1
[task]
data=$T/tiny.data
cfg=$T/b.cfg
M
meta() { "$MP" meta train "$@" >"$T/log" 2>&1; }
# Processes whose command line holds the words (pkill is not on every system); this script itself never does.
matching() { grep -lsaF -f <(echo "$1") /proc/[0-9]*/cmdline | cut -d / -f 3; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() { local n=$1; shift; timeout $HANG mpirun --oversubscribe -n "$n" "$MP" meta train "$@" >"$T/log" 2>&1; }

check "straight run" meta "$T/m.meta" -out "$T/one.phi" -json "$T/one.json"
check "accuracy in the line" grep -q 'meta 30/30: theta loss .*, accuracy [0-9.]* %, |theta gradient| .*, |phi gradient| .* left' "$T/log"
for key in theta_loss phi_loss accuracy theta_gradient gradient phi_norm seconds; do
    check "$key of 30 steps in the report" test "$(grep -c "\"$key\"" "$T/one.json")" -ge 30
done
if command -v gnuplot >/dev/null; then check "curves" cmp -n 4 "$T/one.png" <(printf '\211PNG'); else skip "no gnuplot: no curves"; fi
check "one thread" meta "$T/m.meta" -out "$T/thread.phi" -threads 1
check "the same phi with one thread" cmp "$T/one.phi" "$T/thread.phi"
for n in 2 3 5; do
    check "$n ranks" ranks "$n" "$T/m.meta" -out "$T/ranks.phi" -json "$T/ranks.json"
    check "the same phi with $n ranks" cmp "$T/one.phi" "$T/ranks.phi"
done
check "another seed" meta "$T/m.meta" -out "$T/seed.phi" -seed 4
if cmp -s <(grep -v '^#' "$T/one.phi") <(grep -v '^#' "$T/seed.phi"); then bad "another seed, the same phi"; else ok; fi

# A task's size and mirroring as keys of META, or written into its cfg.
sed -e "s|^cfg=$T/b.cfg|cfg=$T/c.cfg\nsize=24\nflip=0|" "$T/m.meta" >"$T/keys.meta"
sed -e 's/filters=8/filters=12/' "$T/a.cfg" >"$T/c.cfg"
sed -e 's/^flip=.*/flip=0/' "$T/b.cfg" >"$T/e.cfg"
sed -e "s|^cfg=$T/b.cfg|cfg=$T/e.cfg|" "$T/m.meta" >"$T/cfgs.meta"
check "size and flip in META" meta "$T/keys.meta" -out "$T/keys.phi" -steps 10
check "size and flip in the cfg" meta "$T/cfgs.meta" -out "$T/cfgs.phi" -steps 10
check "are the same" cmp <(grep -v '^#' "$T/keys.phi") <(grep -v '^#' "$T/cfgs.phi")

# The noise of meta-training is whole: keys that would weaken it are refused.
for key in cool=0.6,0.9 adapt=0.5; do
    sed "s/^\[meta_shared\]/&\n$key/" "$T/a.cfg" >"$T/weak.cfg"
    grep -q "^$key" "$T/weak.cfg" || bad "$key: not in the cfg"
    sed "s|^cfg=$T/a.cfg|cfg=$T/weak.cfg|" "$T/m.meta" >"$T/weak.meta"
    refused "$key" "has no effect in meta-training" "$MP" meta train "$T/weak.meta" -out "$T/weak.phi" -steps 2
done

# A damaged state is refused; the one before it serves, under its name.
meta "$T/m.meta" -out "$T/d.phi" -steps 10
rm "$T/d.phi"
printf '\377' | dd of="$T/d.phi.state" bs=1 seek=3000 conv=notrunc status=none
refused "a damaged state" "d.phi.state.1, the state before it, is whole" "$MP" meta train "$T/m.meta" -out "$T/d.phi" -resume
mv "$T/d.phi.state.1" "$T/d.phi.state"
check "goes on from the state before a damaged one" meta "$T/m.meta" -out "$T/d.phi" -resume
check "from step 8" grep -q "going on from step 8 " "$T/log"
check "the same phi again" cmp "$T/one.phi" "$T/d.phi"
refused "the state of other tasks" "other tasks" "$MP" meta train "$T/m.meta" -out "$T/d.phi" -resume -seed 5

# phi stays where it began.
sed 's/^seed=3/seed=3\ntrain=0\ninit='"${T//\//\\/}"'\/one.phi/' "$T/m.meta" >"$T/frozen.meta"
check "frozen phi" meta "$T/frozen.meta" -out "$T/frozen.phi" -steps 3
check "did not move" cmp <(grep -v '^#' "$T/one.phi") <(grep -v '^#' "$T/frozen.phi")

# A rank that finds bad input, or dies, ends the run; one message names rank, and file or task.
sed "0,/split=half1/s//split=half1\ncfg=\/none.cfg/" "$T/m.meta" >"$T/bad.meta"
begin=$SECONDS
if ranks 3 "$T/bad.meta" -out "$T/bad.phi"; then bad "bad input on one rank: status 0"; else ok; fi
check "bad input ends the run" test $((SECONDS - begin)) -lt $((HANG / 2))
check "one message, with rank and file" test "$(grep -c '^metaperturb: rank 1: /none.cfg' "$T/log")" = 1
sed 's/^steps=.*/steps=100000/' "$T/m.meta" >"$T/long.meta"
ranks 2 "$T/long.meta" -out "$T/dead.phi" &
pid=$!
until grep -q '^meta [1-9]' "$T/log" || ! kill -0 $pid; do sleep 0.05; done
kill -9 "$(matching "$T/long.meta" | sort -n | tail -1)"
begin=$SECONDS
if wait $pid; then bad "a rank died: status 0"; else ok; fi
check "a rank's death ends the run" test $((SECONDS - begin)) -lt $((HANG / 2))
finish
