#!/usr/bin/env bash
# meta.sh - meta-training: the same bits from any number of threads and ranks, over stops and kills; failures of a rank.
. "$(dirname "$0")/lib.sh"
tiny_data
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpi() { mpirun --oversubscribe -n "$@"; }

# meta_of NAME STEPS [LINE...]: five tasks of two kinds of network and three input sizes.
meta_of() {
    local name=$1 steps=$2
    shift 2
    { printf '%s\n' "[meta]" "cfg=$PWD/tests/tiny.cfg" "phi=$T/$name.phi" "steps=$steps" "batch=8" "phi_learning_rate=0.01" "$@"
      for k in 0 1 2 3 4; do
          printf '%s\n' "[task]" "name=t$k" "data=$T/tiny.data" "split=half$((k % 2))" "size=$((16 + 4 * (k % 3)))"
          [ $k != 3 ] || echo "cfg=$T/plainer.cfg"
      done; } >"$T/$name.meta"
}
sed 's/^filters=8/filters=6/' tests/tiny.cfg >"$T/plainer.cfg"
train() { "$MP" meta train "$@" >"$T/log" 2>&1; }

meta_of a 20 checkpoint=7
check "one process" train "$T/a.meta" -threads 1 -out "$T/one.phi" -json "$T/one.json"
check "two threads" train "$T/a.meta" -threads 2 -out "$T/two.phi"
check "two threads give the same phi" cmp "$T/one.phi" "$T/two.phi"
for n in 2 5; do
    check "$n ranks" mpi "$n" "$MP" meta train "$T/a.meta" -out "$T/r$n.phi" -json "$T/r$n.json" >"$T/log" 2>&1
    check "$n ranks give the same phi" cmp "$T/one.phi" "$T/r$n.phi"
    check "$n ranks give the same log, to the last digit" cmp <(grep -vE 'seconds|ranks' "$T/one.json") \
        <(grep -vE 'seconds|ranks' "$T/r$n.json")
done
check "another seed gives another phi" train "$T/a.meta" -seed 9 -out "$T/other.phi"
check "indeed" test "$(sed 1,2d "$T/other.phi" | md5sum)" != "$(sed 1,2d "$T/one.phi" | md5sum)"
check "the log has all steps and figures" python3 - "$T/one.json" <<'P'
import json, math, sys
d = json.load(open(sys.argv[1]))
keys = {"step", "theta_loss", "phi_loss", "accuracy", "theta_gradient", "gradient", "phi_norm", "seconds"}
good = len(d["log"]) == 20 and all(keys <= set(r) and all(math.isfinite(v) for v in r.values()) for r in d["log"])
good = good and all(r["theta_gradient"] > 0 and r["gradient"] > 0 for r in d["log"])
sys.exit(not good)
P
if command -v gnuplot >/dev/null; then
    check "curves are drawn" test "$(head -c 4 "$T/one.png" | tail -c 3)" = PNG
else
    skip "no gnuplot: curves are not drawn"
fi

# phi frozen
meta_of frozen 4 train=0 sigma=0.02
check "frozen" train "$T/frozen.meta"
cp "$T/frozen.phi" "$T/start.phi"
meta_of frozen 9 train=0 sigma=0.02
check "frozen, longer" train "$T/frozen.meta"
check "phi does not move with train=0" cmp <(grep -v '^#' "$T/start.phi") <(grep -v '^#' "$T/frozen.phi")

# stop and go on, with other numbers of ranks and threads
stop_at() { # stop_at SIGNAL COMMAND...: sends it when the first checkpoint is there
    local sig=$1 pid k
    shift
    "$@" >"$T/log" 2>&1 &
    pid=$!
    for ((k = 0; k < 600; k++)); do [ ! -e "$T/s.phi.ckpt" ] || break; sleep 0.02; done
    kill -"$sig" $pid 2>/dev/null
    wait $pid 2>/dev/null
}
meta_of s 2000 checkpoint=5
stop_at TERM "$MP" meta train "$T/s.meta" -threads 1
check "SIGTERM: says where the state is" grep -q "s.phi.ckpt; -resume goes on" "$T/log"
check "and writes no phi" test ! -e "$T/s.phi"
refused "a run is not begun over an unfinished one" "-resume goes on with it" "$MP" meta train "$T/s.meta"
# The step in the checkpoint's head.
reached() { python3 -c "import struct,sys; print(struct.unpack('<i', open('$T/s.phi.ckpt','rb').read()[24:28])[0])"; }
at=$(reached)
meta_of s $((at + 12)) checkpoint=5
check "goes on with 2 ranks" mpi 2 "$MP" meta train "$T/s.meta" -resume >"$T/log" 2>&1
check "says so" grep -q "going on from step $at" "$T/log"
mv "$T/s.phi" "$T/resumed.phi"
check "straight" train "$T/s.meta" -out "$T/straight.phi" -json "$T/straight.json"
check "stop and go on equals a straight run" cmp "$T/resumed.phi" "$T/straight.phi"
# Behind the log, which holds seconds.
check "and its last checkpoint too" cmp <(tail -c 20000 "$T/s.phi.ckpt") <(tail -c 20000 "$T/straight.phi.ckpt")

