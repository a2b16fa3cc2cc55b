#!/usr/bin/env bash
# memory.sh - the memory that a network is said to take is what it takes, within 1.5 times; where there is less, one
# sentence comes before anything is allocated.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data

# peak COMMAND...: the most pages it had at once, in MB
peak() {
    python3 - "$@" <<'P'
import os, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(p.pid, 0)
print(used.ru_maxrss // 1024 if status == 0 else -1)
P
}
# Blurs behind convolutions and a maxpool, weights of another layer.
{
    printf '[net]\nbatch=1\nsubdivisions=1\nheight=96\nwidth=96\nchannels=3\nmax_batches=3\n'
    for more in 'batch_normalize=1' 'stride=2\nantialiasing=1' 'batch_normalize=1' 'batch_normalize=1\nshare_index=2' 'stride=2\nantialiasing=2'; do
        printf "[convolutional]\nfilters=32\nsize=3\npad=1\nactivation=leaky\n$more\n"
    done
    printf '[maxpool]\nsize=2\nstride_x=2\nantialiasing=1\n[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n'
} >"$T/blurs.cfg"
# said CFG: MB of a training step
said() { "$MP" cfg check "$1" -memory 1000G 2>&1 >/dev/null | sed -n 's/.*about \([0-9.]*\) \([MG]\)B.*/\1 \2/p' | awk '{ print int($2 == "G" ? $1 * 1024 : $1) }'; }
for row in "cfg/resnet20.cfg 32" "cfg/resnet20.cfg 128" "cfg/conv4.cfg 32" "cfg/conv4.cfg 128" \
           "$T/blurs.cfg 32" "/usr/share/darknet/cfg/yolov3-tiny.cfg 1" "/usr/share/darknet/cfg/yolov3-tiny.cfg 4"; do
    read -r cfg batch <<<"$row"
    sed "s/^batch=.*/batch=$batch/; s/^subdivisions=.*/subdivisions=1/" "$cfg" >"$T/m.cfg"
    guess=$(said "$T/m.cfg") real=$(peak "$MP" bench step "$T/m.cfg" -steps 2 -threads 2)
    echo "$cfg, batch $batch: about $guess MB said, $real MB measured"
    check "$cfg, batch $batch: $guess MB said, $real MB measured" \
        test "$real" -gt 0 -a $((guess * 2)) -le $((real * 3)) -a $((real * 2)) -le $((guess * 3))
done

# Too little: by a limit that is told, by one of the shell, by the machine.
sed "s/^batch=.*/batch=100000/; s/^subdivisions=.*/subdivisions=1/" cfg/resnet20.cfg >"$T/huge.cfg"
refused "cfg check of a batch of 100000" "1 problem" "$MP" cfg check "$T/huge.cfg" -memory 64G
check "which names the memory" grep -q 'needs about .* GB of memory for 100000 pictures' "$T/out"
for what in "classifier train $T/tiny.data $T/t.cfg" "bench step cfg/resnet20.cfg" "classifier valid $T/tiny.data $T/t.cfg /none"; do
    cp tests/lib/tiny.cfg "$T/t.cfg"
    # shellcheck disable=SC2086
    refused "-memory, $what" "more than -memory, 50 MB" "$MP" $what -memory 50M
done
refused "-memory of nothing" "-memory x" "$MP" cfg check tests/lib/tiny.cfg -memory x
"$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg >"$T/log" 2>&1
check "training tells it" grep -q 'about [0-9]* MB of memory for 12 pictures at once' "$T/log"
cp cfg/resnet20.cfg "$T/r.cfg"
refused "a limit of the shell" "ulimit -v" bash -c 'ulimit -v 600000; exec "$@"' - "$MP" bench step "$T/r.cfg" -batch 128
# Whatever the limit is, the end is orderly: a signal would be 128 and more.
for kb in 350000 450000 550000 700000 850000 1000000 1200000; do
    (ulimit -v $kb; exec "$MP" bench step "$T/r.cfg" -batch 128 -steps 1 -threads 1) >"$T/out" 2>"$T/err"
    rc=$?
    if [ $rc -gt 1 ] && [ $rc -ne 127 ]; then bad "ulimit -v $kb: status $rc: $(tail -1 "$T/err")"
    elif [ $rc -ne 0 ] && [ ! -s "$T/err" ]; then bad "ulimit -v $kb: status $rc without a word"
    else ok
    fi
done
finish
