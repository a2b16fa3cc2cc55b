#!/usr/bin/env bash
# labels.sh - what is wrong with a detector's labels is listed at once, each with its file and line and
# with the option that goes on; boxes over the edge by rounding are cut with a warning.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
D=$T/set/boxes.data
L=$T/set/labels
sed 's/max_batches=240/max_batches=2/' tests/lib/tiny-yolo.cfg >"$T/two.cfg"
train() { "$MP" detector train "$D" "$T/two.cfg" "$@" -backup "$T/none"; }
listed() { grep 'train.list:[0-9]' "$T/err"; }

printf '2 .5 .5 .1 .1\n0 .5 .5 .1 .1\n0 .5 .5 .1 wide\n' >"$L/train3.txt"
printf '0 .95 .5 .2 .1\n' >"$L/train5.txt"
mv "$L/train7.txt" "$T"
refused "four problems" "4 problems in 3 of 24 pictures: mend them, or go on without such pictures: -skip_bad" train
check "a line each" test "$(listed | wc -l)" = 4
check "in the order of the list, with both lines" test "$(listed | sed "s|$T/||g" | cut -c 1-50)" = "\
set/train.list:4: set/labels/train3.txt:1: class 2
set/train.list:4: set/labels/train3.txt:3: 4 of th
set/train.list:6: set/labels/train5.txt:1: the box
set/train.list:8: set/images/train7.png: no label "
check "a missing label file names -negatives" sh -c "tail -2 '$T/err' | grep -q -- '-negatives'"
listed >"$T/many"
train -threads 1 2>"$T/err" >/dev/null
check "one thread lists the same" test "$(listed)" = "$(cat "$T/many")"
check "-skip_bad goes on without them" sh -c \
    "'$MP' detector train '$D' '$T/two.cfg' -skip_bad -backup '$T/w' >'$T/out' 2>'$T/err'"
check "and says so" grep -q '21 pictures.* 3 skipped' "$T/out"
check "naming them" test "$(grep -c '^skipped: ' "$T/err")" = 3
check "with a count of further faults" grep -q 'train3.txt:1: .*(and 1 more)' "$T/err"
for i in $(seq 0 30); do echo "9 .5 .5 .1 .1"; done >"$L/train3.txt"
refused "many problems" "33 problems in 3 of 24 pictures, the first 20 above" train
check "20 of them" test "$(listed | wc -l)" = 20
echo "9 .5 .5 .1 .1" >"$L/train3.txt"
cp "$L/train0.txt" "$L/train5.txt" && mv "$T/train7.txt" "$L"
refused "one problem is one sentence" "train3.txt:1: class 9" train
check "with the option" sh -c "tail -1 '$T/err' | grep -q -- '-skip_bad'"
check "and no list" test "$(listed | wc -l)" = 1
echo "no picture" >"$T/set/images/train9.png"
echo "no picture" >"$T/set/images/train8.png"
cp "$L/train0.txt" "$L/train3.txt"
refused "pictures that cannot be read" "2 problems in 2 of 24 pictures" train
check "are listed too" sh -c "grep -q 'train.list:9: .*train8.png' '$T/err' && grep -q train9.png '$T/err'"
cp "$T/set/images/train0.png" "$T/set/images/train9.png"
cp "$T/set/images/train0.png" "$T/set/images/train8.png"
printf '0 .96 .5 .1 .1\n1 .5 .004 .2 .04\n' >"$L/train3.txt"
check "over the edge by rounding" sh -c "'$MP' detector train '$D' '$T/two.cfg' -backup '$T/w' >'$T/out' 2>'$T/err'"
check "is cut, with a warning that counts" grep -q 'train.list: warning: 2 boxes reach over the edge .* up to 0.02' "$T/err"
check "no refusal wrote anything" test ! -e "$T/none"
finish
