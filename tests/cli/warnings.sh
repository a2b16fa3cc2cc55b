#!/usr/bin/env bash
# warnings.sh - what is no error but trains badly is said in one line on stderr, and training goes on.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
C=tests/lib/tiny.cfg
sed 's/^max_batches=.*/max_batches=3/; s/^policy=.*/policy=constant/; /^steps=\|^scales=/d' "$C" >"$T/short.cfg"
# warned WHAT WORDS COMMAND...: status 0, and one line of stderr has the words; without them (WORDS empty) no line says warning.
warned() {
    local what=$1 words=$2
    shift 2
    if ! "$@" >"$T/out" 2>"$T/err"; then bad "$what: $(tail -1 "$T/err")"
    elif [ -z "$words" ]; then check "$what: $(grep warning "$T/err")" test "$(grep -c warning "$T/err")" = 0
    else check "$what: $(grep warning "$T/err")" test "$(grep -cF -- "$words" "$T/err")" = 1
    fi
}
train() { "$MP" classifier train "$T/tiny.data" "$@" -backup "$T/w" -threads 1; }
warned "nothing to say" "" train "$T/short.cfg"

grep -v /stripes/ "$T/train.list" >"$T/two.list"
sed "s/train.list/two.list/" "$T/tiny.data" >"$T/two.data"
warned "a class without an image" "1 of 3 classes have no image: stripes" "$MP" classifier train "$T/two.data" "$T/short.cfg" -backup "$T/w"

(sed -n '1,/^\[net\]/p' "$T/short.cfg"; echo burn_in=3; sed '1,/^\[net\]/d' "$T/short.cfg") >"$T/burn.cfg"
warned "burn_in" "burn_in=3 is not below max_batches=3" train "$T/burn.cfg"
warned "burn_in, cfg check" "burn_in=3 is not below max_batches=3" "$MP" cfg check "$T/burn.cfg"
sed 's/^burn_in=3/burn_in=2/' "$T/burn.cfg" >"$T/fine.cfg"
warned "a burn_in that ends" "" train "$T/fine.cfg"

# Weights of another number of classes: all but the last layer is taken.
sed 's/^output=3/output=5/' "$T/short.cfg" >"$T/five.cfg"
(sed 's/^classes=3/classes=5/; s/tiny.names/five.names/' "$T/tiny.data") >"$T/five.data"
(cat "$T/tiny.names"; echo none; echo nothing) >"$T/five.names"
"$MP" classifier train "$T/five.data" "$T/five.cfg" -backup "$T/five" >/dev/null 2>&1
warned "another number of classes" "of another number of classes than" train "$T/short.cfg" "$T/five/five.weights"
check "the remedy is named" grep -q "weights partial" "$T/err"
refused "a test does not guess" "weights partial" "$MP" classifier valid "$T/tiny.data" "$T/short.cfg" "$T/five/five.weights"
sed 's/filters=8/filters=9/' "$T/short.cfg" >"$T/other.cfg"
refused "another network" "weights of another network" train "$T/other.cfg" "$T/five/five.weights"

# A detector.
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
sed 's/^max_batches=.*/max_batches=2/; s/^policy=.*/policy=constant/; /^steps=\|^scales=\|^burn_in=/d' tests/lib/tiny-yolo.cfg >"$T/yolo.cfg"
warned "every class has boxes" "" "$MP" detector train "$T/set/boxes.data" "$T/yolo.cfg" -backup "$T/w"
classes=$(sed -n 's/^classes *= *//p' "$T/set/boxes.data")
find "$T/set" -name '*.txt' -exec grep -lE '^[0-9]+ [0-9.]+ ' {} + | xargs sed -i "s/^$((classes - 1)) /0 /"
warned "a class without a box" "1 of $classes classes have no box" "$MP" detector train "$T/set/boxes.data" "$T/yolo.cfg" -backup "$T/w"

# Files that a cfg names and the host reads without looking: a sentence instead of a crash, in every command.
sed 's/^\[softmax\]/[softmax]\ntree=none.tree/' "$C" >"$T/tree.cfg"
"$MP" classifier train "$T/tiny.data" "$T/short.cfg" -backup "$T/w" >/dev/null 2>&1
refused "tree=, bench predict" "none.tree: cannot be read" "$MP" bench predict "$T/tree.cfg"
refused "tree=, weights info" "none.tree: cannot be read" "$MP" weights info "$T/w/short.weights" "$T/tree.cfg"
refused "tree=, training" "none.tree: cannot be read" train "$T/tree.cfg"
check "tree=, cfg check" grep -q "none.tree: cannot be read" <("$MP" cfg check "$T/tree.cfg" 2>/dev/null)
sed 's/^\[yolo\]/[yolo]\nmap=none.map/' tests/lib/tiny-yolo.cfg >"$T/map.cfg"
refused "map=" "none.map: cannot be read" "$MP" bench predict "$T/map.cfg"
finish
