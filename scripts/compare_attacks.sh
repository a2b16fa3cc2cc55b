#!/usr/bin/env bash
# compare_attacks.sh - accuracy under attack (PGD, L-inf) of conv4 on 50 Fashion-MNIST images a class: plain, Gaussian dropout of sd 0.6, and the
# shipped phi; also through the plain network's gradients, and on some images with -check (8 times the work), lest hidden gradients look like strength.
# Writes OUT/attack-{plain,gaussian,phi}.json, .txt, -check.txt and attack.png. 1,500 steps of training each, once; kept in out/attack.
#
#   scripts/get_demo_data.sh && scripts/compare_attacks.sh [OUT]        OUT: out/attack; IMAGES, CHECKED, STEPS, SAMPLES, EPS, MP as below
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${1:-out/attack} MP=${MP:-build/metaperturb} IMAGES=${IMAGES:-256} CHECKED=${CHECKED:-64} STEPS=${STEPS:-20} SAMPLES=${SAMPLES:-5} EPS=${EPS:-1/255,2/255,4/255,8/255}
DATA=cache/tasks/fashion/fashion.data W=out/attack
[ -f "$DATA" ] || { echo "$DATA is missing: run scripts/get_demo_data.sh first" >&2; exit 1; }
mkdir -p "$W" "$OUT"
short='s/^batch=.*/batch=64/; s/^max_batches=.*/max_batches=1500/; s/^steps=.*/steps=600,1050,1350/'
sed -e "$short" cfg/conv4-plain.cfg >"$W/plain.cfg"
sed -e "$short" -e 's/^\[perturb\]/&\nnoise=gaussian\nsd=0.6/' cfg/conv4.cfg >"$W/gaussian.cfg"
sed -e "$short" -e "s|^\[meta_shared\]|&\nphi=$PWD/cfg_meta/phi/tiny_imagenet_resnet20.phi|" cfg/conv4.cfg >"$W/phi.cfg"
for m in plain gaussian phi; do
    [ -f "$W/$m/$m.weights" ] || "$MP" classifier train "$DATA" "$W/$m.cfg" -seed 1 -backup "$W/$m"
done
attack() {
    local m=$1
    shift
    "$MP" classifier attack "$DATA" "$W/$m.cfg" "$W/$m/$m.weights" -seed 1 -steps "$STEPS" "$@"
}
through=(-images "$IMAGES" -eps "$EPS" -transfer "$W/plain.cfg" -transfer_weights "$W/plain/plain.weights")
attack plain -images "$IMAGES" -eps "$EPS" -json "$OUT/attack-plain.json" | tee "$OUT/attack-plain.txt"
attack gaussian -samples "$SAMPLES" "${through[@]}" -json "$OUT/attack-gaussian.json" | tee "$OUT/attack-gaussian.txt"
attack phi -samples "$SAMPLES" "${through[@]}" -json "$OUT/attack-phi.json" -beside "$OUT/attack-plain.json,$OUT/attack-gaussian.json" \
    -plot "$OUT/attack.png" | tee "$OUT/attack-phi.txt"
for m in gaussian phi; do
    attack "$m" -samples "$SAMPLES" -images "$CHECKED" -eps "${EPS##*,}" -check | tee "$OUT/attack-$m-check.txt"
done
