#!/usr/bin/env bash
# onnx.sh - what `weights export` writes is valid, and OpenCV and ONNX Runtime make of it what we make of the network; what it refuses.
# ONNX Runtime: npm's onnxruntime-node, where NODE_PATH leads to it.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
need "pictures with boxes" python3 tests/lib/make_boxes.py "$T/set"
DARKNET=${DARKNET:-/usr/lib/darknet}
D=$T/tiny.data B=$T/set/boxes.data python=/usr/bin/python3
need "the client builds" gcc -O1 -Wall -isystem "$DARKNET/include" -o "$T/outputs" tests/lib/outputs.c -L"$DARKNET" -Wl,-rpath,"$DARKNET" -ldarknet -lm
has_numpy=0
"$python" -c 'import numpy' 2>/dev/null && has_numpy=1
tool() { "$python" tests/tools/onnx_model.py "$@"; }

# client WHAT MODEL FOLDER NAMES...: each output of the model by OpenCV and ONNX Runtime against what we gave
client() {
    local what=$1 model=$2 folder=$3 rc reader
    shift 3
    for reader in ${READERS:-opencv node}; do
        rc=0
        rm -f "$folder"/*.got.bin
        tool $reader "$model" "$folder" >/dev/null 2>"$T/err" || rc=$?
        if [ $rc = 77 ]; then skip "$what: by $reader: it is not installed"; continue; fi
        if [ $rc != 0 ]; then bad "$what: by $reader: $(tail -1 "$T/err")"; continue; fi
        for value; do check "$what: $value by $reader" tool near "$folder/$value.got.bin" "$folder/$value.bin" 1e-4 2>/dev/null; done
    done
}
valid() {
    local rc=0
    tool check "$2" 2>"$T/err" || rc=$?
    if [ $rc = 77 ]; then skip "$1: ONNX's checker: python3-onnx is not installed, or too old"
    elif [ $rc = 0 ]; then ok
    else bad "$1: ONNX's checker: $(tail -1 "$T/err")"; fi
}
# network WHAT CFG WEIGHTS NAMES OPTIONS...: exported and run, its outputs being NAMES
network() {
    local what=$1 cfg=$2 weights=$3 names=$4 folder
    shift 4
    folder=$T/n/$(basename "$cfg" .cfg)
    mkdir -p "$folder"
    [ $has_numpy = 1 ] || { skip "$what: python3-numpy is missing"; return; }
    check "$what: runs" env LD_PRELOAD="$PWD/build/libmetaperturb.so" "$T/outputs" "$cfg" "$weights" "$folder" >/dev/null 2>&1
    case $names in
        probabilities) cp "$folder/output.bin" "$folder/probabilities.bin" ;;
        boxes*) check "$what: decoded" tool decoded "$cfg" "$folder" ;;
    esac
    check "$what: exported" "$MP" weights export "$cfg" "$weights" "$folder.onnx" "$@" >"$T/log"
    valid "$what" "$folder.onnx"
    client "$what" "$folder.onnx" "$folder" $names
}
classifier() { "$MP" classifier train "$D" "$1" -seed 1 -backup "$T/w" >"$T/log" 2>&1; }
detector() { "$MP" detector train "$B" "$1" -seed 1 -backup "$T/w" >"$T/log" 2>&1; }

# Every kind of layer that is exported, in one network: Darknet's and the fork's.
conv() { printf '[convolutional]\nbatch_normalize=1\nfilters=%s\nsize=3\npad=1\nactivation=%s\n' "$1" "$2"; }
net='[net]\nbatch=4\nwidth=32\nheight=32\nchannels=3\nlearning_rate=0.01\nmax_batches=3\nadam=1\n'
{ printf "$net"
  printf '[crop]\ncrop_width=28\ncrop_height=28\nflip=0\nangle=0\nsaturation=1\nexposure=1\n'
  conv 8 leaky                                                                      # 1
  printf '[maxpool]\nsize=2\nstride=1\n[maxpool]\nsize=3\nstride=2\n'               # 2, 3: 14 x 14
  conv 16 elu                                                                       # 4
  printf '[shortcut]\nfrom=-2\nalpha=0.7\nbeta=1.3\nactivation=relu\n'              # 5: 16 and 8 channels
  printf '[convolutional]\nfilters=6\ngroups=2\nsize=1\nstride=2\nactivation=tanh\n'          # 6: 7 x 7
  printf '[shortcut]\nfrom=5\nactivation=ramp\n[upsample]\nstride=2\nscale=0.5\n'    # 7: every second point of 5; 8
conv 8 selu                                                                       # 9
  printf '[reorg]\nstride=2\n[reorg]\nstride=2\nreverse=1\n'                        # 10: 32 x 7 x 7; 11: back
  printf '[route]\nlayers=-1,5\n[route]\nlayers=-1,-2\ngroups=2\ngroup_id=1\n'      # 12: 24; 13: 12 + 4
  conv 16 mish
  printf '[avgpool]\n[convolutional]\nfilters=16\nsize=1\nactivation=logistic\n[scale_channels]\nfrom=-3\nactivation=leaky\n'
  conv 16 swish
  printf '[sam]\nfrom=-2\n[batchnorm]\n[dropout]\nprobability=.3\n[activation]\nactivation=hard_mish\n'
  printf '[connected]\nbatch_normalize=1\noutput=9\nactivation=loggy\n[connected]\noutput=3\nactivation=linear\n'
  printf '[softmax]\ntemperature=2\n[cost]\n'
} >>"$T/zoo.cfg"
check "a network of many layers: trained" classifier "$T/zoo.cfg"
network "many layers" "$T/zoo.cfg" "$T/w/zoo.weights" probabilities -data "$D"
if [ $has_numpy = 1 ]; then
    check "what it says" grep -q "operators of version 11, .* layers, one output; input images 1 x 3 x 32 x 32" "$T/log"
    check "class names are in the model" grep -q '\["disk","stripes","checker"\]' "$T/n/zoo.onnx"
fi
# Newer operators, and any number of images: OpenCV 4.6 wants to know how many.
READERS=node network "operators of version 17, any batch" "$T/zoo.cfg" "$T/w/zoo.weights" probabilities -opset 17 -batch dynamic

# Every activation, in convolutions of one network without batch norm.
{ printf "$net"
  for a in linear relu leaky logistic tanh elu selu loggy relie ramp plse hardtan lhtan mish swish silu hard_mish relu6 gelu revleaky; do
      printf '[convolutional]\nfilters=4\nsize=1\nactivation=%s\n[route]\nlayers=-1,0\n' $a
  done
  printf '[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n'
} >"$T/acts.cfg"
check "all activations: trained" classifier "$T/acts.cfg"
sed '/^\[avgpool\]/,$d' "$T/acts.cfg" >"$T/acts-c.cfg"
"$MP" weights partial "$T/acts.cfg" "$T/w/acts.weights" "$T/w/acts-c.weights" 40 >/dev/null 2>&1
network "all activations" "$T/acts-c.cfg" "$T/w/acts-c.weights" output

# The fork's own geometry.
{ printf "$net"
  printf '[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\npad=1\nstride_x=2\nstride_y=1\nactivation=leaky\n'
  printf '[convolutional]\nfilters=8\nsize=3\npad=1\ndilation=2\nactivation=mish\n'
  printf '[convolutional]\nfilters=8\nsize=3\npad=1\nstride=2\nantialiasing=1\nactivation=leaky\n'
  printf '[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=relu\n[convolutional]\nshare_index=-1\nfilters=8\nsize=3\npad=1\nactivation=leaky\n'
  printf '[maxpool]\nsize=3\nstride_x=1\nstride_y=2\n[local_avgpool]\nsize=3\nstride=1\n[maxpool]\nsize=2\nstride=2\nantialiasing=2\n'
} >"$T/fork-c.cfg"
{ cat "$T/fork-c.cfg"; printf '[reorg3d]\nstride=1\n[connected]\noutput=3\nactivation=linear\n[softmax]\n'; } >"$T/geometry.cfg"
check "the fork's geometry: trained" classifier "$T/geometry.cfg"
network "the fork's geometry" "$T/geometry.cfg" "$T/w/geometry.weights" probabilities
"$MP" weights partial "$T/geometry.cfg" "$T/w/geometry.weights" "$T/w/fork-c.weights" 8 >/dev/null 2>&1
network "the fork's geometry, layer 7" "$T/fork-c.cfg" "$T/w/fork-c.weights" output

{ printf "$net"
  conv 8 leaky
  conv 12 leaky
  conv 6 leaky
  conv 8 linear                                                                     # 3
  printf '[shortcut]\nfrom=-2,-3,-4\nactivation=leaky\n'                            # 6, 12 and 8 channels
  printf '[shortcut]\nfrom=0,1\nweights_type=per_feature\nweights_normalization=softmax\nactivation=linear\n'
  printf '[shortcut]\nfrom=2,0\nweights_type=per_channel\nweights_normalization=relu\nactivation=mish\n'
  printf '[implicit_add]\nfilters=8\n[route]\nlayers=-2\n[shift_channels]\nfrom=-2\n'
  printf '[implicit_mul]\nfilters=8\n[route]\nlayers=-2\n[control_channels]\nfrom=-2\n'
} >"$T/sums-c.cfg"
{ cat "$T/sums-c.cfg"; printf '[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n'; } >"$T/sums.cfg"
check "weighted sums: trained" classifier "$T/sums.cfg"
network "weighted sums" "$T/sums.cfg" "$T/w/sums.weights" probabilities
"$MP" weights partial "$T/sums.cfg" "$T/w/sums.weights" "$T/w/sums-c.weights" 13 >/dev/null 2>&1
network "weighted sums, layer 12" "$T/sums-c.cfg" "$T/w/sums-c.weights" output

{ printf "$net"
  for a in normalize_channels normalize_channels_softmax normalize_channels_softmax_maxval; do
      printf '[convolutional]\nfilters=6\nsize=1\nactivation=%s\n[convolutional]\nfilters=4\nsize=1\nactivation=linear\n' $a
  done
  printf '[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n'
} >"$T/channels.cfg"
check "over channels: trained" classifier "$T/channels.cfg"
# OpenCV does not divide a map by one of fewer channels.
READERS=node network "over channels" "$T/channels.cfg" "$T/w/channels.weights" probabilities
READERS=node network "over channels, version 18" "$T/channels.cfg" "$T/w/channels.weights" probabilities -opset 18

# Detectors: plain heads, the fork's, a [region]; as Darknet's numbers and as boxes.
sed -z -e 's/\[meta_shared\]\nanneal=0.4//; s/activation=linear\n\n\[perturb\]\nactivation=leaky/activation=leaky/g' \
    -e 's/max_batches=[0-9]*/max_batches=4/; s/burn_in=20/burn_in=2/; s/steps=180/steps=3/; s/random=1/random=0/g' tests/lib/tiny-yolo.cfg >"$T/yolo.cfg"
sed 's/^ignore_thresh/scale_x_y=1.05\n&/' "$T/yolo.cfg" >"$T/fork.cfg"
heads=$(awk '/^\[/ && !/meta_shared/ { n++ } /^\[yolo/ { print "head_" n - 2 }' "$T/yolo.cfg")
check "yolo: trained" detector "$T/yolo.cfg"
check "the fork's: trained" detector "$T/fork.cfg"
network "yolo" "$T/yolo.cfg" "$T/w/yolo_final.weights" "$heads"
network "yolo, decoded" "$T/yolo.cfg" "$T/w/yolo_final.weights" "boxes scores" -decode -data "$B"
network "scale_x_y" "$T/fork.cfg" "$T/w/fork_final.weights" "$heads"
network "scale_x_y, decoded" "$T/fork.cfg" "$T/w/fork_final.weights" "boxes scores" -decode
sed -z 's/activation=linear\n\n\[yolo\]/activation=logistic\n\n[yolo]\nnew_coords=1/g' "$T/fork.cfg" >"$T/new.cfg"
check "new_coords: trained" detector "$T/new.cfg"
network "new_coords, decoded" "$T/new.cfg" "$T/w/new_final.weights" "boxes scores" -decode
{ printf '[net]\nbatch=4\nwidth=64\nheight=64\nchannels=3\nlearning_rate=0.001\nmax_batches=3\n'
  conv 8 leaky
  printf '[maxpool]\nsize=4\nstride=4\n[convolutional]\nfilters=14\nsize=1\nactivation=linear\n'
  printf '[region]\nanchors=1,1.5,3,2\nclasses=2\ncoords=4\nnum=2\nsoftmax=1\nbias_match=1\n'
} >"$T/region.cfg"
check "region: trained" detector "$T/region.cfg"
network "region" "$T/region.cfg" "$T/w/region_final.weights" head_3
network "region, decoded" "$T/region.cfg" "$T/w/region_final.weights" "boxes scores" -decode

# [perturb]: with its noise taken out before the end, as a plain network; else it is folded first.
sed 's/^max_batches=.*/max_batches=12/; s/^anneal=.*/anneal=0.4\nsigma=0.2\ncool=0.6,0.9/' tests/lib/tiny.cfg >"$T/cool.cfg"
check "cool=: trained" classifier "$T/cool.cfg"
network "cool=" "$T/cool.cfg" "$T/w/cool.weights" probabilities
sed 's/^max_batches=.*/max_batches=12/; s/^anneal=.*/anneal=0.4\nsigma=0.2/' tests/lib/tiny.cfg >"$T/noisy.cfg"
check "[perturb]: trained" classifier "$T/noisy.cfg"
refused "[perturb]" "weights fold" "$MP" weights export "$T/noisy.cfg" "$T/w/noisy.weights" "$T/x.onnx"
check "[perturb]: folded" "$MP" weights fold "$T/noisy.cfg" "$T/w/noisy.weights" "$T/folded.cfg" "$T/w/folded.weights" -calibrate "$D" -distill 0 >/dev/null 2>&1
network "[perturb], folded" "$T/folded.cfg" "$T/w/folded.weights" probabilities

# Refusals, and nothing written.
export_() { "$MP" weights export "$@" "$T/x.onnx"; }
refused "-decode without heads" "no [yolo] and no [region]" "$MP" weights export "$T/zoo.cfg" "$T/w/zoo.weights" "$T/x.onnx" -decode
refused "other classes" "has classes=2" "$MP" weights export "$T/zoo.cfg" "$T/w/zoo.weights" "$T/x.onnx" -data "$B"
refused "a batch of nothing" "not a whole number" "$MP" weights export "$T/zoo.cfg" "$T/w/zoo.weights" "$T/x.onnx" -batch 0
refused "operators of version 3" "from 11 to 21" "$MP" weights export "$T/zoo.cfg" "$T/w/zoo.weights" "$T/x.onnx" -opset 3
refused "weights of another cfg" "more than this cfg needs" export_ "$T/region.cfg" "$T/w/yolo_final.weights"
sed 's/^\[dropout\]/[normalization]\nsize=3\nalpha=.1\nbeta=.5\nkappa=1\n\n&/' "$T/zoo.cfg" >"$T/lrn.cfg"
refused "[normalization]" "does not know" export_ "$T/lrn.cfg" "$T/w/zoo.weights"
python3 - "$T/w/zoo.weights" "$T/nan.weights" <<'E'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[20 + 4 * 4 * 8:24 + 4 * 4 * 8] = b"\0\0\xc0\x7f"
open(sys.argv[2], "wb").write(data)
E
refused "weights that are no numbers" "is no number" export_ "$T/zoo.cfg" "$T/nan.weights"
refused "its own input" "reads" "$MP" weights export "$T/zoo.cfg" "$T/w/zoo.weights" "$T/w/zoo.weights"
check "no refusal wrote anything" test ! -e "$T/x.onnx"
finish
