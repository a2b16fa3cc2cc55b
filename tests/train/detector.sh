#!/usr/bin/env bash
# detector.sh - detectors from pictures to weights, boxes and figures; the same again from one seed, and after a stop; Debian's darknet
# finds the same boxes; wrong labels, cfgs and weights end in one sentence.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set"
need "the test's pictures" python3 tests/lib/make_boxes.py "$T/set"
D=$T/set/boxes.data
C=tests/lib/tiny-yolo.cfg
N=tiny-yolo
train() { "$MP" detector train "$D" "$@" >"$T/log" 2>&1; }
number() { python3 -c "import json,sys; print(json.load(open('$1'))['$2'])"; }
above() { python3 -c "import sys; sys.exit(not float('$1') > float('$2'))"; }

# It learns.
check "train" train "$C" -seed 1 -every 80 -backup "$T/a" -json "$T/a.json"
check "as it goes, mAP rises" python3 -c "
import json, sys
d = json.load(open('$T/a.json'))
v = [x['map50'] for x in d['valid']]
sys.exit(not (len(v) == 3 and v[-1] > 0.6 and v[-1] > v[0] and d['log'][0]['loss'] > 5 * d['log'][-1]['loss']))"
check "map" "$MP" detector map "$D" "$C" "$T/a/${N}_final.weights" -json "$T/map.json" >"$T/map.txt" 2>/dev/null
check "map of the file is that at the end of training" test "$(number "$T/map.json" map50)" = "$(python3 -c "import json; print(json.load(open('$T/a.json'))['valid'][-1]['map50'])")"
check "map prints AP of each class, mAP, counts" sh -c "grep -q 'ring .*AP@0.50' '$T/map.txt' && grep -q '^mAP@0.50 ' '$T/map.txt' && grep -q 'precision 0' '$T/map.txt'"
check "counts add up" python3 -c "
import json, sys
d = json.load(open('$T/map.json'))
sys.exit(not (d['true_positives'] + d['false_negatives'] == d['boxes'] and d['images'] == 12 and len(d['classes'][0]['ap']) == 10 and d['map50_95'] <= d['map50']))"
check "best weights hold the best mAP" python3 -c "
import json, sys
v = [x['map50'] for x in json.load(open('$T/a.json'))['valid']]
sys.exit(json.load(open('$T/a/${N}_best.json'))['map50'] != max(v))"
"$MP" detector map "$D" "$C" "$T/a/${N}_best.weights" -json "$T/best.json" >/dev/null 2>&1
check "and give it again" test "$(number "$T/best.json" map50)" = "$(number "$T/a/${N}_best.json" map50)"
cp -r "$T/a" "$T/damaged"
sed 's/^max_batches=.*/max_batches=241/' "$C" >"$T/damaged/$N.cfg"
head -c 40 "$T/a/${N}_best.json" >"$T/damaged/${N}_best.json"
refused "the best mAP damaged" "_best.json: damaged" "$MP" detector train "$D" "$T/damaged/$N.cfg" \
    "$T/damaged/${N}_final.weights" -every 1 -backup "$T/damaged"
check "and nothing was trained" cmp "$T/a/${N}_best.weights" "$T/damaged/${N}_best.weights"
"$MP" detector map "$D" "$C" "$T/a/${N}_final.weights" -iou_thresh 0.75 -json "$T/iou.json" \
    >/dev/null 2>&1
check "-iou_thresh counts and averages at another overlap" python3 -c "
import json, sys
d, plain = (json.load(open('$T/' + n + '.json')) for n in ('iou', 'map'))
ap = [c['ap'][5] for c in d['classes']]
sys.exit(not (abs(d['map_at_iou_thresh'] - sum(ap) / len(ap)) < 1e-9 and plain['map50'] == d['map50']
              and d['map_at_iou_thresh'] < d['map50'] == plain['map_at_iou_thresh']
              and d['true_positives'] < plain['true_positives']))"
