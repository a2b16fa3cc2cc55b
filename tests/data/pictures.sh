#!/usr/bin/env bash
# pictures.sh - `detector test` and `classifier predict` on many pictures: several names, a folder,
# a list, standard input; each picture is told as it is alone, bad ones are refused or left out and counted.
. "$(dirname "$0")/../lib/lib.sh"
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
tiny_data
D=$T/set/boxes.data
sed 's/max_batches=240/max_batches=60/' tests/lib/tiny-yolo.cfg >"$T/y.cfg"
"$MP" detector train "$D" "$T/y.cfg" -seed 1 -backup "$T/b" >/dev/null 2>&1
"$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -seed 1 -backup "$T/b" >/dev/null 2>&1
detect() { "$MP" detector test "$D" "$T/y.cfg" "${weights:-$T/b/y_final.weights}" -thresh 0.05 "$@"; }
predict() { "$MP" classifier predict "$T/tiny.data" tests/lib/tiny.cfg "${weights:-$T/b/tiny.weights}" "$@"; }
# Its weights come through a pipe, which gives them once.
once() {
    local file=$T/b/tiny.weights
    [ "$1" = predict ] || file=$T/b/y_final.weights
    weights=/dev/fd/9 "$@" 9< <(cat "$file") 2>/dev/null
}
# What is said of pictures: seconds differ from run to run.
told() {
    grep -E 'Predicted in|^[^ ]+: +[0-9]+%|^ *[0-9.]+%: ' | sed 's/in [0-9.]* seconds/in N seconds/'
}

# Two of one name, three pictures in all.
mkdir -p "$T/p/a" "$T/p/b" "$T/none"
cp "$T/set/images/test0.png" "$T/p/a/x.png"
cp "$T/set/images/test1.png" "$T/p/b/x.png"
cp "$T/set/images/test2.png" "$T/p/a/y.PNG"
echo "0 .5 .5 .1 .1" >"$T/p/a/x.txt"
all=("$T/p/a/x.png" "$T/p/a/y.PNG" "$T/p/b/x.png")

for what in detect predict; do
    for i in 0 1 2; do
        $what "${all[i]}" -out "$T/$what-$i.png" -json "$T/$what-$i.json" 2>/dev/null | told
    done >"$T/alone.txt"
    check "$what: alone, something is found" test "$(wc -l <"$T/alone.txt")" -ge 6
    $what "${all[@]}" -out "$T/$what-dir" -json "$T/$what.json" >"$T/out" 2>"$T/err"
    check "$what: several pictures as each alone" test "$(told <"$T/out")" = "$(cat "$T/alone.txt")"
    check "$what: each with its path" grep -qF "$T/p/b/x.png: Predicted in " "$T/out"
    check "$what: and a count" grep -q '^3 pictures, .*0 skipped, .*drawn into' "$T/out"
    check "$what: the network is opened once" test "$(once "$what" "${all[@]}" -out "$T/$what-once" | told)" = "$(cat "$T/alone.txt")"
    check "$what: -out DIR holds three pictures" test "$(ls "$T/$what-dir")" = "$(printf '%s\n' \
        000001-x.png 000002-y.png 000003-x.png)"
    $what "${all[0]}" "${all[1]}" -out "$T/$what-dir" >"$T/out" 2>"$T/err"
    rc=$?
    check "$what: into the same folder once more: $(tail -n 1 "$T/err")" test $rc = 0
    check "$what: drawn as alone" sh -c "cmp '$T/$what-dir/000001-x.png' '$T/$what-0.png' &&
        cmp '$T/$what-dir/000003-x.png' '$T/$what-2.png'"
    check "$what: the JSON holds each picture's own" python3 - "$T" $what <<'P'
import json, sys
top, what = sys.argv[1:]
read = lambda name: json.load(open('%s/%s.json' % (top, name)))
many = read(what)
alone = [read('%s-%d' % (what, i)) for i in range(3)]
found = 'boxes' if what == 'detect' else 'top'
assert many['skipped'] == 0 and len(many['pictures']) == 3
for i, (a, b) in enumerate(zip(many['pictures'], alone)):
    assert all(a[k] == b[k] for k in ('path', 'width', 'height', found)) and a['width'] == 80
    assert a['picture'].startswith('%s/%s-dir/00000%d-' % (top, what, i + 1))
