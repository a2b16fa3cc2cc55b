#!/usr/bin/env bash
# anchors.sh - `detector calc_anchors`: the mean IoU it prints, by an independent count; the same again;
# what cannot be fitted; the picture. The chart that `detector train -map` draws, and sheets of training pictures.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set"
need "the test's pictures" python3 tests/lib/make_boxes.py "$T/set"
D=$T/set/boxes.data

check "six anchors" sh -c "'$MP' detector calc_anchors '$D' -width 320 -height 192 -plot '$T/a.png' >'$T/a.txt'"
check "by rising area, their mean IoU as counted here" python3 - "$T" <<'EOF'
import re, sys
T = sys.argv[1]
text = open(f"{T}/a.txt").read()
numbers = [float(v) for v in re.search(r"^anchors = (.*)$", text, re.M)[1].split(",")]
anchors = list(zip(numbers[::2], numbers[1::2]))
said = float(re.search(r"avg IoU = (\S+) %", text)[1])
data = dict(line.split("=", 1) for line in open(f"{T}/set/boxes.data").read().split("\n") if "=" in line)
train = data["train"].strip()
ious = []
for picture in open(train if train.startswith("/") else f"{T}/set/{train}").read().split():
    picture = picture if picture.startswith("/") else f"{T}/set/{picture}"
    label = re.sub(r"images(?!.*images)", "labels", picture)
    for line in open(re.sub(r"\.[a-z]+$", ".txt", label)):
        w, h = float(line.split()[3]) * 320, float(line.split()[4]) * 192
        ious.append(max(min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in anchors))
areas = [a * b for a, b in anchors]
mean = 100 * sum(ious) / len(ious)
sys.exit(not (len(anchors) == 6 and areas == sorted(areas) and abs(mean - said) < 2 and mean > 70 and f"{len(ious)} boxes" in text))
EOF
check "a picture of them" python3 -c "
import sys
d = open('$T/a.png', 'rb').read()
sys.exit(not (d[:8] == b'\x89PNG\r\n\x1a\n' and int.from_bytes(d[16:20], 'big') == 512))"
check "the same again" sh -c "'$MP' detector calc_anchors '$D' -width 320 -height 192 | cmp - '$T/a.txt'"
check "more anchors fit better" sh -c "'$MP' detector calc_anchors '$D' -width 320 -height 192 -num 12 >'$T/b.txt' &&
    awk '/avg IoU/ {v[FILENAME] = \$4} END {exit !(v[\"$T/b.txt\"] > v[\"$T/a.txt\"])}' '$T/a.txt' '$T/b.txt'"
"$MP" detector calc_anchors "$D" -num 900 >"$T/out" 2>"$T/err"
check "more than there are sizes are refused" sh -c "[ $? = 1 ] && grep -q 'lower -num' '$T/err' && ! grep -q anchors '$T/out'"

sed 's/^max_batches=.*/max_batches=110/' tests/lib/tiny-yolo.cfg >"$T/chart.cfg"
check "training with -map" sh -c "'$MP' detector train '$D' '$T/chart.cfg' -map -backup '$T/w' >'$T/log' 2>&1"
if command -v gnuplot >/dev/null; then
    check "draws a chart" python3 -c "
import sys
d = open('$T/w/chart_chart.png', 'rb').read()
sys.exit(not (d[:8] == b'\x89PNG\r\n\x1a\n' and int.from_bytes(d[16:20], 'big') == 900 and len(d) > 8000))"
else
    skip "the chart" "gnuplot is not here"
fi

sed 's/^max_batches=.*/&\nmosaic=1\nblur=1\ngaussian_noise=10/' tests/lib/tiny-yolo.cfg >"$T/era.cfg"
check "sheets of training pictures" "$MP" bench data "$D" "$T/era.cfg" -draw "$T/s" -steps 2 >"$T/log" 2>&1
check "two of them, of 4 x 4 pictures" python3 -c "
import os, re, sys
text = open('tests/lib/tiny-yolo.cfg').read()
w, h = (int(re.search(r'^%s=(\d+)' % k, text, re.M)[1]) for k in ('width', 'height'))
d = open('$T/s/sheet-2.png', 'rb').read()
sys.exit(not (sorted(os.listdir('$T/s')) == ['sheet-1.png', 'sheet-2.png'] and int.from_bytes(d[16:20], 'big') == 4 * w
              and int.from_bytes(d[20:24], 'big') == 4 * h and d != open('$T/s/sheet-1.png', 'rb').read()))"
check "the same from one seed" sh -c "'$MP' bench data '$D' '$T/era.cfg' -draw '$T/r' -steps 1 >'$T/log' 2>&1 && cmp '$T/r/sheet-1.png' '$T/s/sheet-1.png'"
check "others from another" sh -c "'$MP' bench data '$D' '$T/era.cfg' -draw '$T/q' -steps 1 -seed 2 >'$T/log' 2>&1 && ! cmp -s '$T/q/sheet-1.png' '$T/s/sheet-1.png'"
"$MP" bench data "$D" tests/lib/tiny-plain.cfg -draw "$T/none" >"$T/out" 2>"$T/err"
check "a classifier has none" sh -c "[ $? = 1 ] && grep -q 'no detector' '$T/err' && [ ! -e '$T/none' ]"

finish
