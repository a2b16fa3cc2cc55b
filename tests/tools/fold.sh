#!/usr/bin/env bash
# fold.sh - what `weights fold` and `weights partial` write means the same to Darknet's program, to OpenCV, to a program linked with
# libdarknet.so, and to us; and what they refuse.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
echo "top=3" >>"$T/tiny.data"
DARKNET=${DARKNET:-/usr/lib/darknet}
SO=$PWD/build/libmetaperturb.so
D=$T/tiny.data
image=$T/test/disk/0.png
need "the client builds" gcc -O1 -Wall -isystem "$DARKNET/include" -o "$T/client" tests/lib/client.c -L"$DARKNET" -Wl,-rpath,"$DARKNET" -ldarknet -lm
close() { python3 tests/lib/close.py "$1" "$2" "$3"; }

# ours CFG WEIGHTS: our probabilities, in the order of the classes
ours() {
    "$MP" classifier predict "$D" "$1" "$2" "$image" -json "$T/p.json" >/dev/null 2>&1
    python3 - "$T/p.json" <<'E'
import json, sys
for o in sorted(json.load(open(sys.argv[1]))["top"], key=lambda o: o["class"]):
    print(f"{o['probability']:.6f}")
E
}

# by_opencv WHAT WANT CFG WEIGHTS TOLERANCE; Debian's own python3 has Debian's OpenCV.
python=/usr/bin/python3
by_opencv() {
    local rc=0
    "$python" tests/tools/opencv.py "$3" "$4" "$image" >"$T/cv.out" 2>"$T/err" || rc=$?
    if [ $rc = 77 ]; then skip "$1: no OpenCV for Python (python3-opencv)"
    elif [ $rc != 0 ]; then bad "$1: OpenCV: $(tail -1 "$T/err")"
    else check "$1: OpenCV gives our outputs" close "$2" "$T/cv.out" "$5"
    fi
}

clients() {
    local what=$1 cfg=$2 weights=$3
    ours "$cfg" "$weights" >"$T/ours"
    "$T/client" "$cfg" "$weights" "$image" >"$T/c.out" 2>/dev/null
    check "$what: libdarknet.so gives our outputs" close "$T/ours" "$T/c.out" 1e-4
    darknet classifier predict "$D" "$cfg" "$weights" "$image" 2>/dev/null | grep '%: ' >"$T/d.txt"
    for name in disk stripes checker; do sed -n "s/ *\([0-9.]*\)%: $name\$/\1/p" "$T/d.txt"; done |
        awk '{ printf "%.6f\n", $1 / 100 }' >"$T/d.out"
    check "$what: the program darknet gives our outputs" close "$T/ours" "$T/d.out" 1e-4
    by_opencv "$what" "$T/ours" "$cfg" "$weights" 1e-4
}

json() { python3 -c "import json,sys; d=json.load(open('$T/f.json')); sys.exit(not ($1))"; }

# fold WHAT CFG INTO APART: trained, folded, looked at, and given to the clients
fold() {
    local what=$1 cfg=$2 base
    base=$(basename "$cfg" .cfg)
    check "$what: trains" "$MP" classifier train "$D" "$cfg" -seed 1 -backup "$T/w" >"$T/log" 2>&1
    check "$what: folds" "$MP" weights fold "$cfg" "$T/w/$base.weights" "$T/$base-f.cfg" "$T/$base-f.weights" -calibrate "$D" \
        -json "$T/f.json" >"$T/log" 2>/dev/null
    check "$what: $3 into a layer, $4 apart" grep -q "$3 into the layer before, $4 as a 1x1" "$T/log"
    check "$what: nothing of ours is left" test -z "$(grep -E '^(\[perturb|\[meta|\[cost|crop_pad|flip)' "$T/$base-f.cfg")"
    check "$what: a stock file" grep -q "no trailer" <("$MP" weights info "$T/$base-f.weights" "$T/$base-f.cfg")
    check "$what: near deterministic inference" json "d['difference'] < 0.06"
    check "$what: three figures of 12 images" json "all(d[k]['images'] == 12 and d[k]['nll'] > 0 for k in ('samples', 'deterministic', 'folded'))"
    check "$what: no worse than deterministic" json "abs(d['folded']['nll'] - d['deterministic']['nll']) < 0.05"
    clients "$what" "$T/$base-f.cfg" "$T/$base-f.weights"
}

sed 's/^anneal=.*/anneal=0.4\nsigma=0.2/' tests/lib/tiny.cfg >"$T/tiny.cfg"
fold "an add, and a convolution" "$T/tiny.cfg" 1 1
# leaky; the first convolution is read by a route too; the last has neither batch norm nor another reader; a cost at the end
sed -e 's/=relu/=leaky/; s/^layers=-1/layers=-1,-2/; s/^size=2/size=1/; s/^stride=2/stride=1/' -e '/^\[avgpool/,$d' "$T/tiny.cfg" >"$T/leaky.cfg"
cat >>"$T/leaky.cfg" <<'C'
[convolutional]
filters=6
size=1
activation=linear

