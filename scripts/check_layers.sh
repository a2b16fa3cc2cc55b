#!/usr/bin/env bash
# Each room of src/ may include itself and the rooms above it; the mathematics (ops, engine) never see the host's header.
# No circle between the files of a room: of headers, and of calls where they are built (check_circles.py).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rooms=(base ops engine host data train study tools cli)      # from top to bottom
src=${1:-src}                               # another folder: for a test of this check
passed=0 failed=0

level() {
    local i
    for i in "${!rooms[@]}"; do
        [ "${rooms[$i]}" != "$1" ] || { echo "$i"; return; }
    done
    echo -1
}

# complain FILE LINE TEXT
complain() { echo "FAIL $1:$2: $3"; bad=1; }

check_include() {
    local file=$1 line=$2 what=$3 own=$4 first
    case $what in
        darknet.h | */darknet.h)
            case $own in ops | engine) complain "$file" "$line" "$own must not know darknet.h" ;; esac
            return ;;
        *..*)
            complain "$file" "$line" "write \"room/file.h\", not \"$what\""
            return ;;
    esac
    first=${what%%/*}
    [ "$first" != "$what" ] && [ -d "$src/$first" ] || return 0     # own folder, or a system header
    if [ "$(level "$first")" -gt "$(level "$own")" ]; then
        complain "$file" "$line" "$own must not include $first, which stands below it"
    fi
}

while IFS= read -r file; do
    bad=0
    own=${file#"$src"/}
    own=${own%%/*}
    [ "$(level "$own")" -ge 0 ] || complain "$file" 1 "'$own' is no room; known: ${rooms[*]}"
    while IFS=: read -r line text; do
        what=$(sed -E 's/^[^<"]*[<"]([^>"]*)[>"].*$/\1/' <<<"$text")
        check_include "$file" "$line" "$what" "$own"
    done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' "$file" || true)
    if [ $bad = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < <(find "$src" -type f \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | LC_ALL=C sort)

if [ $((passed + failed)) = 0 ]; then
    echo "FAIL no source file found under $src"
    failed=1
fi
build=${BUILD:-build} skipped=0
[ "$src" = src ] && [ -d "$build/host" ] || build=
[ -n "$build" ] || { skipped=1; echo "SKIP $src is not built: calls between files were not looked at"; }
circles=$(scripts/check_circles.py "$src" ${build:+"$build"} || true)
grep FAIL <<<"$circles" || true
read -r clean bad looked <<<"$(tail -n 1 <<<"$circles")"
passed=$((passed + clean)) failed=$((failed + bad))
echo "$((clean + bad)) rooms looked at for circles, in ${looked} objects"
echo "check_layers: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
