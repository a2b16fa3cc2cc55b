#!/usr/bin/env bash
# cli.sh - bad input of every kind ends in one clear sentence, a non-zero status, and nothing written.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
D=$T/tiny.data
C=tests/lib/tiny.cfg
train() { "$MP" classifier train "$D" "$@" -backup "$T/none"; }
cfg_with() { sed "$1" "$C" >"$T/t.cfg"; }
refused_cfg() { cfg_with "$3"; refused "$1" "$2" train "$T/t.cfg"; }
data_with() { sed "$1" "$D" >"$T/t.data"; }
refused_data() { data_with "$3"; refused "$1" "$2" "$MP" classifier train "$T/t.data" "$C" -backup "$T/none"; }

# command line
refused "no command" "metaperturb GROUP COMMAND --help" "$MP"
refused "unknown option" "-sed" train "$C" -sed 1
refused "value missing" "-seed needs a value" "$MP" classifier train "$D" "$C" -seed
refused "no number" "not a whole number" train "$C" -threads two
refused "negative seed" "not a whole number" train "$C" -seed -1
refused "too many arguments" "one argument too many" train "$C" a b
refused "argument missing" "missing" "$MP" classifier valid "$D" "$C"
check "help" "$MP" classifier train --help >/dev/null
check "help names every option" test "$("$MP" classifier train --help | grep -c '^  -')" -ge 8

# cfg
refused "no cfg" "none.cfg" train "$T/none.cfg"
refused "a folder as cfg" "$T" train "$T"
: >"$T/empty.cfg"
refused "empty cfg" "empty.cfg" train "$T/empty.cfg"
refused_cfg "unknown section" "[pertrub]" 's/\[perturb\]/[pertrub]/'
refused_cfg "misspelt key names the right one" 'did you mean "activation"' '0,/activation=/s//activaton=/'
refused_cfg "misspelt activation" "rellu" 's/activation=relu/activation=rellu/'
refused_cfg "no number" "filters" '0,/filters=8/s//filters=eight/'
refused_cfg "out of range" "stride" '0,/stride=2/s//stride=0/'
refused_cfg "from outside" "from" 's/from=-3/from=-9/'
refused_cfg "layers outside" "layers" 's/layers=-1/layers=-20/'
refused_cfg "two meta_shared" "meta_shared" 's/^\[avgpool\]/[meta_shared]\n\n[avgpool]/'
refused_cfg "perturb without meta_shared" "meta_shared" '/^\[meta_shared\]/,/^anneal/d'
refused_cfg "perturb first" "[perturb]" 's/^anneal=0.4/anneal=0.4\n\n[perturb]/'
refused_cfg "phi missing" "none.phi" 's/^anneal=0.4/anneal=0.4\nphi=none.phi/'
refused_cfg "wrong class count" "classes=3" 's/^output=3/output=4/'
refused_cfg "line without =" "t.cfg:" 's/^anneal=0.4/anneal 0.4/'
cfg_with 's/^momentum=.*//; s/^learning_rate=0.003/learning_rate=0.003\noptimized_memory=1/'
check "a key of the AlexeyAB fork only warns" sh -c "'$MP' classifier train '$D' '$T/t.cfg' -backup '$T/w' >'$T/out' 2>'$T/err' && grep -q optimized_memory '$T/err'"
refused_cfg "training that only another Darknet does" "[net] track=1 changes training" 's/^max_batches=.*/&\ntrack=1/'
refused_cfg "pictures that only detectors have" "mosaic= is for detectors" 's/^max_batches=.*/&\nmosaic=1/'
refused_cfg "clipped gradients" "[net] clip=1 changes training" 's/^max_batches=.*/&\nclip=1/'
check "refused before anything is written" [ ! -e "$T/none" ]
cfg_with 's/^max_batches=.*/&\nmosaic=0/'
check "with the value that changes nothing it is trained" sh -c "'$MP' classifier train '$D' '$T/t.cfg' -backup '$T/w' >'$T/out' 2>'$T/err'"

