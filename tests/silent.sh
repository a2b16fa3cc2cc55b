#!/usr/bin/env bash
# silent.sh - what once gave a wrong result without a word: each case gives the right one, or one sentence and a status.
. "$(dirname "$0")/lib.sh"
tiny_data
mkdir "$T/set" && python3 tests/make_boxes.py "$T/set" || exit 1
D=$T/tiny.data
C=tests/tiny-plain.cfg
B=$T/set/boxes.data
Y=$T/yolo.cfg
plain_yolo() { sed -z 's/\[meta_shared\]\nanneal=0.4//; s/activation=linear\n\n\[perturb\]\nactivation=leaky/activation=leaky\n\n[upsample]\nstride=1/' tests/tiny-yolo.cfg; }
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
finish