check "noise samples" "$MP" detector map "$D" "$C" "$T/a/${N}_final.weights" -samples 3 -json "$T/s.json" >/dev/null 2>&1
check "noisy mAP is a mAP too" above "$(number "$T/s.json" map50)" 0.5

# Without noise at the end, the best weights too are those of the plain network.
sed 's/^anneal=.*/anneal=0.2\ncool=0.3,0.5/; s/^max_batches=.*/max_batches=120/; s/^steps=.*/steps=100/' "$C" >"$T/cool.cfg"
check "cool=: train" train "$T/cool.cfg" -seed 1 -every 120 -backup "$T/k"
"$MP" cfg detach "$T/cool.cfg" "$T/cool-d.cfg" >/dev/null
for which in best final; do
    "$MP" detector map "$D" "$T/cool.cfg" "$T/k/cool_$which.weights" -json "$T/k1.json" >/dev/null 2>&1
    "$MP" detector map "$D" "$T/cool-d.cfg" "$T/k/cool_$which.weights" -json "$T/k2.json" >/dev/null 2>&1
    check "cool=: $which weights are plain" test "$(number "$T/k1.json" map50)" = "$(number "$T/k2.json" map50)"
    check "cool=: and find something" above "$(number "$T/k1.json" map50)" 0.05
done

# Folded: mAP of three, each what `map` says of the files.
check "fold" "$MP" weights fold "$C" "$T/a/${N}_final.weights" "$T/f.cfg" "$T/f.weights" -calibrate "$D" -samples 3 -json "$T/fold.json" >"$T/fold.txt" 2>/dev/null
"$MP" detector map "$D" "$T/f.cfg" "$T/f.weights" -json "$T/f.json" >/dev/null 2>&1
check "fold reports mAP as map does" python3 -c "
import json, sys
fold, one, noisy, plain = (json.load(open('$T/' + n + '.json')) for n in ('fold', 'map', 's', 'f'))
near = lambda a, b: abs(a['map50'] - b['map50']) < 0.02
sys.exit(not (near(fold['deterministic'], one) and near(fold['folded'], plain) and abs(fold['samples']['map50'] - noisy['map50']) < 0.1
              and fold['folded']['images'] == 12 and fold['folded']['map50'] > 0.5))"
refused "fold: no such training for detectors" "does not end in [softmax]" "$MP" weights fold "$C" "$T/a/${N}_final.weights" "$T/x.cfg" "$T/x.weights" -calibrate "$D" -distill 9
mv "$T/set/labels/test2.txt" "$T/away.txt"
fold_fast() {
    "$MP" weights fold "$C" "$T/a/${N}_final.weights" "$T/n.cfg" "$T/n.weights" -calibrate "$D" \
        -images 4 -samples 1 "$@"
}
refused "fold: a label file missing" "-negatives" fold_fast
check "fold -negatives: then it shows nothing" fold_fast -negatives >/dev/null 2>&1
mv "$T/away.txt" "$T/set/labels/test2.txt"
check "and prints three lines" test "$(grep -c 'mAP@0.50 ' "$T/fold.txt")" = 3

# Stop and go on, with Adam, multi-scale, perturbation, dropout, and without the tests along the way; and plain with SGD and
# subdivisions.
cp "$C" "$T/$N.cfg"
sed -z -e 's/\[meta_shared\]\nanneal=0.4//; s/activation=linear\n\n\[perturb\]\nactivation=leaky/activation=leaky\n\n[upsample]\nstride=1/' \
    -e 's/max_batches=240/max_batches=150/; s/adam=1/adam=0/; s/batch=8/batch=16/; s/subdivisions=1/subdivisions=2/' \
    -e 's/learning_rate=0.004/learning_rate=0.002/' "$C" >"$T/plain.cfg"
