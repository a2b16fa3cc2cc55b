#!/usr/bin/env bash
# video.sh - `detector demo`: boxes of a video's frames as `detector test` finds them in the same
# frames as pictures; the video drawn has every frame, also after Ctrl-C; what cannot be is refused.
. "$(dirname "$0")/../lib/lib.sh"
D=$T/set/boxes.data C=tests/lib/tiny-yolo.cfg N=tiny-yolo
mkdir "$T/set" "$T/png" "$T/alone"
need "the test's pictures" python3 tests/lib/make_boxes.py "$T/set"
need "train" "$MP" detector train "$D" "$C" -seed 1 -backup "$T/w" >"$T/log" 2>&1
W=$T/w/${N}_final.weights
demo() { "$MP" detector demo "$D" "$C" "$W" "$@"; }

# The programs without the library beside them: as where OpenCV was missing when they were built.
cp "$MP" "$MP-host" "$T/alone"
refused "a build without OpenCV" "install libopencv-dev" \
    "$T/alone/metaperturb" detector demo "$D" "$C" "$W" none.avi
check "in one line" test "$(wc -l <"$T/err")" = 1
words() { demo --help | finds -F -- "$1"; }
check "help says that there is no window" words "nothing is shown in a window"

python=/usr/bin/python3     # Debian's own: python3-opencv belongs to no other
if ! pkg-config --exists opencv4; then
    skip "no libopencv-dev: videos were not read"
    finish
elif ! "$python" -c 'import cv2' 2>/dev/null; then
    skip "no OpenCV for Python (python3-opencv): no video to read"
    finish
fi
need "where OpenCV is, it is built in" test -e "$MP-video.so"
video() { "$python" tests/train/video.py "$@"; }
V=$T/v.avi
need "a video of 12 frames" video make "$V" 5 "$T"/set/images/test*.png
need "its frames as pictures" video png "$V" "$T/png"

# The same boxes, in one pass and in three noisy ones, of each or each third frame.
agree() { # agree WHAT EVERY OPTION...
    local what=$1 every=$2
    shift 2
    check "$what" demo "$V" -thresh 0.3 -every "$every" -json "$T/demo.json" "$@" >"$T/out" 2>&1
    "$MP" detector test "$D" "$C" "$W" "$T/png" -thresh 0.3 -json "$T/test.json" "$@" >"$T/log" 2>&1
    check "$what: the boxes of detector test" python3 - "$T" "$every" <<P
import json, sys
demo, test = (json.load(open(f"{sys.argv[1]}/{n}.json")) for n in ("demo", "test"))
every, frames = int(sys.argv[2]), demo["frames"]
assert demo["count"] == 12 and not demo["stopped"] and demo["video"] == "$V"
assert [f["frame"] for f in frames] == list(range(1, 13, every))
assert all(abs(f["seconds"] - (f["frame"] - 1) / 5) < 1e-9 for f in frames)
assert sum(len(f["boxes"]) for f in frames) > 12 / every
for f in frames:
    picture = test["pictures"][f["frame"] - 1]
    assert all(f[k] == picture[k] for k in ("boxes", "width", "height")), f
P
}
agree "one pass" 1
agree "stretched" 1 -like alexeyab
agree "noise samples" 1 -samples 3
agree "every third" 3
demo "$V" -thresh 0.3 2>/dev/null >"$T/out"
"$MP" detector test "$D" "$C" "$W" "$T/png" -thresh 0.3 2>/dev/null >"$T/log"
check "without files the boxes are printed, as those of pictures" \
    cmp <(grep 'left_x' "$T/out") <(grep 'left_x' "$T/log")
check "under a line for each frame" test "$(grep -c '^frame [0-9]*, [0-9.]* s: ' "$T/out")" = 12

# Drawn: as many frames, as large; each differs where a picture drawn differs.
facts() { test "$(video facts "$1")" = "$2"; }
for end in mp4 avi; do
    check "draw .$end" demo "$V" -thresh 0.3 -out "$T/o.$end" >"$T/out" 2>&1
    check ".$end: size, rate, frames" facts "$T/o.$end" "80 60 5 12"
