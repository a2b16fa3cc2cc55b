#!/usr/bin/env bash
# full_disk.sh - every command that writes, on a disk without room: status not 0, one sentence, the old file as it
# was, nothing left beside it. On a tmpfs that is filled (root), and under a limit of file size (anybody).
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
python3 tests/lib/make_pth.py "$T" || exit 1
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
D=$T/tiny.data C=tests/lib/tiny.cfg Y=tests/lib/tiny-yolo.cfg image=$T/test/disk/0.png
"$MP" classifier train "$D" "$C" -seed 1 -threads 1 -backup "$T/w" >"$T/log" 2>&1 || bad "training"
sed 's/max_batches=[0-9]*/max_batches=2/' "$Y" >"$T/y.cfg"
"$MP" detector train "$T/set/boxes.data" "$T/y.cfg" -seed 1 -threads 1 -backup "$T/w" >"$T/log" 2>&1 || bad "detector"
sed 's/max_batches=40/max_batches=2/' "$C" >"$T/two.cfg"
"$MP" phi import "$T/zip.pth" "$T/a.phi" >/dev/null || bad "phi"
picture=$(find "$T/set" -name "*.png" | sort | head -1)
W=$T/w/tiny.weights YW=$T/w/y_final.weights disk=$T/disk
mkdir "$disk"
printf '[meta]\ncfg=%s\nphi=%s/m.phi\nsteps=2\nbatch=6\n[task]\ndata=%s\n' "$PWD/$C" "$disk" "$D" >"$T/m.meta"
cat >"$T/s.suite" <<S
[suite]
results=$disk/r.jsonl
seeds=1
steps=2
[network]
name=tiny
cfg=$PWD/$C
[target]
name=tiny
data=$D
[method]
name=plain
S
sed "s|^results=.*||; \$a results=$disk" "$T/set/boxes.data" >"$T/results.data"

# Both set: old files written anew, and no room for more.
no_room_tmpfs() { cat /dev/zero >"$disk/fill" 2>/dev/null; }
room_tmpfs() { rm -f "$disk/fill"; }
run_tmpfs() { "$@"; }
no_room_limit() { :; }
room_limit() { :; }
# kB. With 0 the host has no room for the cfg in memory either: such commands end before they write.
limit=0
run_limit() { (ulimit -f $limit; exec "$@"); }

# full WHAT FILES COMMAND...: FILES, names in $disk with blanks between, are what it would replace.
full() {
    local what="$way, $1" files=$2 f rc said
    shift 2
    room_"$way"
    rm -rf "${disk:?}"/*
    for f in $files; do echo "the old $f" >"$disk/$f"; done
    no_room_"$way"
    said=$(run_"$way" "$@" 2>&1 >/dev/null)     # through a pipe, which no limit is on
    rc=$? said=$(tail -1 <<<"$said")
    room_"$way"
    if [ "$rc" != 1 ]; then bad "$what: status $rc: $said"
    elif ! grep -qE 'metaperturb: .*(No space left|File too large|whole|written)' <<<"$said"; then
        bad "$what: it says: $said"
    else ok
    fi
    for f in $files; do
        cmp -s "$disk/$f" <(echo "the old $f") && ok || bad "$what: $f is not the old one"
    done
    f=$(cd "$disk" && find . -type f -size +0 | grep -vxF "$(printf './%s\n' $files)" | grep -vE '\.lock$')
    [ -z "$f" ] && ok || bad "$what: left behind: $f"
}

all() {
    limit=4
    full "weights" "two.weights" "$MP" classifier train "$D" "$T/two.cfg" -threads 1 -backup "$disk"
    full "detector weights" "y_final.weights y_last.weights" \
        "$MP" detector train "$T/set/boxes.data" "$T/y.cfg" -threads 1 -backup "$disk"
    full "best weights" "y_best.weights" \
        "$MP" detector train "$T/set/boxes.data" "$T/y.cfg" -threads 1 -backup "$disk" -every 1
    limit=0
    full "valid -json" "v.json" "$MP" classifier valid "$D" "$C" "$W" -json "$disk/v.json"
    full "predict -json" "p.json" "$MP" classifier predict "$D" "$C" "$W" "$image" -json "$disk/p.json"
    full "attack -json" "a.json" \
        "$MP" classifier attack "$D" "$C" "$W" -eps 0.1 -steps 1 -images 6 -json "$disk/a.json"
    full "map -json" "m.json" "$MP" detector map "$T/set/boxes.data" "$T/y.cfg" "$YW" -json "$disk/m.json"
    full "results of valid" "comp4_det_test_ring.txt" \
        "$MP" detector valid "$T/results.data" "$T/y.cfg" "$YW" -thresh 0
    limit=2 full "boxes drawn" "b.png" \
        "$MP" detector test "$T/set/boxes.data" "$T/y.cfg" "$YW" "$picture" -out "$disk/b.png"
    full "attach" "at.cfg" "$MP" cfg attach "$T/plain.cfg" "$disk/at.cfg"
    full "detach" "de.cfg" "$MP" cfg detach "$C" "$disk/de.cfg"
    limit=1 full "partial" "pa.weights" "$MP" weights partial "$C" "$W" "$disk/pa.weights" 8
    limit=2 full "fold" "f.cfg f.weights" \
        "$MP" weights fold "$C" "$W" "$disk/f.cfg" "$disk/f.weights" -calibrate "$D" -distill 0 -samples 1
    full "phi import" "i.phi" "$MP" phi import "$T/zip.pth" "$disk/i.phi"
    limit=4 full "meta" "m.phi m.phi.state" "$MP" meta train "$T/m.meta" -threads 1
    full "results of compare" "" "$MP" compare "$T/s.suite"
    full "bench -json" "s.json" "$MP" bench step "$C" -steps 1 -json "$disk/s.json"
    if command -v gnuplot >/dev/null; then
        limit=16 full "phi plot" "x.png" "$MP" phi plot "$T/a.phi" -out "$disk/x.png"
        limit=8 full "attack -plot" "y.png" \
            "$MP" classifier attack "$D" "$C" "$W" -eps 0.1 -steps 1 -images 6 -plot "$disk/y.png"
        limit=16 full "compare -plot" "z.png z-reliability.png" "$MP" compare "$T/there.suite" -table -plot "$disk/z.png"
    else
        skip "no gnuplot: no pictures"
    fi
}

"$MP" cfg detach "$C" "$T/plain.cfg" >/dev/null || bad "detach"
sed "s|^results=.*|results=$T/there.jsonl|; s|^seeds=1|seeds=1,2|; \$a [method]\nname=phi\ncfg=perturb" \
    "$T/s.suite" >"$T/there.suite"
"$MP" compare "$T/there.suite" >"$T/log" 2>&1 || echo "compare: $(tail -1 "$T/log")"
way=limit all
if mount -t tmpfs -o size=32k tmpfs "$disk" 2>/dev/null; then
    trap 'umount "$disk"; rm -rf "$T"' EXIT
    way=tmpfs all
else
    skip "no right to mount a tmpfs: the limit of file size alone"
fi
finish
