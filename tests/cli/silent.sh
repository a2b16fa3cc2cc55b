#!/usr/bin/env bash
# silent.sh - what once gave a wrong result without a word: each case gives the right one, or one sentence and a status.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
D=$T/tiny.data
C=tests/lib/tiny-plain.cfg
B=$T/set/boxes.data
Y=$T/yolo.cfg
plain_yolo() { sed -z 's/\[meta_shared\]\nanneal=0.4//; s/activation=linear\n\n\[perturb\]\nactivation=leaky/activation=leaky\n\n[upsample]\nstride=1/' tests/lib/tiny-yolo.cfg; }
plain_yolo | sed 's/max_batches=240/max_batches=100/; s/^learning_rate=.*/learning_rate=0.003/' >"$Y"
holds() { python3 -c "
import json, sys
d = json.load(open('$1', encoding='utf-8'))
sys.exit(not ($2))"; }
"$MP" classifier train "$D" "$C" -seed 1 -backup "$T/w" >/dev/null 2>&1
"$MP" detector train "$B" "$Y" -seed 1 -backup "$T/w" >/dev/null 2>&1
W=$T/w/tiny-plain.weights
V=$T/w/yolo_final.weights

# -top K: the key says which K.
"$MP" classifier valid "$D" "$C" "$W" -top 2 -json "$T/top.json" >/dev/null 2>&1
check "-top 2: top2, and no top5" holds "$T/top.json" "'top2' in d and 'top5' not in d and d['top1'] <= d['top2'] <= 1"
"$MP" classifier valid "$D" "$C" "$W" -top 1 -json "$T/top.json" >/dev/null 2>&1
check "-top 1: one accuracy" holds "$T/top.json" "[k for k in d if k.startswith('top')] == ['top1']"

# Names in Latin-1, names in UTF-8, in one file.
printf 'b\xeate \\ "x"\nr\xc3\xaave\n' >"$T/set/latin.names"
sed 's/boxes.names/latin.names/' "$B" >"$T/latin.data"
"$MP" detector map "$T/latin.data" "$Y" "$V" -json "$T/latin.json" >/dev/null 2>&1
check "names of both kinds: a JSON in UTF-8" holds "$T/latin.json" "[c['name'] for c in d['classes']] == ['b\u00eate \\\\ \"x\"', 'r\u00eave']"

# Two pictures, or two classes, that the results could not tell apart.
mkdir -p "$T/x/1" "$T/x/2"
named() { rm -f "$T"/x/*.png "$T"/x/*/*.png; for n in "$@"; do cp "$T/set/images/test0.png" "$T/x/$n" && echo "$T/x/$n"; done >"$T/x/list"; }
printf 'classes=2\nvalid=%s\nnames=%s\nresults=%s\neval=coco\n' "$T/x/list" "$T/set/boxes.names" "$T/x/results" >"$T/x/coco.data"
sed 's/eval=coco/eval=voc/' "$T/x/coco.data" >"$T/x/voc.data"
valid() { "$MP" detector valid "$T/x/$1.data" "$Y" "$V" -thresh 0.001 "${@:2}"; }
ids() { python3 -c "import json; print(sorted({(x['image_id'], x.get('file_name')) for x in json.load(open('$T/x/results/coco_results.json', encoding='utf-8'))}))"; }
named 7a91cc.png 7e0f12.png
valid coco >/dev/null 2>&1
check "names that only begin with digits: ids of their own" test "$(ids)" = "[(1, '7a91cc.png'), (2, '7e0f12.png')]"
latin=$(printf 'caf\xe9.png')
named COCO_val2014_000000123456.png 000000000042.png frame-9.png 1/x_7z.png "$latin"
valid coco >/dev/null 2>&1
check "COCO's ids as they are, others behind them" test "$(ids)" = "[(42, '000000000042.png'), (123456, 'COCO_val2014_000000123456.png'), (123457, 'frame-9.png'), (123458, 'x_7z.png'), (123459, 'café.png')]"
rm -r "$T/x/results"
named 1/7.png 2/v_007.png
refused "two pictures of one id" "v_007.png would stand under one image_id 7" valid coco
named 1/a.png 2/a.png
refused "two pictures of one name" "2/a.png would stand under one name" valid voc
check "and nothing is written" test -z "$(ls "$T/x/results" 2>/dev/null)"
named 1/a.png 2/b.png
printf 'box\nbox\n' >"$T/x/twins"
for data in coco voc; do sed -i "s,names=.*,names=$T/x/twins," "$T/x/$data.data"; done
refused "two classes of one name: valid" 'twins: two classes are called "box"' valid coco
refused "map" 'twins: two classes are called "box"' "$MP" detector map "$T/x/voc.data" "$Y" "$V"
refused "test" 'twins: two classes are called "box"' "$MP" detector test "$T/x/voc.data" "$Y" "$V" "$T/x/1/a.png" -out "$T/x/out"
sed "s,^names=.*,names=$T/x/twins,; s,^labels=.*,," "$B" >"$T/x/train.data"
refused "train" 'twins: two classes are called "box"' "$MP" detector train "$T/x/train.data" "$Y" -backup "$T/none"
printf 'disk\nstripes\ndisk\n' >"$T/x/three"
sed "s,^names=.*,names=$T/x/three,; s,^labels=.*,," "$D" >"$T/x/tiny.data"
image=$T/test/disk/0.png
refused "predict" 'three: two classes are called "disk"' "$MP" classifier predict "$T/x/tiny.data" "$C" "$W" "$image"
sed "s,^names=.*,names=$T/x/three," "$D" >"$T/x/tiny.data"
check "labels= tell them apart: then names are for people" "$MP" classifier predict "$T/x/tiny.data" "$C" "$W" "$image" >/dev/null 2>&1
echo "labels=$T/set/boxes.names" >>"$T/x/voc.data"
refused "but not for files of results" 'classes 0 and 1 are both called "box"' valid voc

# Pictures that are not square: what training learned of them, valid and predict see. What tells the classes apart is at the left
# end of 96 x 32 pixels.
mkdir -p "$T/wide" && python3 - "$T/wide" <<'P'
import random, struct, sys, zlib
root, rng = sys.argv[1], random.Random(3)
chunk = lambda tag, body: struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
names = []
for kind in ("left", "rand"):
    for i in range(10):
        rows = b""
        for y in range(32):
            bright = lambda x: 220 if kind == "left" and x < 20 and (y // 4) % 2 else 30
            rows += b"\0" + bytes(min(255, bright(x) + rng.randrange(40)) for x in range(96) for _ in range(3))
        names.append(f"{root}/{kind}{i}.png")
        open(names[-1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 32, 8, 2, 0, 0, 0))
                                   + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
open(f"{root}/list", "w").write("\n".join(names) + "\n")
open(f"{root}/names", "w").write("left\nrand\n")
P
sed "s,\$R,$T/wide,g" >"$T/wide/wide.data" <<'DATA'
classes=2
train=$R/list
valid=$R/list
names=$R/names
DATA
right_of() { for image in "$T"/wide/*.png; do
    "$MP" classifier predict "$T/wide/wide.data" "$1" "$2" "$image" -top 1 2>/dev/null | finds "%: ${image:$((${#T} + 6)):4}" && echo yes; done | wc -l; }
for fit in crop_pad letter_box; do
    sed 's/^output=3/output=2/; s/^max_batches=.*/max_batches=120/; s/^crop_pad=4/crop_pad=0/; s/^flip=1/flip=0/' "$C" >"$T/$fit.cfg"
    [ $fit = letter_box ] && sed -i 's/^crop_pad=0/letter_box=1/; s/^flip=0/flip=0\nmax_crop=32/' "$T/$fit.cfg"
    "$MP" classifier train "$T/wide/wide.data" "$T/$fit.cfg" -seed 1 -every 120 -json "$T/$fit.json" -backup "$T/w" >/dev/null 2>&1
    "$MP" classifier valid "$T/wide/wide.data" "$T/$fit.cfg" "$T/w/$fit.weights" -top 1 -json "$T/$fit.v.json" >/dev/null 2>&1
    check "$fit: all of the training list, by train and valid" holds "$T/$fit.v.json" "d['top1'] == 1 and json.load(open('$T/$fit.json'))['valid'][0]['top1'] == 1"
    check "$fit: and by predict, picture by picture" test "$(right_of "$T/$fit.cfg" "$T/w/$fit.weights")" = 20
done
sed '/^crop_pad/d' "$T/crop_pad.cfg" >"$T/centre.cfg"
"$MP" classifier valid "$T/wide/wide.data" "$T/centre.cfg" "$T/w/crop_pad.weights" -json "$T/centre.json" >/dev/null 2>&1
check "without either: the centre square, as Darknet's valid" holds "$T/centre.json" "d['top1'] < 1"

# letter_box= of a detector: one way for test, valid and map, whomever they are like.
sed 's/^width=.*/width=96/; s/^height=.*/height=32/' "$Y" >"$T/flat.cfg"
fits() { # CFG MORE...: how `map` says that pictures are fitted, and what test and valid find
    "$MP" detector map "$B" "$1" "$V" "${@:2}" 2>/dev/null | grep -oE 'pictures (stretched|letterboxed)'
    "$MP" detector test "$B" "$1" "$V" "$T/set/images/test1.png" -thresh 0.02 -out "$T/fit" "${@:2}" 2>/dev/null | grep -v Predicted | md5sum
    "$MP" detector valid "$B" "$1" "$V" "${@:2}" >/dev/null 2>&1; cat "$T"/set/results/*.txt | md5sum
}
for value in 0 1; do sed "s/^width=/letter_box=$value\nwidth=/" "$T/flat.cfg" >"$T/flat$value.cfg"; done
fits "$T/flat.cfg" >"$T/as-is"; fits "$T/flat.cfg" -like alexeyab >"$T/as-fork"
fits "$T/flat0.cfg" >"$T/off"; fits "$T/flat1.cfg" >"$T/on"; fits "$T/flat1.cfg" -like alexeyab >"$T/on-fork"
check "letter_box=1 is the host's way, also -like alexeyab" sh -c "cmp '$T/on' '$T/as-is' && cmp '$T/on-fork' '$T/as-is'"
check "letter_box=0 is the fork's" cmp "$T/off" "$T/as-fork"
check "and the two differ in each command" test "$(diff --suppress-common-lines -y "$T/on" "$T/off" | wc -l)" = 3
cp "$V" "$T/fork.weights" && printf '\005' | dd of="$T/fork.weights" bs=1 seek=8 conv=notrunc 2>/dev/null
V=$T/fork.weights fits "$T/flat.cfg" >"$T/by-header"
check "weights of the fork are tested its way in all three" test "$(head -1 "$T/by-header")" = "pictures stretched"
V=$T/fork.weights fits "$T/flat.cfg" -like alexeyab | cmp - "$T/by-header"
check "which -like alexeyab does not change" test $? = 0
trained() { "$MP" detector train "$B" "$1" -seed 1 -backup "$T/fit-$2" "${@:3}" >/dev/null 2>&1; tail -c +21 "$T/fit-$2/t_final.weights" | md5sum; }
for value in '' 0 1; do sed 's/^max_batches=.*/max_batches=3/' "$T/flat$value.cfg" >"$T/t.cfg"; trained "$T/t.cfg" "x$value" >"$T/trained$value"; done
sed 's/^max_batches=.*/max_batches=3/' "$T/flat.cfg" >"$T/t.cfg"; trained "$T/t.cfg" like -like alexeyab >"$T/trained-like"
check "training follows: letter_box=1 as without, letter_box=0 otherwise, as -like alexeyab" sh -c \
    "cmp '$T/trained' '$T/trained1' && ! cmp -s '$T/trained' '$T/trained0' && cmp '$T/trained0' '$T/trained-like'"

# A file that a command reads is not written over, under no name: each command, by ./, a link, a hard link.
mkdir "$T/own" && cp "$C" "$T/own/a.cfg" && cp "$W" "$T/own/a.weights" && ln -s a.cfg "$T/own/link.cfg" && ln "$T/own/a.weights" "$T/own/hard.weights"
cp cfg_meta/phi/tiny_imagenet_resnet20.phi "$T/own/a.phi"; cp "$image" "$T/own/a.png"; cp "$D" "$T/own/a.data"; cp tests/lib/tiny.cfg "$T/own/p.cfg"
own() { "$MP" "${@}"; }
O=$T/own
sum=$(cat "$O"/* | md5sum)
refused "fold over its cfg and weights" "which this command reads" own weights fold "$O/p.cfg" "$O/a.weights" "$O/p.cfg" "$O/a.weights" -calibrate "$D"
refused "fold over its weights by a hard link" "which this command reads" own weights fold "$O/p.cfg" "$O/a.weights" "$O/x.cfg" "$O/hard.weights" -calibrate "$D"
refused "fold into one file" "which this command writes too" own weights fold "$O/p.cfg" "$O/a.weights" "$O/x" "$O/x" -calibrate "$D"
refused "partial over its weights" "which this command reads" own weights partial "$O/a.cfg" "$O/a.weights" "$O/./a.weights" 2
refused "partial over its cfg by a link" "which this command reads" own weights partial "$O/link.cfg" "$O/a.weights" "$O/a.cfg" 2
refused "attach" "which this command reads" own cfg attach "$O/a.cfg" "$O/link.cfg"
refused "detach" "which this command reads" own cfg detach "$O/p.cfg" "$T/own/../own/p.cfg"
refused "phi import" "which this command reads" own phi import "$O/a.phi" "$O/a.phi"
refused "phi plot" "which this command reads" own phi plot "$O/a.phi" -out "$O/a.phi"
refused "-json over the weights" "which this command reads" own classifier valid "$D" "$C" "$O/a.weights" -json "$O/hard.weights"
refused "-json over -phi" "which this command reads" own classifier train "$D" tests/lib/tiny.cfg -phi "$O/a.phi" -json "$O/a.phi" -backup "$T/none"
refused "-out over the image" "which this command reads" own detector test "$B" "$Y" "$V" "$O/a.png" -out "$O/a.png"
refused "-json over the data" "which this command reads" own bench data "$O/a.data" "$C" -json "$O/a.data"
check "and all are as they were" test "$(cat "$O"/* | md5sum)" = "$sum"

# Weights with a NaN, and weights so large that outputs overflow: refused by every command that computes with them.
spoil() { python3 -c "
import struct, sys
data = bytearray(open(sys.argv[1], 'rb').read())
for k in range(int(sys.argv[4])): data[int(sys.argv[5]) + 4 * k:int(sys.argv[5]) + 4 * k + 4] = struct.pack('<f', float(sys.argv[3]))
open(sys.argv[2], 'wb').write(data)" "$@"; }
"$MP" classifier train "$D" tests/lib/tiny.cfg -seed 1 -backup "$T/w" >/dev/null 2>&1
"$MP" detector train "$B" tests/lib/tiny-yolo.cfg -seed 1 -backup "$T/w" >/dev/null 2>&1
P=$T/w/tiny.weights
last=$("$MP" weights info "$P" tests/lib/tiny.cfg | sed -n 's/.* connected .*floats at \([0-9]*\).*/\1/p' | tail -1)
spoil "$P" "$T/nan.weights" nan 1 140
spoil "$P" "$T/large.weights" 3e38 15 "$last"
spoil "$T/w/tiny-yolo_final.weights" "$T/y-nan.weights" nan 1 140
spoil "$T/w/tiny-yolo_final.weights" "$T/y-large.weights" 3e38 100 140
for kind in nan large; do
    if [ $kind = nan ]; then words="a weight, byte 140, is no number"; else words="no number"; fi
    Z="$T/$kind.weights" ZY="$T/y-$kind.weights"
    refused "$kind: classifier valid" "$words" "$MP" classifier valid "$D" tests/lib/tiny.cfg "$Z" -json "$T/no.json"
    refused "$kind: classifier predict" "$words" "$MP" classifier predict "$D" tests/lib/tiny.cfg "$Z" "$image" -json "$T/no.json"
    refused "$kind: classifier attack" "$words" "$MP" classifier attack "$D" tests/lib/tiny.cfg "$Z" -images 2 -steps 1 -json "$T/no.json"
    refused "$kind: detector valid" "$words" "$MP" detector valid "$B" tests/lib/tiny-yolo.cfg "$ZY" -json "$T/no.json"
    refused "$kind: detector map" "$words" "$MP" detector map "$B" tests/lib/tiny-yolo.cfg "$ZY" -json "$T/no.json"
    refused "$kind: detector test" "$words" "$MP" detector test "$B" tests/lib/tiny-yolo.cfg "$ZY" "$T/set/images/test0.png" -out "$T/no" -json "$T/no.json"
    refused "$kind: weights fold" "no number" "$MP" weights fold tests/lib/tiny.cfg "$Z" "$T/no.cfg" "$T/no.weights" -calibrate "$D" -json "$T/no.json"
done
refused "nan: classifier train" "$words" "$MP" classifier train "$D" tests/lib/tiny.cfg "$T/nan.weights" -clear -backup "$T/none"
refused "nan: detector train" "$words" "$MP" detector train "$B" tests/lib/tiny-yolo.cfg "$T/y-nan.weights" -clear -backup "$T/none"
refused "nan: weights partial" "$words" "$MP" weights partial tests/lib/tiny.cfg "$T/nan.weights" "$T/no.weights" 2
check "weights info shows them" sh -c "'$MP' weights info '$T/nan.weights' tests/lib/tiny.cfg | grep -q '1 ARE NO NUMBERS'"
check "no refusal wrote anything" test -z "$(ls -d "$T"/no.* "$T"/none/* 2>/dev/null)"
finish