[perturb]
activation=leaky

[route]
layers=-1,0

[avgpool]

[connected]
output=3
activation=linear

[softmax]

[cost]
C
fold "leaky, no batch norm, read twice" "$T/leaky.cfg" 1 2
# A phi of zeros multiplies by a constant: without batch norm to collect anew, nothing may be lost.
sed -e '/^batch_normalize/d' -e 's/^anneal=.*/anneal=0.4\nsigma=0/' tests/lib/tiny.cfg >"$T/exact.cfg"
fold "a constant multiplier" "$T/exact.cfg" 1 1
check "a constant multiplier: folded exactly" json "0 <= d['difference'] < 1e-5"
check "attached and folded cfgs pass the check" "$MP" cfg check "$T/leaky-f.cfg" >/dev/null

# same files again, byte for byte
"$MP" weights fold "$T/tiny.cfg" "$T/w/tiny.weights" "$T/again.cfg" "$T/again.weights" -calibrate "$D" >/dev/null 2>&1
check "the same cfg again" cmp "$T/tiny-f.cfg" "$T/again.cfg"
check "the same weights again" cmp "$T/tiny-f.weights" "$T/again.weights"

# partial: Darknet's own bytes, and a net of those layers alone gives the same everywhere
"$MP" weights partial tests/lib/tiny.cfg "$T/w/tiny.weights" "$T/p.weights" 5 >/dev/null 2>&1
check "it counts layers as the cfg does" grep -q "holds layers 0 to 3 only" <("$MP" weights info "$T/p.weights" tests/lib/tiny.cfg)
P=$T/tiny-f.cfg
"$MP" weights partial "$P" "$T/tiny-f.weights" "$T/p.weights" 3 >/dev/null 2>&1
if command -v darknet >/dev/null; then
    darknet partial "$P" "$T/tiny-f.weights" "$T/d.weights" 3 >/dev/null 2>&1
    check "partial: Darknet's bytes" cmp "$T/p.weights" "$T/d.weights"
fi
awk '/^\[/ { n++ } n <= 4' "$P" >"$T/first.cfg"
LD_PRELOAD=$SO "$T/client" "$T/first.cfg" "$T/p.weights" "$image" >"$T/ours" 2>/dev/null
"$T/client" "$T/first.cfg" "$T/p.weights" "$image" >"$T/c.out" 2>/dev/null
check "partial: outputs of a picture" test "$(wc -l <"$T/ours")" = 2048
check "partial: libdarknet.so gives our outputs" close "$T/ours" "$T/c.out" 1e-4
by_opencv "partial" "$T/ours" "$T/first.cfg" "$T/p.weights" 1e-4

# What one g and b a channel cannot follow, training makes good; without it the files hold the closed form.
"$MP" weights fold "$T/tiny.cfg" "$T/w/tiny.weights" "$T/bare.cfg" "$T/bare.weights" -calibrate "$D" -distill 0 -json "$T/bare.json" >"$T/bare.txt" 2>/dev/null
"$MP" weights fold "$T/tiny.cfg" "$T/w/tiny.weights" "$T/again.cfg" "$T/again.weights" -calibrate "$D" -json "$T/f.json" >"$T/log" 2>/dev/null
check "distill 0: not trained" test "$(grep -c steps "$T/bare.txt")" = 0
check "distill: said and counted" json "d['distill'] == 500 and d['kl'][1] < 0.5 * d['kl'][0]"
check "distill: nearer to deterministic inference" python3 -c "
import json, sys
f, bare = (json.load(open('$T/' + n + '.json')) for n in ('f', 'bare'))
sys.exit(not (bare['distill'] == 0 and f['difference'] < 0.7 * bare['difference']))"
seen() { "$MP" weights info "$1" | grep -o '[1-9][0-9]* images seen'; }
check "distill: images seen stay those of training" test "$(seen "$T/again.weights")" = "$(seen "$T/w/tiny.weights")"