done
"$MP" detector test "$D" "$C" "$W" "$T/png" -thresh 0.3 -out "$T/drawn" >"$T/log" 2>&1
mkdir "$T/read" && video png "$T/o.avi" "$T/read"
check "its frames are the pictures drawn, up to JPEG's loss" "$python" - "$T" <<P
import glob, sys
import cv2
read, drawn, plain = (sorted(glob.glob(f"{sys.argv[1]}/{d}/*.png")) for d in ("read", "drawn", "png"))
assert len(read) == len(drawn) == 12
off = lambda a, b: float(cv2.absdiff(cv2.imread(a), cv2.imread(b)).mean())
near, far = [off(a, b) for a, b in zip(read, drawn)], [off(a, b) for a, b in zip(plain, drawn)]
assert max(near) < 12 and sum(near) < sum(far) / 2, (near, far)
P
video odd "$T/odd.avi" 8 "$T"/set/images/test*.png
check "odd sides" demo "$T/odd.avi" -out "$T/odd.mp4" >"$T/out" 2>&1
check "are made even" facts "$T/odd.mp4" "80 60 8 12"
ln -s o.mp4 "$T/link.mp4"
check "through a link" demo "$T/odd.avi" -every 4 -out "$T/link.mp4" >"$T/out" 2>&1
check "the file behind it is written" facts "$T/o.mp4" "80 60 8 12"
check "and the link stays" test -L "$T/link.mp4"

head -c $(($(stat -c %s "$V") / 2)) "$V" >"$T/half.avi"
check "half of a file" demo "$T/half.avi" >"$T/out" 2>"$T/err"
check "is warned of" grep -q '^warning: .* tells of 12 frames, but only [1-9]' "$T/err"
check "the whole one is not" sh -c "! '$MP' detector demo '$D' '$C' '$W' '$V' 2>&1 | grep -q warning:"

# Ctrl-C, and a line a second until then.
video long "$T/long.avi" 6000 "$T/set/images/test1.png"
: >"$T/log"
"$MP" detector demo "$D" "$C" "$W" "$T/long.avi" -thresh 0.3 -out "$T/s.mp4" -json "$T/s.json" \
    >"$T/log" 2>&1 &
pid=$!
until grep -q '^frame ' "$T/log" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -INT "$pid"
wait "$pid"
check "Ctrl-C is no fault" test $? = 0
check "a line a second: frames, speed, boxes" grep -qE \
    '^frame [0-9]+ of 6000, [0-9.]+ frames/s: (no boxes$|.*(box|ring) [0-9]+%)' "$T/log"
check "stopped, and it says so" grep -q '^stopped: ' "$T/log"
stopped_whole() {
    local n
    n=$(python3 -c "
import json
d = json.load(open('$T/s.json'))
assert d['stopped'] and d['count'] == len(d['frames']) < 6000
print(d['count'])") && facts "$T/s.mp4" "320 240 30 $n"
}
check "video and JSON are whole up to there" stopped_whole

# What cannot be. Nothing is left of it.
mkdir "$T/none"
echo "no video" >"$T/text.avi"
no() { demo "$@" -json "$T/none/j"; }
refused "a missing file" "none.avi: cannot read" no none.avi
refused "no video" "text.avi: OpenCV finds no video" no "$T/text.avi"
refused "a folder" "a folder" no "$T/none"
check "in one line" test "$(wc -l <"$T/err")" = 1
head -c 300 "$V" >"$T/cut.avi"
refused "cut short" "cut.avi: OpenCV finds no video" no "$T/cut.avi"
for camera in 63 /dev/video63; do refused "no camera" "no camera 63" no $camera; done
refused "nothing at an address" "OpenCV finds no video" no rtsp://localhost:1/x
refused "another kind of file" ".mp4 or .avi" no "$V" -out "$T/none/x.mkv"
refused "-out in no folder" "none/none" no "$V" -out "$T/none/none/x.mp4"
refused "-out over the video" "written over" no "$V" -out "$V"
refused "weights of another" "none.weights" "$MP" detector demo "$D" "$C" none.weights "$V"
check "nothing was written" test -z "$(ls "$T/none")"
video make "$T/short.avi" 30 "$T"/set/images/*.png "$T"/set/images/*.png
for end in mp4 avi; do
    echo old >"$T/none/full.$end"
    refused "no room, .$end" "could not be written whole" \
        bash -c 'ulimit -f 20; exec "$@"' - "$MP" detector demo "$D" "$C" "$W" "$T/short.avi" \
        -out "$T/none/full.$end"
    check "the old one stays" cmp "$T/none/full.$end" <(echo old)
done
check "alone" test "$(ls "$T/none" | wc -l)" = 2
finish
