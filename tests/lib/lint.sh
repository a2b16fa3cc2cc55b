#!/usr/bin/env bash
# lint.sh - src and tests in one style (.clang-format), within 100 columns, functions within 60 lines, files within 500;
# and nothing that clang-tidy calls prone to bugs (.clang-tidy). `tests/lib/lint.sh FILE...` looks at these alone.
. "$(dirname "$0")/lib.sh"
mapfile -t files < <([ $# = 0 ] && find src tests -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.inc' || printf '%s\n' "$@")
mapfile -t files < <(printf '%s\n' "${files[@]}" | LC_ALL=C sort)
need "there is something to look at" test ${#files[@]} -gt $(($# > 0 ? 0 : 200))

# Longer than they may be, by what they are. An entry that is no longer needed is a failure.
long_files="
tests/data/test_data.c          a case for each rule of .data files
tests/host/test_cfg.c           a case for each rule of cfgs
"
long_functions="
tests/data/test_data.c:test_data_file
tests/data/test_data.c:test_split
tests/data/test_data.c:test_idx
tests/engine/test_engine_nodes.h:test_dropout
tests/engine/test_engine_nodes.h:test_perturb
tests/host/test_cfg.c:test_values
tests/host/test_dropblock.c:one_shape
tests/ops/test_golden.c:one_case
tests/ops/test_perturb.c:against_reference
"

# too_long FILE: its lines over 100 columns; its functions over 60 lines, from the name to the last brace; its length.
too_long() {
    LC_ALL=C.UTF-8 awk -v file="$1" '
        length($0) > 100 { print "columns " file ":" FNR }
        /^[A-Za-z_]/ && !/^[a-z_]+:$/ { first = FNR; head = $0 }
        /^}$/ && FNR - first + 1 > 60 {
            sub(/\(.*/, "", head); sub(/.*[ *]/, "", head); print "function " file ":" head }
        END { if (FNR > 500) print "file " file }' "$1"
}
for file in "${files[@]}"; do too_long "$file"; done >"$T/all"
grep -v '^columns' "$T/all" >"$T/long"
wide=$(grep -c '^columns' "$T/all")
grep '^columns' "$T/all"
check "$wide lines over 100 columns" test "$wide" = 0
awk 'NF { print "file " $1 }' <<<"$long_files" >"$T/known"
awk 'NF { print "function " $1 }' <<<"$long_functions" >>"$T/known"
while read -r what; do bad "too long: $what"; done < <(grep -vxFf "$T/known" "$T/long")
if [ $# = 0 ]; then
    while read -r what; do bad "not too long any more, take it out of tests/lib/lint.sh: $what"; done < <(grep -vxFf "$T/long" "$T/known")
fi
[ "$failed" != 0 ] || ok

format=$(command -v clang-format-19 || true) tidy=$(command -v clang-tidy-19 || true)
if [ -z "$format" ]; then
    skip "no clang-format-19: the style was not checked"
else
    printf '%s\n' "${files[@]}" | xargs -n 16 -P "$(nproc)" $format --dry-run 2>&1 |
        sed -n 's/^\([^ :]*\):[0-9:]* warning: code should be clang-formatted.*/\1/p' | sort | uniq -c >"$T/style"
    places=$(awk '{ n += $1 } END { print n + 0 }' "$T/style")
    [ "$places" = 0 ] || sed 's/^/in another style (make format), places and file: /' "$T/style"
    check "$places places in another style" test "$places" = 0
fi

if [ -z "$tidy" ]; then
    skip "no clang-tidy-19: nothing was looked for that is prone to bugs"
    finish
fi
# gcc's omp.h alone, made readable for clang; the rest of gcc's headers would hide clang's own.
mkdir "$T/omp"
ln -s "$(gcc -print-file-name=include/omp.h)" "$T/omp/omp.h"
read -ra mpi <<<"$(pkg-config --cflags-only-I ompi-c)"
flags=(-std=c11 -D_GNU_SOURCE "-D__malloc__(...)=" -fopenmp -Isrc -Itests/lib -Itests/cuda_sim -Ibuild -isystem /usr/lib/darknet/include
       "${mpi[@]/#-I/-isystem}" -idirafter "$T/omp" -idirafter "${CUDA:-/usr/local/cuda}/include")
looked=()
for file in "${files[@]}"; do
    case $file in
        *.h | *.cpp | *.cu | *.inc) ;;
        src/engine/cuda/* | tests/cuda_sim/* | tests/ops/gpu_perturb.c)
            if [ -e "${CUDA:-/usr/local/cuda}/include/cudnn.h" ]; then looked+=("$file"); else skip "$file: no cuDNN here"; fi ;;
        *) looked+=("$file") ;;
    esac
done
# one FILE: what it says of it, one line each; where it says nothing and fails, that.
one() {
    local rc=0 said
    said=$(clang-tidy-19 --quiet "$1" -- "${flags[@]}" 2>/dev/null) || rc=$?
    said=$(grep -E '(warning|error):' <<<"$said" | sed "s|^$PWD/||")
    [ -n "$said" ] || [ $rc = 0 ] || said="$1: clang-tidy ended with status $rc"
    printf '%s' "$said"
}
for file in "${looked[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    one "$file" >"$T/tidy.${file//\//.}" &
done
wait
for file in "${looked[@]}"; do
    if [ -s "$T/tidy.${file//\//.}" ]; then bad "$(head -n 5 "$T/tidy.${file//\//.}")"; else ok; fi
done
finish