# damage
check "the checkpoint before is kept" test -e "$T/s.phi.ckpt.old"
cp "$T/s.phi.ckpt" "$T/good"
cp "$T/s.phi.ckpt.old" "$T/good.old"
size=$(stat -c %s "$T/good")
for n in 0 20 $((size / 2)) $((size - 1)); do
    head -c "$n" "$T/good" >"$T/s.phi.ckpt"
    check "cut to $n bytes: goes on from the one before" train "$T/s.meta" -resume
    check "says so ($n)" grep -q "ckpt.old, step" "$T/log"
    check "and ends alike ($n)" cmp "$T/s.phi" "$T/straight.phi"
    cp "$T/good.old" "$T/s.phi.ckpt.old"
done
cp "$T/good" "$T/s.phi.ckpt"
printf '\377' | dd of="$T/s.phi.ckpt" bs=1 seek=$((size / 2)) conv=notrunc status=none
rm "$T/s.phi.ckpt.old"
refused "one byte changed, and none before it" "checksum" "$MP" meta train "$T/s.meta" -resume
cp "$T/good" "$T/s.phi.ckpt"
refused "another seed" 'made with "seed 0", but now it is "seed 3"' "$MP" meta train "$T/s.meta" -resume -seed 3
sed 's/size=24/size=28/' "$T/s.meta" >"$T/s2.meta"
refused "another input size" "task t2" "$MP" meta train "$T/s2.meta" -resume
refused "fewer steps" "raise it" "$MP" meta train "$T/s.meta" -resume -steps 3

# killed at random moments, while it starts and while it steps and saves, then gone on with
rm -f "$T"/s.phi*
meta_of s 1000000 checkpoint=3
RANDOM=7
kills=0
for ((k = 0; k < 21; k++)); do
    "$MP" meta train "$T/s.meta" -resume -threads $((1 + k % 2)) >"$T/log" 2>&1 &
    pid=$!
    if ((k % 3)); then
        for ((w = 0; w < 500; w++)); do ! grep -q '^meta ' "$T/log" || break; sleep 0.02; done
    fi
    sleep "0.$(printf %03d $((RANDOM % 200)))"
    if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
    wait $pid 2>/dev/null
done
at=$(reached)
check "killed 21 times ($kills)" test $kills = 21
check "and each time it got on: step $at" test "$at" -ge 21
check "goes on after that, on 2 ranks" mpi 2 "$MP" meta train "$T/s.meta" -resume -steps $((at + 8)) >"$T/log" 2>&1
rm -f "$T"/straight.phi*
check "straight" train "$T/s.meta" -steps $((at + 8)) -out "$T/straight.phi"
check "killed and gone on $kills times equals a straight run of $((at + 8)) steps" cmp <(grep -v '^#' "$T/s.phi") \
    <(grep -v '^#' "$T/straight.phi")

# failures of a rank
sed "s|$T/tiny.data|$T/broken.data|" "$T/a.meta" | tac | sed '0,/broken.data/!s|broken.data|tiny.data|' | tac >"$T/bad.meta"
sed "s|train.list|broken.list|" "$T/tiny.data" >"$T/broken.data"
echo "no picture" >"$T/train/disk/broken.png"
(cat "$T/train.list"; echo "$T/train/disk/broken.png") >"$T/broken.list"
begin=$SECONDS
mpi 2 "$MP" meta train "$T/bad.meta" -out "$T/bad.phi" >"$T/out" 2>"$T/err"
check "a rank's bad image ends all" test $? -ne 0
check "soon" test $((SECONDS - begin)) -lt 8
check "one message" test "$(grep -c '^metaperturb:' "$T/err")" = 1
check "which names rank, task and file" grep -q "rank 1, task t4: .*broken.png" "$T/err"
check "nothing is written" test ! -e "$T/bad.phi"
refused "more ranks than tasks" "cannot be divided" sh -c \
    "mpirun --oversubscribe -n 6 '$MP' meta train '$T/a.meta' 2>&1 >/dev/null | grep ^metaperturb: >&2; exit 1"
meta_of long 100000 checkpoint=0
mpirun --oversubscribe -n 2 "$MP" meta train "$T/long.meta" >"$T/out" 2>"$T/err" &
pid=$!
for ((k = 0; k < 300; k++)); do grep -q "^meta 2/" "$T/out" && break; sleep 0.05; done
# shellcheck disable=SC2009
victim=$(ps -e -o pid=,ppid=,args= | awk -v p=$pid '$2 == p && /meta train/ { print $1 }' | sort -n | tail -1)
begin=$SECONDS
[ -z "$victim" ] || kill -9 "$victim"
wait $pid
check "a killed rank ends all" test $? -ne 0
check "soon after" test $((SECONDS - begin)) -lt 8
check "the message names rank, task and file" grep -q "^metaperturb: rank 1, task t2 (.*tiny.data).*was killed" "$T/err"
finish
