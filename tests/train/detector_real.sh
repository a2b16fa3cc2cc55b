#!/usr/bin/env bash
# detector_real.sh - weights that others trained: mAP as the program that trained them measures it, boxes as Debian's darknet finds them.
. "$(dirname "$0")/../lib/lib.sh"
percents() { grep -oE '^[a-z ]+: [0-9]+%' | sort; }
S=../shared
if [ -r $S/weights/yolo_fastest/yolo-fastest-1.1-xl.weights ] && [ -r $S/data/det_coco256.tar.gz ]; then
    tar -C "$T" -xzf $S/data/det_coco256.tar.gz
    ls "$T"/det_coco256/test/*.jpg >"$T/coco.list"
    printf 'classes=80\nvalid=%s\nnames=%s\n' "$T/coco.list" "$T/det_coco256/classes.names" >"$T/coco.data"
    # What the fork prints: mAP, TP, FP, FN, mean IoU. Its decoder of JPEG is another one: mAP
    # differs by 0.1 points, counts by a few boxes.
    for want in "1.1 33.47 273 366 625 30.09" "1.1-xl 40.43 338 375 560 34.74"; do
        read -r net map tp fp fn iou <<<"$want"
        W=$S/weights/yolo_fastest/yolo-fastest-$net
        "$MP" detector map "$T/coco.data" "$W.cfg" "$W.weights" -json "$T/coco.json" \
            >"$T/map.txt" 2>/dev/null
        ours=$(grep 'TP = .* FN' "$T/map.txt")
        check "Yolo-Fastest $net: the fork: $want, ours: $ours" python3 - "$T/map.txt" "$T/coco.json" <<P
import json, re, sys
text, d = open(sys.argv[1]).read(), json.load(open(sys.argv[2]))
counts = re.search(r' for conf_thresh = 0.25, TP = (\d+), FP = (\d+), FN = (\d+), '
                   r'average IoU = ([\d.]+) %', text)
tp, fp, fn, iou = (float(v) for v in counts.groups())
map50 = float(re.search(r'\(mAP@0.50\) = [\d.]+, or ([\d.]+) %', text).group(1))
row = r'^class_id = (\d+), name = (.+), ap = ([\d.]+)% *\t \(TP = (\d+), FP = (\d+)\)'
per_class = [[float(v) for v in r[2:]] for r in re.findall(row, text, re.M)]
assert abs(map50 - $map) < 0.3 and abs(100 * d['map50'] - map50) < 0.006, map50
assert abs(tp - $tp) <= 5 and abs(fp - $fp) <= 9 and tp + fn == $tp + $fn, counts.groups()
assert abs(iou - $iou) < 0.8, iou
ap, right, wrong = (sum(v) for v in zip(*per_class))
assert len(per_class) == 80 and abs(ap / 80 - map50) < 0.01 and right == tp and wrong == fp
figures = tuple(d[k] for k in ('precision', 'recall', 'f1'))
assert 'precision = %.2f, recall = %.2f, F1-score = %.2f' % figures in text
P
        sed 's/^batch=.*/batch=1/' "$W.cfg" >"$T/one.cfg"
        dog=/usr/share/darknet/data/dog.jpg
        (cd "$T" && /usr/bin/darknet detector test "$T/coco.data" "$T/one.cfg" "$OLDPWD/$W.weights" $dog -thresh 0.3 -out "$T/theirs" 2>/dev/null) | percents >"$T/theirs.txt"
        "$MP" detector test "$T/coco.data" "$W.cfg" "$W.weights" $dog -like darknet -thresh 0.3 -out "$T/ours" 2>/dev/null | percents >"$T/ours.txt"
        check "Yolo-Fastest $net on dog.jpg as Debian's darknet" cmp "$T/theirs.txt" "$T/ours.txt"
        check "and it finds the dog" grep -q '^dog' "$T/ours.txt"
    done
else
    skip "no Yolo-Fastest weights or COCO pictures beside the repository"
fi
finish
