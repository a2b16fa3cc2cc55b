#!/usr/bin/env bash
# The whole story in one command: learns phi on four small tasks, then trains a network on 50 images a class of Fashion-MNIST
# without and with it, the same seeds and steps, and tests on all 10,000 test images. Table, pictures and files: out/demo/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NET=${NET:-conv4}                   # cfg/NET.cfg and cfg/NET-plain.cfg
META_STEPS=${META_STEPS:-400}       # each: 4 tasks x (a step of the network, a step of phi)
META_BATCH=${META_BATCH:-64}
STEPS=${STEPS:-1500}                # of every target run
BATCH=${BATCH:-64}
SEEDS=${SEEDS:-1 2 3}
SAMPLES=${SAMPLES:-5}               # noise samples a test image, for the second figure of phi
POINTS=${POINTS:-6}                 # tests along the way, first seed only (for the curve)
METHODS=${METHODS:-plain phi}       # also: random (phi at its initial scale, never trained)

out=out/demo
mp=build/metaperturb
log=$out/demo.log

fail() { echo "demo: $*" >&2; exit 1; }

# run WHAT COMMAND...: output to the log; on a terminal its last line is shown as it goes.
run() {
    local what=$1
    shift
    echo "== $*" >>"$log"
    if [ -t 1 ]; then
        "$@" 2>&1 | tee -a "$log" | while IFS= read -r line; do printf '\r%-100.100s' "$what: $line"; done ||
            { printf '\n' && tail -n 5 "$log" >&2 && fail "$what failed; the whole output is in $log"; }
        printf '\r%-100s\r' ""
    else
        "$@" >>"$log" 2>&1 || { tail -n 5 "$log" >&2 && fail "$what failed; the whole output is in $log"; }
    fi
}

# derive FROM TO BATCH STEPS [PHI]: a cfg with another schedule: the rate falls at 40, 70 and 90 % of the steps.
derive() {
    local phi=${5:-}
    sed -E -e "s|^batch=.*|batch=$3|" -e "s|^max_batches=.*|max_batches=$4|" \
        -e "s|^steps=.*|steps=$(($4 * 4 / 10)),$(($4 * 7 / 10)),$(($4 * 9 / 10))|" \
        ${phi:+-e "s|^\[meta_shared\]|&\nphi=$phi|"} "$1" >"$2"
}

for v in META_STEPS META_BATCH STEPS BATCH SAMPLES POINTS; do
    [[ ${!v} =~ ^[1-9][0-9]*$ ]] || fail "$v='${!v}' is no positive number"
done
[ "$STEPS" -ge 10 ] || fail "STEPS=$STEPS is too short: 10 at least"
[ "$POINTS" -le "$STEPS" ] || fail "POINTS=$POINTS is more than STEPS=$STEPS"
[[ $SEEDS =~ ^[0-9]+(\ [0-9]+)*$ ]] || fail "SEEDS='$SEEDS' must be numbers with a space between"
for f in "cfg/$NET.cfg" "cfg/$NET-plain.cfg"; do
    [ -r "$f" ] || fail "$f is missing: NET must be one of conv4 conv6 vgg9 resnet20 resnet44"
done

scripts/setup.sh
make >/dev/null
scripts/get_demo_data.sh
rm -rf "$out"
mkdir -p "$out"
begin=$SECONDS

echo "meta-training of phi: cards, latin, greek, cyrillic; $META_STEPS steps"
# Letters and cards are not mirrored; Fashion-MNIST may be.
derive "cfg/$NET.cfg" "$out/meta.cfg" "$META_BATCH" "$META_STEPS"
sed -i 's/^flip=.*/flip=0/' "$out/meta.cfg"
sed -E -e "s|^cfg=.*|cfg=$out/meta.cfg|" -e "s|^phi=.*|phi=$out/demo.phi|" -e "s|^steps=.*|steps=$META_STEPS|" \
    cfg_meta/demo.meta >"$out/demo.meta"
run "meta-training" "$mp" meta train "$out/demo.meta" -json "$out/meta.json"

derive "cfg/$NET-plain.cfg" "$out/plain.cfg" "$BATCH" "$STEPS"
derive "cfg/$NET.cfg" "$out/phi.cfg" "$BATCH" "$STEPS" demo.phi
derive "cfg/$NET.cfg" "$out/random.cfg" "$BATCH" "$STEPS"
data=cache/tasks/fashion/fashion.data

first=1
for seed in $SEEDS; do
    for method in $METHODS; do
        [ -e "$out/$method.cfg" ] || fail "unknown method '$method' in METHODS: plain, phi or random"
        cfg=$out/$method.cfg dir=$out/$method-$seed
        mkdir -p "$dir"
        echo "target: $method, seed $seed; $STEPS steps"
        every=()
        [ $first = 0 ] || every=(-every $((STEPS / POINTS)))
        run "$method $seed" "$mp" classifier train "$data" "$cfg" -seed "$seed" -backup "$dir" -json "$dir/train.json" \
            ${every[@]+"${every[@]}"}
        run "test" "$mp" classifier valid "$data" "$cfg" "$dir/$method.weights" -samples 0 -json "$dir/valid.json"
        [ "$method" = plain ] || run "test" "$mp" classifier valid "$data" "$cfg" "$dir/$method.weights" \
            -samples "$SAMPLES" -json "$dir/samples.json"
    done
    first=0
done

echo
/usr/bin/python3 scripts/demo_table.py "$out"
scripts/plot_demo.sh "$out"
echo "pictures: $out/curves.png $out/reliability.png $out/meta.png; $((SECONDS - begin)) s in all"