check "plain" train "$T/plain.cfg" -seed 1 -backup "$T/a"
for n in $N plain; do
    check "$n: stopped" stopped "$MP" detector train "$D" "$T/$n.cfg" -seed 1 -backup "$T/c"
    check "$n: stopped again" stopped "$MP" detector train "$D" "$T/$n.cfg" "$T/c/${n}_last.weights" -backup "$T/c"
    check "$n: go on" train "$T/$n.cfg" "$T/c/${n}_last.weights" -backup "$T/c"
    check "$n: stop and go on equals a straight run" cmp "$T/a/${n}_final.weights" "$T/c/${n}_final.weights"
done

# Debian's darknet sees what we see: 'box: 97%', in any order.
image=$T/set/images/test1.png
sed 's/^batch=.*/batch=1/; s/^subdivisions=.*/subdivisions=1/' "$T/plain.cfg" >"$T/one.cfg"
percents() { grep -oE '^[a-z ]+: [0-9]+%' | sort; }
/usr/bin/darknet detector test "$D" "$T/one.cfg" "$T/a/plain_final.weights" "$image" -thresh 0.2 -out "$T/theirs" 2>/dev/null | percents >"$T/theirs.txt"
check "test" "$MP" detector test "$D" "$T/plain.cfg" "$T/a/plain_final.weights" "$image" -thresh 0.2 -out "$T/ours" -json "$T/test.json" >"$T/test.txt" 2>/dev/null
percents <"$T/test.txt" >"$T/ours.txt"
check "/usr/bin/darknet finds something" test -s "$T/theirs.txt"
check "/usr/bin/darknet detector test finds the same" cmp "$T/theirs.txt" "$T/ours.txt"
check "the picture is a PNG" test "$(head -c 4 "$T/ours.png" | tail -c 3)" = PNG
check "boxes in the JSON" python3 -c "
import json, sys
d = json.load(open('$T/test.json'))
sys.exit(not (d['boxes'] and all(0 <= b['left'] < b['right'] < d['width'] == 80 and b['name'] in ('box', 'ring') for b in d['boxes'])))"

# Result files, against Debian's. It counts a box's pixels in float.
check "valid" "$MP" detector valid "$D" "$T/plain.cfg" "$T/a/plain_final.weights" >/dev/null 2>&1
mv "$T/set/results" "$T/ours.results" && mkdir "$T/set/results"
(cd "$T" && /usr/bin/darknet detector valid "$D" "$T/one.cfg" "$T/a/plain_final.weights" >/dev/null 2>&1)
cat >"$T/rows.py" <<'P'
import sys
def rows(f):
    return sorted([l.split()[0]] + [float(v) for v in l.split()[1:]] for l in open(f))
a, b = (rows(f) for f in sys.argv[1:3])
near = lambda x, y: x[0] == y[0] and all(abs(p - q) < 0.02 for p, q in zip(x[1:], y[1:]))
if len(b) < 10: sys.exit('hardly any rows')
# Rows at the threshold may be on either side of it.
strong = [r for r in a if r[1] > 0.0055]
sys.exit(not all(any(near(r, q) for q in b) for r in strong) or abs(len(a) - len(b)) > len(b) / 50 + 1)
P
for n in box ring; do check "results of $n as Debian's" python3 "$T/rows.py" "$T/ours.results/comp4_det_test_$n.txt" "$T/set/results/comp4_det_test_$n.txt"; done
(cat "$D"; echo eval=coco) >"$T/coco.data"
check "valid, COCO" "$MP" detector valid "$T/coco.data" "$T/plain.cfg" "$T/a/plain_final.weights" >/dev/null 2>&1
check "COCO's JSON" python3 -c "
import json, sys
d = json.load(open('$T/set/results/coco_results.json'))
sys.exit(not (len(d) > 20 and all(set(x) == {'image_id', 'file_name', 'category_id', 'bbox', 'score'} and x['category_id'] in (1, 2) and len(x['bbox']) == 4 for x in d)))"

