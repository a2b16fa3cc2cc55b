#!/usr/bin/env bash
# preload.sh - programs that know nothing of us run perturbed cfgs under LD_PRELOAD; weights go to plain Darknet and back.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
DARKNET=${DARKNET:-/usr/lib/darknet}
SO=$PWD/build/libmetaperturb.so
need "the client builds" gcc -O1 -Wall -isystem "$DARKNET/include" -o "$T/client" tests/lib/client.c -L"$DARKNET" -Wl,-rpath,"$DARKNET" -ldarknet -lm
image=$T/test/disk/0.png

# 1. trained by us, perturbed; read by strangers
check "train" "$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -seed 1 >"$T/log" 2>&1
W=$T/backup/tiny.weights
"$MP" classifier predict "$T/tiny.data" tests/lib/tiny.cfg "$W" "$image" -json "$T/p.json" >/dev/null 2>&1
python3 - "$T/p.json" >"$T/ours" <<'P'
import json, sys
for o in sorted(json.load(open(sys.argv[1]))["top"], key=lambda o: o["class"]):
    print(f"{o['probability']:.6f}")
P
LD_PRELOAD=$SO "$T/client" tests/lib/tiny.cfg "$W" "$image" >"$T/c.out" 2>/dev/null
LD_PRELOAD=$SO python3 tests/host/client.py tests/lib/tiny.cfg "$W" "$image" 3 >"$T/py.out" 2>/dev/null
close() { python3 tests/lib/close.py "$1" "$2" "$3"; }
check "C client under LD_PRELOAD gives our outputs" close "$T/ours" "$T/c.out" 1e-5
check "Python client under LD_PRELOAD gives our outputs" close "$T/ours" "$T/py.out" 1e-5
if "$T/client" tests/lib/tiny.cfg "$W" "$image" >/dev/null 2>&1; then bad "plain host ran a [perturb]"; else ok; fi

# 2. training by a stranger: losses are numbers and fall, and its weights are read by us
(cd "$T" && LD_PRELOAD=$SO ./client train "$OLDPWD/tests/lib/tiny.cfg" - "$image" 2>/dev/null | grep loss >train.out)
check "a stranger trains" python3 - "$T/train.out" <<'P'
import sys
v = [float(l.split()[1]) for l in open(sys.argv[1])]
sys.exit(not (len(v) == 3 and all(0 < x < 10 for x in v) and v[2] < v[0]))
P
check "its weights are whole" "$MP" classifier valid "$T/tiny.data" tests/lib/tiny.cfg "$T/client.weights" >/dev/null 2>&1

# 3. a plain cfg trained by us means the same to plain libdarknet.so, and what that saves means the same to us
check "train plain" "$MP" classifier train "$T/tiny.data" tests/lib/tiny-plain.cfg -seed 1 >"$T/log" 2>&1
W=$T/backup/tiny-plain.weights
"$T/client" tests/lib/tiny-plain.cfg "$W" "$image" >"$T/host.out" 2>/dev/null
LD_PRELOAD=$SO "$T/client" tests/lib/tiny-plain.cfg "$W" "$image" >"$T/our.out" 2>/dev/null
check "plain weights mean the same to the host alone" close "$T/host.out" "$T/our.out" 1e-4
# Debian's own program, in its own words: `39.25%: stripes`
(cat "$T/tiny.data" && echo top=3) >"$T/top.data"
percents() { grep -E '^ *[0-9.]+%: ' | sort -k 2 | sed 's/%.*//'; }
/usr/bin/darknet classifier predict "$T/top.data" tests/lib/tiny-plain.cfg "$W" "$image" 2>/dev/null | percents >"$T/host.out"
"$MP" classifier predict "$T/top.data" tests/lib/tiny-plain.cfg "$W" "$image" 2>/dev/null | percents >"$T/our.out"
check "/usr/bin/darknet classifier predict says the same" close "$T/host.out" "$T/our.out" 0.0101
(cd "$T" && ./client train "$OLDPWD/tests/lib/tiny-plain.cfg" "$W" "$image" >/dev/null 2>&1)
"$T/client" tests/lib/tiny-plain.cfg "$T/client.weights" "$image" >"$T/host.out" 2>/dev/null
LD_PRELOAD=$SO "$T/client" tests/lib/tiny-plain.cfg "$T/client.weights" "$image" >"$T/our.out" 2>/dev/null
check "weights trained by the host mean the same to us" close "$T/host.out" "$T/our.out" 1e-4

# 4. no call of a library ends a stranger's process with status 0, aborts it, or runs a shell
refused "missing cfg" "none.cfg" env LD_PRELOAD="$SO" "$T/client" "$T/none.cfg" - "$image"
refused "missing weights" "none.weights" env LD_PRELOAD="$SO" "$T/client" tests/lib/tiny.cfg "$T/none.weights" "$image"
refused "missing image" "no such" env LD_PRELOAD="$SO" "$T/client" tests/lib/tiny.cfg - "no such;touch $T/PWNED"
check "no shell was run" test ! -e "$T/PWNED"
refused "misspelt key" "activaton" env LD_PRELOAD="$SO" "$T/client" <(sed 's/activation=relu/activaton=relu/' tests/lib/tiny.cfg) - "$image"
# bash calls the C library's error() in no way, but ls and others do: the preloaded error() must not take their arguments
LD_PRELOAD=$SO ls /nonexistent-file 2>"$T/err" && bad "ls: status 0"
check "the C library's error() still works" grep -q "nonexistent-file" "$T/err"

# 5. threads of a stranger: standard error is the program's own while others save weights
gcc -O1 -Wall -isystem "$DARKNET/include" -o "$T/threads" tests/host/client_threads.c \
    -L"$DARKNET" -Wl,-rpath,"$DARKNET" -ldarknet -lm -lpthread || exit 1
LD_PRELOAD=$SO "$T/threads" tests/lib/tiny.cfg "$T" 2000 >/dev/null 2>"$T/err"
check "no line of another thread is lost" test "$(grep -c 'line of the program' "$T/err")" = 2001
finish