# data
refused "no data file" "none.data" "$MP" classifier train "$T/none.data" "$C"
refused_data "no list" "none.list" 's/train.list/none.list/'
refused_data "no names" "none.names" 's/^names=.*/names=none.names/'
refused_data "classes no number" "classes" 's/classes=3/classes=three/'
refused_data "unknown key" "trian" 's/^train=/trian=/'
: >"$T/empty.list"
refused_data "empty list" "empty.list" 's/train.list/empty.list/'
head -2 "$T/tiny.names" >"$T/two.names"
refused_data "fewer names than classes" "two.names" 's/tiny.names/two.names/'
(cat "$T/train.list"; echo "$T/train/disk/none.png") >"$T/missing.list"
refused_data "image missing" "none.png" 's/train.list/missing.list/'
echo "no picture" >"$T/train/disk/broken.png"
(cat "$T/train.list"; echo "$T/train/disk/broken.png") >"$T/broken.list"
refused_data "image undecodable" "broken.png" 's/train.list/broken.list/'
check "the user may say: skip it" "$MP" classifier train "$T/t.data" "$C" -backup "$T/w" -skip_bad >/dev/null 2>&1
mkdir -p "$T/train/disk-stripes" && cp "$T/train/disk/0.png" "$T/train/disk-stripes/0.png"
(cat "$T/train.list"; echo "$T/train/disk-stripes/0.png") >"$T/both.list"
refused_data "two class names in a path" "disk-stripes" 's/train.list/both.list/'
(cat "$T/train.list"; echo "no such;touch $T/PWNED") >"$T/evil.list"
refused_data "a shell command as image" "PWNED" 's/train.list/evil.list/'
check "no shell was run" test ! -e "$T/PWNED"

# weights, phi, output
refused "no weights" "none.weights" train "$C" "$T/none.weights"
"$MP" classifier train "$D" "$C" -backup "$T/w" -json "$T/j.json" >/dev/null 2>&1
check "train writes JSON" python3 -c "import json,sys; d=json.load(open('$T/j.json')); sys.exit(not {'step','loss','seconds','log'} <= set(d))"
"$MP" classifier valid "$D" "$C" "$T/w/tiny.weights" -samples 3 -json "$T/v.json" >/dev/null 2>&1
check "valid writes JSON" python3 -c "import json,sys; d=json.load(open('$T/v.json')); sys.exit(not {'top1','top5','nll','ece','images','samples','seconds'} <= set(d) or d['images'] != 12)"
cfg_with 's/learning_rate=0.003/learning_rate=1e25/'
refused "NaN loss" "loss is" train "$T/t.cfg"
if mkdir "$T/full" && mount -t tmpfs -o size=4k tmpfs "$T/full" 2>/dev/null; then
    refused "no space" "space" "$MP" classifier train "$D" "$C" -backup "$T/full"
    check "nothing half written" test -z "$(ls "$T/full")"
    umount "$T/full"
else
    skip "no space left: cannot mount a small file system here"
fi
check "no refusal wrote anything" test ! -e "$T/none/tiny.weights"

# meta
cat >"$T/m.meta" <<M
[meta]
cfg=$PWD/$C
phi=$T/m.phi
steps=3
[task]
data=$D
[task]
data=$D
split=half1
M
check "meta-training runs" "$MP" meta train "$T/m.meta" -json "$T/m.json" >"$T/log" 2>&1
check "and writes a phi" grep -q "^e1_self" "$T/m.phi"
check "which a cfg can name" "$MP" classifier train "$D" "$C" -phi "$T/m.phi" -backup "$T/w" >/dev/null 2>&1
cp "$T/m.phi" "$T/first.phi"
"$MP" meta train "$T/m.meta" >/dev/null 2>&1
check "the same phi again, byte for byte" cmp "$T/first.phi" "$T/m.phi"
sed -i 's/[1-9]/7/' "$T/m.phi"
refused "phi damaged" "m.phi" train "$C" -phi "$T/m.phi"
sed 's/^steps/stesp/' "$T/m.meta" >"$T/bad.meta"
refused "misspelt META key" "stesp" "$MP" meta train "$T/bad.meta"
sed '/task/,$d' "$T/m.meta" >"$T/bad.meta"
refused "META without tasks" "[task]" "$MP" meta train "$T/bad.meta"
refused "no META" "none.meta" "$MP" meta train "$T/none.meta"
# bench: every command writes its JSON; shares add up
for what in "step $C" "step tests/lib/tiny-plain.cfg -host" "step $C -data $D" "meta $C" "predict $C" "data $D $C"; do
    rm -f "$T/b.json"
    # shellcheck disable=SC2086
    "$MP" bench $what -batch 4 -steps 3 -json "$T/b.json" >/dev/null 2>&1
    check "bench $what" python3 -c "import json,sys; d=json.load(open('$T/b.json')); s=d['seconds']; sys.exit(not (0 < s['min'] <= s['median'] and d['steps'] == 3 and d['batch'] == 4 and d['peak_mb'] > 1 and (not 'share' in d or abs(sum(d['share'].values()) - 1) < 1e-6)))"
done
refused "bench -host of a perturbed cfg" "[perturb]" "$MP" bench step "$C" -host
refused "bench meta of a plain cfg" "[meta_shared]" "$MP" bench meta tests/lib/tiny-plain.cfg
finish
