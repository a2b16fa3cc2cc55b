#!/usr/bin/env bash
# detector_real.sh - weights that others trained: mAP as the program that trained them measures it, boxes as Debian's darknet finds them.
. "$(dirname "$0")/lib.sh"
percents() { grep -oE '^[a-z ]+: [0-9]+%' | sort; }
S=../shared
if [ -r $S/weights/yolo_fastest/yolo-fastest-1.1-xl.weights ] && [ -r $S/data/det_coco256.tar.gz ]; then
    tar -C "$T" -xzf $S/data/det_coco256.tar.gz
    ls "$T"/det_coco256/test/*.jpg >"$T/coco.list"
    printf 'classes=80\nvalid=%s\nnames=%s\n' "$T/coco.list" "$T/det_coco256/classes.names" >"$T/coco.data"
    for want in 1.1:33.5 1.1-xl:40.4; do
        W=$S/weights/yolo_fastest/yolo-fastest-${want%:*}
        "$MP" detector map "$T/coco.data" "$W.cfg" "$W.weights" -json "$T/coco.json" >/dev/null 2>&1
        got=$(python3 -c "import json; print(json.load(open('$T/coco.json'))['map50'])")
        check "Yolo-Fastest ${want%:*}: $got, the fork says ${want#*:} %" python3 -c "import sys; sys.exit(not abs(100 * $got - ${want#*:}) <= 0.5)"
        sed 's/^batch=.*/batch=1/' "$W.cfg" >"$T/one.cfg"
        dog=/usr/share/darknet/data/dog.jpg
        (cd "$T" && /usr/bin/darknet detector test "$T/coco.data" "$T/one.cfg" "$OLDPWD/$W.weights" $dog -thresh 0.3 -out "$T/theirs" 2>/dev/null) | percents >"$T/theirs.txt"
        "$MP" detector test "$T/coco.data" "$W.cfg" "$W.weights" $dog -thresh 0.3 -out "$T/ours" 2>/dev/null | percents >"$T/ours.txt"
        check "Yolo-Fastest ${want%:*} on dog.jpg as Debian's darknet" cmp "$T/theirs.txt" "$T/ours.txt"
        check "and it finds the dog" grep -q '^dog' "$T/ours.txt"
    done
else
    skip "no Yolo-Fastest weights or COCO pictures beside the repository"
fi
finish
