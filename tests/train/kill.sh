#!/usr/bin/env bash
# kill.sh - kill -9 in the middle of everything, 25 times each: a classifier, a detector, meta-training, compare. After each kill every file
# is whole or not there at all, the same command goes on, and its result is bit for bit that of a run left alone. Half the kills come as
# the program is about to change a file for the N-th time (tests/train/kill_at.c), half at random moments. KILLS=500 for a longer look;
# `tests/train/kill.sh meta` for one of them alone.
. "$(dirname "$0")/../lib/lib.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
KILLS=${KILLS:-25}
mkdir "$T/boxes"
tiny_data
need "pictures with boxes" python3 tests/lib/make_boxes.py "$T/boxes"
need "kill_at" cc -std=c11 -O1 -Wall -Wextra -o "$T/kill_at" tests/train/kill_at.c
watched=1
"$T/kill_at" 0 "$T" true 3>/dev/null 2>"$T/err" || { watched=0; skip "no kills at system calls, all at random moments: $(cat "$T/err")"; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
# Processes whose command line holds the words; this script itself never does.
matching() { grep -lsaF -f <(echo "$1") /proc/[0-9]*/cmdline | cut -d / -f 3; }

# Each: one run in folder $1, from whatever is there; $run is "" or a program that starts it.
small() { sed -e "s/^max_batches=.*/max_batches=$1/; s/^batch=.*/batch=2/; s/filters=\(8\|16\|24\|32\)$/filters=2/; s/random=1/random=0/" "${@:2}"; }
small 20000 -e 's/^\(width\|height\)=.*/\1=8/; s/crop_pad=4/crop_pad=1/' tests/lib/tiny.cfg >"$T/small.cfg"
small 8000 -e 's/^\(width\|height\)=.*/\1=32/' tests/lib/tiny-yolo.cfg >"$T/boxes.cfg"
run_classifier() {
    local from=()
    [ ! -e "$1/small.backup" ] || from=("$1/small.backup")
    $run "$MP" classifier train "$T/tiny.data" "$T/small.cfg" "${from[@]}" -seed 5 -backup "$1" -threads 1
}
run_detector() {
    local from=()
    [ ! -e "$1/boxes_last.weights" ] || from=("$1/boxes_last.weights")
    $run "$MP" detector train "$T/boxes/boxes.data" "$T/boxes.cfg" "${from[@]}" -seed 5 -backup "$1" -threads 1
}
cat >"$T/k.meta" <<M
[meta]
cfg=$T/small.cfg
phi=unused.phi
steps=1000
checkpoint=7
seed=3
restart=90
lookahead=7
[task]
data=$T/tiny.data
[task]
data=$T/tiny.data
split=half1
M
run_meta() { $run "$MP" meta train "$T/k.meta" -out "$1/k.phi" -resume -threads 1; }
run_ranks() { mpirun --oversubscribe -n 2 "$MP" meta train "$T/k.meta" -out "$1/k.phi" -resume -threads 1; }
run_compare() {
    cat >"$1.suite" <<S
[suite]
results=$1/results.jsonl
steps=1500
seeds=1,2
[target]
name=tiny
data=$T/tiny.data
[network]
name=net
cfg=$T/small.cfg
[method]
name=plain
[method]
name=phi
cfg=perturb
samples=2
S
    $run "$MP" compare "$1.suite"
}

# Every file of folder $2 has its checksum, every line of results is JSON, and of those that a run left alone leaves in $1 none is of
# another length (a piece of a line at the end of results is none, and a temporary file is nobody's).
cat >"$T/whole.py" <<'P'
import json, os, struct, sys, zlib
straight, folder = sys.argv[1:]
for path in (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names):
    name = os.path.basename(path)
    b = open(path, "rb").read()
    at = b.find(b"MPTRAIL1")
    if ".tmp" in name or name.endswith(".lock"):
        continue
    if name.endswith((".backup", "_last.weights")) and at < 0:
        sys.exit(f"{name}: no trailer")
    if at >= 0 and ".state" not in name and (zlib.crc32(b[at + 24:]), len(b) - at - 24) != struct.unpack("<IQ", b[at + 12:at + 24]):
        sys.exit(f"{name}: its trailer is damaged")
    if ".state" in name and (b[:8] != b"MPSTATE1" or (zlib.crc32(b[20:]), len(b) - 20) != struct.unpack("<IQ", b[8:20])):
        sys.exit(f"{name}: damaged")
    if name.endswith(".jsonl"):
        [json.loads(line) for line in b.split(b"\n")[:-1]]
    twin = os.path.join(straight, name)
    if name.endswith((".weights", ".phi")) and os.path.exists(twin) and os.path.getsize(twin) != len(b):
        sys.exit(f"{name}: {len(b)} bytes instead of {os.path.getsize(twin)}")
P

# What a run leaves, without what no second run repeats.
results_of() {
    case $1 in
        compare) python3 -c "
import json, sys
for line in sorted(open('$2/results.jsonl')):
    j = json.loads(line)
    del j['seconds']
    print(json.dumps(j, sort_keys=True))" ;;
        meta) grep -v '^#' "$2/k.phi" ;;
        classifier) cat "$2/small.weights" ;;
        detector) cat "$2/boxes_final.weights" ;;   # not _last: on a slow machine it is of another minute
    esac
}
same() { cmp <(results_of "$1" "$2") <(results_of "$1" "$3"); }

