#!/usr/bin/env bash
# Draws the demo's pictures from the data files that demo_table.py left: plot_demo.sh FOLDER (default out/demo)
set -euo pipefail

folder=${1:-$(dirname "${BASH_SOURCE[0]}")/../out/demo}
[ -d "$folder/plot" ] || { echo "plot_demo: no $folder/plot; run scripts/demo.sh, or demo_table.py on the folder" >&2; exit 1; }
cd "$folder"

# gnuplot knows its data by these names; methods that were not run are left out.
declare -A title=([plain]=plain [phi]="learned phi" [random]="random phi")
declare -A color=([plain]="#666666" [phi]="#c03010" [random]="#2060b0")

# series FILE-PATTERN SECONDS STYLE: one `plot` entry for each method that has data ("%s" is the method).
series() {
    local m file entries=()
    for m in plain phi random; do
        # shellcheck disable=SC2059
        file=$(printf "$1" "$m")
        grep -qsv '^#' "plot/$file" || continue
        entries+=("'plot/$file' using 1:2 $3 lc rgb '${color[$m]}' title '${title[$m]}$2'")
    done
    local IFS=,
    echo "${entries[*]-}"
}

head="set grid lt 1 lc rgb '#dddddd'; set key outside top center horizontal samplen 2; set border 3; set tics nomirror"
png() { echo "set terminal pngcairo size $2 font 'DejaVu Sans,11'; set output '$1.tmp'; $head"; }
draw() {
    gnuplot - || { echo "plot_demo: gnuplot could not draw $1" >&2; exit 1; }
    mv "$1.tmp" "$1"
}

loss=$(series 'loss-%s.dat' '' 'with lines lw 2')
accuracy=$(series 'accuracy-%s.dat' '' 'with linespoints lw 2 pt 7')
[[ -n $loss && -n $accuracy ]] || { echo "plot_demo: the runs hold no loss or no accuracy along the way" >&2; exit 1; }
draw curves.png <<GNUPLOT
$(png curves.png 1100,450)
set multiplot layout 1,2
set xlabel 'step'; set ylabel 'training loss'; set yrange [0:*]
plot $loss
set ylabel 'test top-1, %'; set yrange [*:*]
plot $accuracy
unset multiplot
GNUPLOT

once=$(series 'bins-%s-valid.dat' ', one pass' 'with linespoints lw 2 pt 7')
several=$(series 'bins-%s-samples.dat' ', noise samples' 'with linespoints lw 2 dt 2 pt 6')
draw reliability.png <<GNUPLOT
$(png reliability.png 650,680)
set xrange [0:1]; set yrange [0:1]; set size square
set xlabel 'confidence'; set ylabel 'accuracy'
plot x with lines dt 3 lc rgb 'black' title 'calibrated', $once${several:+, $several}
GNUPLOT

[ -e plot/meta.dat ] || exit 0
draw meta.png <<GNUPLOT
$(png meta.png 700,450)
set xlabel 'step of meta-training'; set ylabel 'loss, mean over the tasks'; set yrange [0:*]
plot 'plot/meta.dat' using 1:2 with lines lw 2 lc rgb '#666666' title 'training batches (theta)', \
     'plot/meta.dat' using 1:3 with lines lw 2 lc rgb '#c03010' title 'validation batches (phi)'
GNUPLOT
