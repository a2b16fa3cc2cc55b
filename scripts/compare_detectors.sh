#!/usr/bin/env bash
# A detector trained on a small set with and without [perturb], the same steps and seeds: compare_detectors.sh NAME DATA CFG PHI [WEIGHTS]
# CFG: a plain YOLO cfg for any number of classes; its heads are set to DATA's. PHI: a phi file. WEIGHTS: to start from, a backbone say
# (`metaperturb weights partial`). From the environment: STEPS (400), BATCH (16), RATE (0.0005), SEEDS ("1 2 3"), WHERE (residual), METHODS ("plain phi unit"; unit: the noise
# divided by its mean, without s: [perturb] noise=unit scale=0).
# Writes out/detectors/NAME: a JSON file for each run, table.md, curves.png. A run whose JSON is there is not made again.
set -euo pipefail
[ $# = 4 ] || [ $# = 5 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=$1 data=$2 cfg=$3 phi=$4 weights=${5:-}
steps=${STEPS:-400} batch=${BATCH:-16} rate=${RATE:-0.0005} seeds=${SEEDS:-1 2 3}
MP=${MP:-build/metaperturb} out=out/detectors/$name
mkdir -p "$out"
classes=$(sed -n 's/^classes *= *//p' "$data")

# The heads' classes, the filters of the convolution before each, and a schedule of so many steps.
awk -v classes="$classes" -v steps="$steps" -v batch="$batch" -v rate="$rate" '
    /^\[/ { section = $0 }
    { line[NR] = $0; key = $0; sub(/ *=.*/, "", key) }
    section == "[convolutional]" && key == "filters" { filters = NR }
    section == "[yolo]" && key == "classes" { line[NR] = "classes=" classes }
    section == "[yolo]" && key == "mask" { v = $0; n = gsub(/,/, ",", v) + 1; line[filters] = "filters=" n * (5 + classes) }
    # The loss of the AlexeyAB fork, which is refused in training: the heads train with the squared errors of Darknet.
    section == "[yolo]" && key ~ /^(iou_loss|iou_thresh|iou_thresh_kind|(iou|obj|cls|delta)_normalizer|max_delta)$/ { line[NR] = "" }
    section == "[net]" && key ~ /^(batch|subdivisions|learning_rate|momentum|burn_in|max_batches|policy|steps|scales)$/ { line[NR] = "" }
    END {
        for (i = 1; i <= NR; i++) {
            print line[i]
            if (line[i] == "[net]") {
                printf "batch=%d\nsubdivisions=1\nlearning_rate=%s\nmomentum=0.9\nburn_in=%d\n", batch, rate, steps / 4
                printf "max_batches=%d\npolicy=steps\nsteps=%d,%d\nscales=.1,.1\n", steps, steps * 0.6, steps * 0.85
            }
        }
    }' "$cfg" >"$out/plain.cfg"
"$MP" cfg attach "$out/plain.cfg" "$out/phi.cfg" -where "${WHERE:-residual}" -phi "$(realpath "$phi")"
sed 's/^\[perturb\]$/&\nnoise=unit\nscale=0/' "$out/phi.cfg" >"$out/unit.cfg"

for seed in $seeds; do
    for method in ${METHODS:-plain phi unit}; do
        run=$out/$method-$seed
        [ ! -s "$run.map.json" ] || continue
        echo "$name: $method, seed $seed, $steps steps"
        # shellcheck disable=SC2086
        "$MP" detector train "$data" "$out/$method.cfg" $weights ${weights:+-clear} -seed "$seed" -backup "$run" -json "$run.json" >"$run.log" 2>&1 ||
            { tail -n 2 "$run.log" >&2; exit 1; }
        [ "$method" = plain ] || "$MP" detector map "$data" "$out/$method.cfg" "$run/${method}_final.weights" -samples 5 -json "$run.map5.json" >/dev/null 2>&1
        "$MP" detector map "$data" "$out/$method.cfg" "$run/${method}_final.weights" -json "$run.map.json" >/dev/null 2>&1
    done
done
exec python3 scripts/detectors_table.py "$out" "$name"