foldit() { "$MP" weights fold "$@" -calibrate "$D"; }
W=$T/w/tiny.weights
# Baselines beside or in place of phi, without batch norm: no key of ours reaches the stock cfg, and Gaussian dropout is the identity.
keys='mixup=1\nlabel_smooth_eps=.1\ncutout=6\nema_alpha=.9'
sed -e "s/^crop_pad=4/&\\n$keys/" -e 's/^\[perturb\]/&\nnoise=gaussian\nsd=.5/' -e 's/^\[avgpool\]/[dropout]\ndropblock=1\n\n&/' "$T/exact.cfg" >"$T/base.cfg"
check "baselines: folds" foldit "$T/base.cfg" "$T/w/exact.weights" "$T/base-f.cfg" "$T/base-f.weights" -json "$T/base.json" >/dev/null 2>&1
if grep -qE "mixup|smooth|cutout|ema|dropblock|noise|sd=|crop_pad" "$T/base-f.cfg"; then bad "baselines: keys of ours in a stock cfg"; else ok; fi
check "distill: nothing to learn, nothing done" python3 -c "import json; exit(json.load(open('$T/base.json'))['distill'] != 0)"
check "baselines: noise of mean 1 folds exactly" python3 -c "import json; exit(not 0 <= json.load(open('$T/base.json'))['difference'] < 1e-5)"
check "baselines: detached" "$MP" cfg detach "$T/base.cfg" "$T/base-d.cfg" >/dev/null
check "baselines: and checked" "$MP" cfg check "$T/base-d.cfg" >/dev/null
if grep -qE "noise|sd=" "$T/base-d.cfg"; then bad "baselines: detaching leaves keys of [perturb]"; else ok; fi

# cool= takes the noise out before the end: the plain cfg reads these weights as they are, with Darknet's own code too.
sed 's/^anneal=.*/anneal=0.4\nsigma=0.2\ncool=0.6,0.9/' tests/lib/tiny.cfg >"$T/cool.cfg"
check "cool: trains" "$MP" classifier train "$D" "$T/cool.cfg" -seed 1 -backup "$T/w" >"$T/log" 2>&1
refused "cool: nothing to fold" "cfg detach" foldit "$T/cool.cfg" "$T/w/cool.weights" "$T/x.cfg" "$T/x.weights"
check "cool: detached" "$MP" cfg detach "$T/cool.cfg" "$T/cool-d.cfg" >/dev/null
ours "$T/cool.cfg" "$T/w/cool.weights" >"$T/cool.out"
"$T/client" "$T/cool-d.cfg" "$T/w/cool.weights" "$image" >"$T/c.out" 2>/dev/null
check "cool: libdarknet.so gives our outputs" close "$T/cool.out" "$T/c.out" 1e-4
by_opencv "cool" "$T/cool.out" "$T/cool-d.cfg" "$T/w/cool.weights" 1e-4

# What Darknet alone does not know: the files are run by this program, which says so.
mkdir -p "$T/fork"
sed 's/activation=leaky/activation=mish/; s/activation=relu/activation=mish/; s/^max_batches=.*/max_batches=12/' tests/lib/tiny.cfg >"$T/fork/m.cfg"
check "mish: trained" "$MP" classifier train "$D" "$T/fork/m.cfg" -seed 1 -backup "$T/fork" >/dev/null 2>&1
check "mish: folded" "$MP" weights fold "$T/fork/m.cfg" "$T/fork/m.weights" "$T/fork/f.cfg" "$T/fork/f.weights" -calibrate "$D" -json "$T/fork/f.json" >"$T/fork/said" 2>&1
check "mish: says who runs it" grep -q "folded, run by metaperturb" "$T/fork/said"
check "mish: the same outputs" python3 -c "import json; exit(not 0 <= json.load(open('$T/fork/f.json'))['difference'] < 0.05)"
python3 tests/lib/make_boxes.py "$T/fork/boxes"
sed 's/^max_batches=.*/max_batches=4/; s/^burn_in=.*/burn_in=1/; s/^steps=.*/steps=3/; s/^ignore_thresh/iou_loss=ciou\nscale_x_y=1.05\n&/' tests/lib/tiny-yolo.cfg >"$T/fork/y.cfg"
check "ciou: trained" "$MP" detector train "$T/fork/boxes/boxes.data" "$T/fork/y.cfg" -seed 1 -backup "$T/fork" >/dev/null 2>&1
check "ciou: folded" "$MP" weights fold "$T/fork/y.cfg" "$T/fork/y_final.weights" "$T/fork/yf.cfg" "$T/fork/yf.weights" -calibrate "$T/fork/boxes/boxes.data" \
    -json "$T/fork/yf.json" >"$T/fork/said" 2>&1
check "ciou: keys of the fork stay" test "$(grep -cE '^(iou_loss=ciou|scale_x_y=1.05)' "$T/fork/yf.cfg")" = 4
check "ciou: says who runs it" grep -q "folded, run by metaperturb" "$T/fork/said"