# One life of NAME in FOLDER, killed at its N-th change of a file there.
life_to_call() { run="$T/kill_at $3 $2" "run_$1" "$2" >"$T/log" 2>&1; }

# One life, killed within $3 milliseconds from its first line of training.
life_to_moment() {
    local life=run_$1 pid victims
    [ "$1" = meta ] && [ $((kills % 4)) = 3 ] && life=run_ranks
    : >"$T/log"
    "$life" "$2" >"$T/log" 2>&1 &
    pid=$!
    until grep -qE '^([0-9]+[,:] |going on|.*: top-1|.*cells)' "$T/log" || ! kill -0 $pid; do sleep 0.02; done
    sleep "$(printf '0.%03d' $((RANDOM % $3)))"
    mapfile -t victims < <(matching "$2")
    [ ${#victims[@]} = 0 ] || kill -9 "${victims[@]}"
    wait $pid
} 2>/dev/null

# Lives of NAME until KILLS of them were killed. One that is through is compared and the next begins anew.
killed() {
    local dir=$T/killed.$1 straight=$T/straight.$1 kills=0 ends=0 lives=0 most rc begin
    mkdir "$dir" "$straight"
    begin=$(milliseconds)
    check "$1: a run left alone" "run_$1" "$straight" >"$T/log" 2>&1
    most=$((($(milliseconds) - begin) / 8))
    most=$((most < 1 ? 1 : most < 900 ? most : 900))
    while [ $kills -lt "$KILLS" ] && [ $((lives++)) -lt $((KILLS * 3)) ]; do
        if [ $watched = 1 ] && [ $((kills % 2)) = 0 ]; then life_to_call "$1" "$dir" $((1 + kills * 3 / 4)); else life_to_moment "$1" "$dir" $most; fi
        rc=$?
        case $rc in
            137) kills=$((kills + 1)) ;;
            0)  ends=$((ends + 1))
                same "$1" "$straight" "$dir" || bad "$1: killed and gone on, another result"
                rm -r "$dir" && mkdir "$dir" ;;
            *)  bad "$1, after $kills kills: status $rc: $(tail -n 1 "$T/log")"
                return ;;
        esac
        python3 "$T/whole.py" "$straight" "$dir" 2>"$T/err" || bad "$1, after kill $kills: $(tail -n 1 "$T/err")"
        if grep -q damaged "$T/log"; then bad "$1, after $kills kills: $(grep -m 1 damaged "$T/log")"; fi
    done
    check "$1: killed $kills times of $KILLS, $ends times through" test "$kills" = "$KILLS"
    check "$1: goes on to the end" "run_$1" "$dir" >"$T/log" 2>&1
    check "$1: killed and gone on, the same result" same "$1" "$straight" "$dir"
    check "$1: no temporary file is left" test -z "$(find "$dir" -name '*.tmp*')"
}
run=
[ $# -gt 0 ] || set -- classifier detector meta compare
for what; do killed "$what"; done
finish
