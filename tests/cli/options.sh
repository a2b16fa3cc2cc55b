#!/usr/bin/env bash
# options.sh - every option of every command has a visible effect, or is refused in one sentence.
# Which options there are says the program's own --help: one without a row in options.py fails.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
mkdir "$T/set" && python3 tests/lib/make_boxes.py "$T/set" || exit 1
exec {results}< <(python3 tests/cli/options.py "$MP" "$T")
while read -r -u $results verdict words; do
    case $verdict in ok) ok ;; skip) skip "$words" ;; done) complete=1 ;; *) bad "$words" ;; esac
    step "what follows \"$words\""
done
check "the walk came to its end" test "${complete:-0}" = 1
finish