assert sum(len(p[found]) for p in alone) > 5
for p in alone if what == 'detect' else []:
    for b in p['boxes']:
        r, w, h = b['relative'], p['width'], p['height']
        assert 0 < r['width'] < 3 and 0 < r['x'] < 1
        near = lambda v, most, pixel: abs(min(max(v * most, 0), most - 1) - pixel) <= 1
        assert near(r['x'] - r['width'] / 2, w, b['left'])
        assert near(r['y'] + r['height'] / 2, h, b['bottom'])
P
    mkdir -p "$T/$what-flat"
    cp "${all[0]}" "$T/$what-flat/2.png"
    cp "${all[2]}" "$T/$what-flat/1.png"
    echo nothing >"$T/$what-flat/notes.md"
    check "$what: a folder, by name, its pictures alone" test \
        "$($what "$T/$what-flat" 2>/dev/null | told | grep -o '[^/]*: Predicted')" = \
        "$(printf '1.png: Predicted\n2.png: Predicted')"
    printf 'a/x.png\r\n\n%s\n%s\n' "${all[1]}" "${all[2]}" >"$T/p/three.txt"
    $what "$T/p/three.txt" 2>/dev/null | told >"$T/list.txt"
    check "$what: a list" cmp "$T/alone.txt" "$T/list.txt"
    printf '%s\n' "${all[@]}" | $what - 2>/dev/null | told >"$T/stdin.txt"
    check "$what: standard input" cmp "$T/alone.txt" "$T/stdin.txt"
    check "$what: nothing but what is asked for is written" test \
        "$(find "$T/$what-flat" "$T/p/a" -type f | wc -l)" = 6

    echo "no picture" >"$T/p/bad.jpg"
    refused "$what: a bad picture" "bad.jpg: not a known image format" $what "${all[0]}" "$T/p/bad.jpg" \
        -json "$T/none/j.json"
    check "$what: names what goes on" sh -c "tail -1 '$T/err' | grep -q -- '-skip_bad'"
    check "$what: and writes no JSON" test ! -e "$T/none/j.json"
    $what "${all[0]}" "$T/p/bad.jpg" "$T/p/no.png" "${all[1]}" -skip_bad -json "$T/skip.json" \
        >"$T/out" 2>"$T/err"
    check "$what: -skip_bad goes on" grep -q '^2 pictures, .*2 skipped' "$T/out"
    check "$what: naming both" test "$(grep -c '^skipped: .*\(bad.jpg\|no.png\): ' "$T/err")" = 2
    check "$what: and counting them" python3 -c "
import json, sys
d = json.load(open('$T/skip.json'))
sys.exit(not (d['skipped'] == 2 and len(d['pictures']) == 2))"
    refused "$what: none is left" "none of 2 pictures" $what "$T/p/bad.jpg" "$T/p/no.png" -skip_bad
    refused "$what: one is missing" "no.png" $what "${all[0]}" "$T/p/no.png"
    check "$what: which is said before any is shown" test -z "$(told <"$T/out")"
    refused "$what: one picture for many" "drawn into a folder" $what "${all[@]}" -out "$T/none/o.png"
    mkdir -p "$T/hollow" && : >"$T/hollow/notes.md" && : >"$T/p/hollow.txt"
    refused "$what: a folder without pictures" "no pictures" $what "$T/hollow"
    refused "$what: an empty list" "empty" $what "$T/p/hollow.txt"
    refused "$what: nothing on standard input" "standard input" $what - </dev/null
    printf 'a\\x.png\n' >"$T/p/windows.txt"
    refused "$what: a list with backslashes" "sed -i" $what "$T/p/windows.txt"
    refused "$what: no picture at all" "1 argument missing" $what
    rm "$T/p/hollow.txt" "$T/p/windows.txt" "$T/p/three.txt" "$T/p/bad.jpg"
done
here=$PWD
detect_here() {
    cd "$T/none" && "$here/build/metaperturb" detector test "$D" "$T/y.cfg" "$T/b/y_final.weights" "$@"
}
(detect_here "${all[0]}") >"$T/out" 2>/dev/null
check "detect: one picture goes to predictions.png" grep -q 'drawn into predictions.png' "$T/out"
check "which is there, alone" test "$(ls "$T/none")" = predictions.png
finish