# Strides of rows and columns, a dilation, a blur, shared weights: what a [perturb] leaves goes into a layer of its own
# where the factors would be another layer's too, or what is added would be blurred at the border.
cat >"$T/fork/geometry.cfg" <<'C'
[net]
batch=12
height=32
width=32
channels=3
max_batches=12
learning_rate=0.05
[meta_shared]
anneal=0.4
[convolutional]
filters=6
size=3
pad=1
stride_x=2
activation=linear
[perturb]
activation=leaky
[convolutional]
filters=6
size=3
pad=1
dilation=2
activation=linear
[perturb]
activation=leaky
[convolutional]
filters=6
size=3
pad=1
share_index=-2
activation=linear
[perturb]
activation=leaky
[convolutional]
filters=6
size=3
pad=1
stride=2
antialiasing=1
activation=linear
[perturb]
activation=leaky
[maxpool]
size=2
stride_y=2
antialiasing=2
[local_avgpool]
size=2
stride=2
[connected]
output=3
activation=linear
[softmax]
C
check "geometry: trained" "$MP" classifier train "$D" "$T/fork/geometry.cfg" -seed 1 -backup "$T/fork" >/dev/null 2>&1
check "geometry: folded" "$MP" weights fold "$T/fork/geometry.cfg" "$T/fork/geometry.weights" "$T/fork/gf.cfg" "$T/fork/gf.weights" -calibrate "$D" -distill 0 \
    -json "$T/fork/gf.json" >"$T/fork/said" 2>&1
check "geometry: one into its layer, three apart" grep -q "1 into the layer before, 3 as a 1x1" "$T/fork/said"
check "geometry: run by this program" grep -q "folded, run by metaperturb" "$T/fork/said"
check "geometry: near deterministic inference" python3 -c "import json; exit(not 0 <= json.load(open('$T/fork/gf.json'))['difference'] < 0.05)"
sed 's/^filters=6/&\nbatch_normalize=1/' "$T/fork/geometry.cfg" >"$T/fork/shared.cfg"
"$MP" classifier train "$D" "$T/fork/shared.cfg" -seed 1 -backup "$T/fork" >/dev/null 2>&1
refused "share_index with batch norm" "shares the batch norm of layer" foldit "$T/fork/shared.cfg" "$T/fork/shared.weights" "$T/x.cfg" "$T/x.weights"

# refusals
refused "no images" "-calibrate DATA is missing" "$MP" weights fold "$T/tiny.cfg" "$W" "$T/x.cfg" "$T/x.weights"
refused "nothing to fold" "no [perturb]" foldit "$P" "$T/tiny-f.weights" "$T/x.cfg" "$T/x.weights"
refused "weights of another cfg" "more than this cfg needs" "$MP" weights info "$W" "$T/leaky.cfg"
refused "no such folder" "cannot be written" foldit "$T/tiny.cfg" "$W" "$T/none/x.cfg" "$T/x.weights"
refused "other classes" "has classes=2" "$MP" weights fold "$T/tiny.cfg" "$W" "$T/x.cfg" "$T/x.weights" -calibrate \
    <(sed 's/^classes=3/classes=2/; s/^top=3/top=2/' "$D")
sed '/^\[route/,/^layers/d' "$T/tiny.cfg" | sed 's/^\[avgpool\]/[batchnorm]\n\n[avgpool]/' >"$T/bn.cfg"
"$MP" classifier train "$D" "$T/bn.cfg" -backup "$T/w" >/dev/null 2>&1
refused "[batchnorm]" "cannot run" foldit "$T/bn.cfg" "$T/w/bn.weights" "$T/x.cfg" "$T/x.weights"
check "no refusal wrote anything" test ! -e "$T/x.cfg" -a ! -e "$T/x.weights"
refused "no weights file" "no weights file" "$MP" weights info tests/lib/tiny.cfg
head -c 2000 "$W" >"$T/cut.weights"
refused "cut short" "ends inside layer 3" "$MP" weights info "$T/cut.weights" tests/lib/tiny.cfg
refused "more layers than there are" "first 2 layers only" "$MP" weights partial "$P" <("$MP" weights partial "$P" "$T/tiny-f.weights" "$T/two.weights" 2 >/dev/null 2>&1; cat "$T/two.weights") "$T/x.weights" 4
refused "no number" "not a number of layers" "$MP" weights partial "$P" "$T/tiny-f.weights" "$T/x.weights" three

# cfg
check "attach" "$MP" cfg attach tests/lib/tiny-plain.cfg "$T/a.cfg" -where 0,3 >/dev/null
check "an attached cfg takes the weights" "$MP" weights info "$W" "$T/a.cfg" >/dev/null
check "detach" "$MP" cfg detach "$T/a.cfg" "$T/b.cfg" >/dev/null
check "byte for byte" cmp tests/lib/tiny-plain.cfg "$T/b.cfg"
refused "every problem" "2 problems" "$MP" cfg check <(sed 's/stride=1/stride=x/' tests/lib/tiny.cfg)
finish