# [region], the head of YOLO version 2.
sed -e '/^\[yolo\]/,$d' -e 's/max_batches=240/max_batches=120/' "$C" >"$T/region.cfg"
printf '[region]\nanchors=1,1, 1.5,1.5\nclasses=2\nnum=2\nsoftmax=1\njitter=.1\nbias_match=1\nrescore=1\nobject_scale=5\nnoobject_scale=1\nclass_scale=1\ncoord_scale=1\nthresh=.6\nrandom=1\n' >>"$T/region.cfg"
check "[region] trains" train "$T/region.cfg" -seed 1 -backup "$T/a" -json "$T/r.json"
check "and its loss falls" python3 -c "
import json, sys
l = json.load(open('$T/r.json'))['log']
sys.exit(not l[-1]['average'] < l[0]['loss'] / 2)"
check "and can be tested" "$MP" detector map "$D" "$T/region.cfg" "$T/a/region_final.weights" >/dev/null 2>&1

# Lists of a folder: a flat one with labels/ beside, and one with VOC annotations.
mkdir "$T/flat" && cp -r "$T/set/images" "$T/set/labels" "$T/set/boxes.names" "$T/flat"
check "lists of a folder" scripts/prepare_detection.sh "$T/flat" "$T/flat" >/dev/null
check "every fifth image is a test image" test "$(wc -l <"$T/flat.train.list") $(wc -l <"$T/flat.test.list")" = "29 7"
check "and can be measured" "$MP" detector map "$T/flat.data" "$C" "$T/a/${N}_final.weights" >/dev/null 2>&1
mkdir -p "$T/voc/train" "$T/voc/val" && cp "$image" "$T/voc/train/p.png" && cp "$image" "$T/voc/val/q.png"
echo '<annotation><size><width>80</width><height>60</height></size><object><name>ring</name><bndbox><xmin>8</xmin><ymin>6</ymin><xmax>40</xmax><ymax>36</ymax></bndbox></object></annotation>' | tee "$T/voc/train/p.xml" >"$T/voc/val/q.xml"
check "VOC annotations" scripts/prepare_detection.sh "$T/voc" "$T/voc" >/dev/null
check "become labels" test "$(cat "$T/voc/val/q.txt")" = "0 0.300000 0.350000 0.400000 0.500000"
check "two lists from two folders" test "$(cat "$T/voc.train.list" "$T/voc.test.list")" = "$(printf '%s\n' "$T/voc/train/p.png" "$T/voc/val/q.png")"
rm "$T/flat/boxes.names"
refused "a folder without names" "no .names file" scripts/prepare_detection.sh "$T/flat" "$T/x"
refused "a folder without images" "no .jpg" scripts/prepare_detection.sh "$T/set/labels" "$T/x"

