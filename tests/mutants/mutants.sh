#!/usr/bin/env bash
# mutants.sh - planted bugs, a patch each (tests/mutants/*.patch), must turn the test red that their first line names. A line
# `Needs: COMMAND` leaves a patch out where the command fails. Each is put
# into a copy of the tree, where only that test is built. A patch that does not apply any more is a failure: mend or replace it.
# `tests/mutants/mutants.sh NAME...` plants these alone.
. "$(dirname "$0")/../lib/lib.sh"
patches=(tests/mutants/*.patch)
[ $# = 0 ] || patches=("${@/#/tests/mutants/}") patches=("${patches[@]/%/.patch}")
need "there are planted bugs" test -e "${patches[0]}"
C=$T/copy
mkdir -p "$C/build/tests"
cp -a Makefile install.mk src tests scripts cfg cfg_meta "$C"
[ ! -e ../shared ] || ln -s "$(realpath ../shared)" "$T/shared"
for part in build/*; do
    case $part in build/tests | build/gpu | build/sim | build/asan | build/tsan | build/fuzz) ;; *) cp -a "$part" "$C/build" ;; esac
done
cp -a build/tests/*.o "$C/build/tests"

# built TEST: what it needs, in the copy.
built() {
    local target=all
    case $1 in test_*) target=build/tests/$1 ;; esac
    make -s -j"$(nproc)" -C "$C" "$target" >"$T/make.log" 2>&1
}
# count TEST: how many of its checks fail in the copy; "none" where it does not come to its closing line.
count() {
    local run=(build/tests/"$1")
    case $1 in test_*) ;; *) run=(bash tests/*/"$1.sh") ;; esac
    (cd "$C" && timeout -k 5 $HANG "${run[@]}") >"$T/run.log" 2>&1 </dev/null
    tail -n 1 "$T/run.log" | sed -nE "s/^$1: [0-9]+ passed, ([0-9]+) failed, [0-9]+ skipped\$/\1/p" | grep . || echo none
}

declare -A green
for patch in "${patches[@]}"; do
    name_of=$(basename "$patch" .patch)
    t=$(sed -n '1s/^Test: //p' "$patch")
    step "$name_of"
    needs=$(sed -n 's/^Needs: //p' "$patch")
    if [ -n "$needs" ] && ! bash -c "$needs" >/dev/null 2>&1; then skip "$name_of: what sees it is not here: $needs"; continue; fi
    if [ -z "${green[$t]:-}" ]; then
        built "$t" || { bad "$t does not build in the copy: $(tail -n 3 "$T/make.log")"; break; }
        green[$t]=$(count "$t")
    fi
    [ "${green[$t]}" = 0 ] || { bad "$name_of: $t is not green without it (${green[$t]} failed)"; continue; }
    if ! patch -s -p1 -F3 -d "$C" --no-backup-if-mismatch <"$patch" >"$T/patch.log" 2>&1; then
        bad "$name_of: does not apply any more: $(tail -n 1 "$T/patch.log")"
        rm -rf "$C/src" && cp -a src "$C"
        continue
    fi
    if ! built "$t"; then bad "$name_of: does not build: $(grep -m 1 error "$T/make.log")"
    else
        red=$(count "$t")
        case $red in
            0) bad "$name_of: $t stays green" ;;
            none) bad "$name_of: $t did not come to its closing line" ;;
            *) ok; echo "$name_of: $t, $red red" ;;
        esac
    fi
    patch -s -R -p1 -F3 -d "$C" --no-backup-if-mismatch <"$patch" || { bad "$name_of: cannot be taken out"; break; }
done
finish
