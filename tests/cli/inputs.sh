#!/usr/bin/env bash
# inputs.sh - what is read from a pipe counts as from a file, whatever it is; a pipe that nobody writes to, a
# folder, a device end the command with one sentence; nothing hangs, and nothing is read twice.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
D=$T/tiny.data C=tests/lib/tiny.cfg
check "train" "$MP" classifier train "$D" "$C" -seed 1 -threads 1 >"$T/log" 2>&1
W=$T/backup/tiny.weights
image=$T/test/disk/0.png
valid() { timeout 300 "$MP" classifier valid "$@" 2>"$T/err" | sed 's/, [0-9.]* s)//'; }
figures=$(valid "$D" "$C" "$W")
check "figures of the files" grep -q 'top-1' <<<"$figures"
same() { local got; got=$(valid "$@"); [ "$got" = "$figures" ] || { echo "'$got' $(tail -1 "$T/err")"; return 1; }; }

# 1. pipes, by /dev/fd and by name
check "weights from a pipe" same "$D" "$C" <(cat "$W")
check "cfg from a pipe" same "$D" <(cat "$C") "$W"
check "data from a pipe" same <(cat "$D") "$C" "$W"
check "all three" same <(cat "$D") <(cat "$C") <(cat "$W")
mkfifo "$T/fifo"
(sleep 1; cat "$W" >"$T/fifo") &
check "weights from a FIFO, whose writer comes late" same "$D" "$C" "$T/fifo"
wait
for key in valid names; do
    file=$(sed -n "s/^$key=//p" "$D")
    sed "s|^$key=.*|$key=$T/fifo|" "$D" >"$T/fifo.data"
    (cat "$file" >"$T/fifo") &
    check "$key= is a FIFO" same "$T/fifo.data" "$C" "$W"
    wait
done
predict() { timeout 300 "$MP" classifier predict "$D" "$C" "$W" "$@" 2>/dev/null | grep "^ *[0-9.]*%: "; }
check "image from a pipe" cmp -s <(predict "$image") <(predict <(cat "$image"))
check "which has classes" grep -q : <(predict "$image")
check "weights info" cmp -s <("$MP" weights info "$W" "$C" | tail -n +2) \
    <("$MP" weights info <(cat "$W") <(cat "$C") | tail -n +2)
"$MP" cfg detach "$C" "$T/plain.cfg" >/dev/null
"$MP" cfg detach <(cat "$C") "$T/plain2.cfg" >/dev/null 2>&1
check "a cfg to change" cmp -s "$T/plain.cfg" "$T/plain2.cfg"

# 2. nobody writes: half a minute, then one sentence. All at once, as they only wait.
mkfifo "$T/silent"
sed "s|^valid=.*|valid=$T/silent|" "$D" >"$T/list.data"
sed "s|^names=.*|names=$T/silent|" "$D" >"$T/names.data"
mkfifo "$T/test/disk/silent"
(cat "$T/test.list"; echo "$T/test/disk/silent") >"$T/images.list"
sed "s|^valid=.*|valid=$T/images.list|" "$D" >"$T/images.data"
printf '[meta]\nphi=%s/x.phi\ncfg=%s\n[task]\ndata=%s\n' "$T" "$PWD/$C" "$T/silent" >"$T/task.meta"
declare -A silent=(
    [weights]="classifier valid $D $C $T/silent" [cfg]="classifier valid $D $T/silent $W"
    [data]="classifier valid $T/silent $C $W" [list]="classifier valid $T/list.data $C $W"
    [names]="classifier valid $T/names.data $C $W" [image]="classifier predict $D $C $W $T/silent"
    [images]="classifier valid $T/images.data $C $W" [check]="cfg check $T/silent" [attach]="cfg attach $T/silent $T/o.cfg"
    [info]="weights info $T/silent" [partial]="weights partial $C $T/silent $T/o.weights 1" [phi]="phi show $T/silent"
    [phi of]="classifier valid $D $C $W -phi $T/silent" [meta]="meta train $T/silent" [task]="meta train $T/task.meta"
    [suite]="compare $T/silent" [import]="phi import $T/silent $T/o.phi" [start]="classifier train $D $C $T/silent"
)
for what in "${!silent[@]}"; do
    # shellcheck disable=SC2086
    (timeout 170 "$MP" ${silent[$what]} >/dev/null 2>"$T/said.$what"; echo $? >"$T/rc.$what") &
done
wait
for what in "${!silent[@]}"; do
    rc=$(cat "$T/rc.$what") said=$(tail -1 "$T/said.$what")
    if [ "$rc" != 1 ]; then bad "a silent pipe, $what: status $rc: $said"
    elif [[ $said != *silent*nothing\ came\ through* ]]; then bad "a silent pipe, $what: '$said'"
    else ok
    fi
done

# 3. no file at all
for other in "$T" /dev/null /dev/zero; do
    for what in "${!silent[@]}"; do
        [[ $what =~ ^(list|names|images|task)$ ]] && continue
        # shellcheck disable=SC2086
        refused "$other as $what" "$other" timeout 60 "$MP" ${silent[$what]//"$T/silent"/$other}
    done
done
finish