# What is wrong is told in one sentence.
none() { "$MP" detector train "$D" "$@" -backup "$T/none"; }
cfg_with() { sed "$1" "$C" >"$T/t.cfg"; }
refused_cfg() { cfg_with "$3"; refused "$1" "$2" none "$T/t.cfg"; }
sed 's/classes=2/classes=3/' "$D" >"$T/three.data" && printf 'box\nring\ncross\n' >"$T/set/three.names" && sed -i 's/boxes.names/three.names/' "$T/three.data"
refused "classes of the cfg and of the data" "set classes=3 here and filters=16" "$MP" detector train "$T/three.data" "$C" -backup "$T/none"
refused_cfg "filters that do not match classes" "set filters=14" 's/^filters=14/filters=18/'
refused_cfg "too few anchors" "anchors=" 's/^anchors=12,12, /anchors=/'
refused_cfg "an anchor of 0" "must be above 0" 's/^anchors=12,12/anchors=12,0/'
refused_cfg "no anchors" "no anchors=" '/^anchors/d'
refused_cfg "a mask that is no anchor" "mask" 's/^mask=2,3/mask=2,4/'
refused_cfg "a switch of another Darknet" "[yolo] embedding_layer=3 changes training" 's/^mask=2,3/&\nembedding_layer=3/'
refused_cfg "what only classifiers are trained with" "cutmix= is for classifiers" 's/^max_batches=.*/&\ncutmix=1/'
refused_cfg "boxes that suppress each other by corners" 'unknown nms_kind "cornersnms"' 's/^mask=2,3/&\nnms_kind=cornersnms/'
cp tests/lib/tiny-plain.cfg "$T/t.cfg"
refused "a classifier" "no detector" none "$T/t.cfg"
(cat "$C"; printf '[convolutional]\nfilters=3\nsize=1\nactivation=linear\n') >"$T/t.cfg"
refused "a layer behind the head" "after the last" none "$T/t.cfg"
cfg_with 's/^anchors=.*/anchors=1,1, 1,2, 2,1, 2,2/; s/max_batches=240/max_batches=2/'
check "anchors that fit no box: a warning" sh -c "'$MP' detector train '$D' '$T/t.cfg' -backup '$T/w' 2>&1 | grep -q 'warning: the anchors hardly fit'"
cfg_with 's/^mask=0,1/mask=0,2/; s/max_batches=240/max_batches=2/'
check "an anchor in no mask: a warning" sh -c "'$MP' detector train '$D' '$T/t.cfg' -backup '$T/w' 2>&1 | grep -q 'warning: 1 of 4 anchors'"
cfg_with 's/^learning_rate=.*/learning_rate=1e25/'
refused "NaN loss" "loss is" none "$T/t.cfg"
refused "weights of another cfg" "of another network" "$MP" detector map "$D" "$C" "$T/a/region_final.weights"
head -c 3000 "$T/a/${N}_final.weights" >"$T/cut.weights"
refused "weights cut short" "cut.weights" "$MP" detector map "$D" "$C" "$T/cut.weights"
refused "-like whom" "must be darknet or alexeyab" "$MP" detector map "$D" "$C" "$T/a/${N}_final.weights" -like yolo
refused "-points of another number" "must be 0" "$MP" detector map "$D" "$C" "$T/a/${N}_final.weights" -points 7
refused "-thresh above 1" "from 0 to 1" "$MP" detector test "$D" "$C" "$T/a/${N}_final.weights" "$image" -thresh 50
refused "no picture" "none.png" "$MP" detector test "$D" "$C" "$T/a/${N}_final.weights" "$T/none.png"
L=$T/set/labels/train3.txt
cp "$L" "$T/good.txt"
label() { printf '%b' "$2" >"$L"; refused "$1" "train3.txt:$3" none "$C"; cp "$T/good.txt" "$L"; }
label "class out of range" '0 .5 .5 .1 .1\n2 .5 .5 .1 .1\n' "2: class 2"
label "box outside" '0 .95 .5 .2 .1\n' "1: the box reaches from 0.85 to 1.05"
label "pixels" '0 40 30 20 20\n' "1: the box reaches"
label "a word" '0 .5 .5 .1 wide\n' "1: 4 of the 5"
mv "$L" "$T/away.txt"
refused "label file missing" "no label file" none "$C"
check "-negatives: then it shows nothing" sh -c "'$MP' detector train '$D' '$C' '$T/a/${N}_final.weights' -negatives -backup '$T/w' 2>&1 | grep -q 'trained for 240 steps already'"
mv "$T/away.txt" "$L"
printf 'no picture' >"$T/set/images/train3.png"
refused "picture undecodable" "train3.png" none "$C"
cfg_with 's/max_batches=240/max_batches=2/'
check "-skip_bad: then it is left out" sh -c "'$MP' detector train '$D' '$T/t.cfg' -skip_bad -backup '$T/w' 2>&1 | grep -q '23 pictures'"
check "no refusal wrote anything" test -z "$(ls "$T/none" 2>/dev/null)"

finish
