#!/usr/bin/env bash
# start.sh - the program starts at once where nothing is computed, loads libraries only where a command needs them, and says what it is.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
libraries() { LD_TRACE_LOADED_OBJECTS=1 "$1" | awk '{ print $1 }'; }
few() { [ "$(libraries "$1" | wc -l)" -le 6 ]; }
none_of() { ! libraries "$1" | finds -E "$2"; }
check "metaperturb loads hardly anything" few "$MP"
check "Darknet, OpenCV, MPI, oneDNN and libgomp are not among it" none_of "$MP" 'darknet|opencv|mpi|dnnl|gomp'
check "Open MPI is loaded under mpirun alone" none_of "$MP-host" 'libmpi\.|open-pal|open-rte'

# Alone in a folder it has nothing to start: what works there needs no network.
"$MP" classifier train "$T/tiny.data" tests/lib/tiny.cfg -backup "$T/w" >/dev/null 2>&1
mkdir "$T/alone" && cp "$MP" "$T/alone/"
A=$T/alone/metaperturb
said() { "$@" 2>&1 | finds -F -- "$words"; }
words="metaperturb weights info FILE [CFG]"; check "--help" said "$A" --help
words="-seed N"; check "--help of a command" said "$A" classifier train --help
words="no problems"; check "cfg check" said "$A" cfg check tests/lib/tiny.cfg
check "weights info" "$A" weights info "$T/w/tiny.weights" >/dev/null
words="trailer PHI"; check "weights info with a cfg" said "$A" weights info "$T/w/tiny.weights" tests/lib/tiny.cfg
check "weights partial" "$A" weights partial tests/lib/tiny.cfg "$T/w/tiny.weights" "$T/first.weights" 5
check "cfg detach" "$A" cfg detach tests/lib/tiny.cfg "$T/plain.cfg" >/dev/null
refused "a command that needs more says so" "metaperturb-host" "$A" bench step tests/lib/tiny.cfg
refused "so does mpirun's" "MPI cannot be loaded" env OMPI_COMM_WORLD_SIZE=1 sh -c "cp '$MP-host' '$T/alone/' && exec '$A' meta train none.meta"

# libgomp shows its settings when it is loaded: once, and threads spin for a short time only, unless the user wants otherwise.
shown() { env -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose "$@" "$MP" bench predict tests/lib/tiny.cfg -steps 1 2>&1 >/dev/null; }
once() { [ "$(shown env | grep -c 'ENVIRONMENT BEGIN')" = 1 ]; }
check "what computes is started once" once
words="GOMP_SPINCOUNT = '5000'"; check "threads spin less" said shown env
words="GOMP_SPINCOUNT = '77'"; check "or as the user says" said shown env GOMP_SPINCOUNT=77

check "--version" test "$("$MP" --version)" = "metaperturb $(sed -n 's/^VERSION *= *//p' Makefile) ($(sed -n 's/.*COMMIT_NAME "\(.*\)"/\1/p' build/commit_name.h))"
three_lines() { "$MP" "$@" >"$T/out" 2>"$T/err"; [ $? = 2 ] && [ "$(wc -l <"$T/err")" = 3 ] && [ ! -s "$T/out" ] && grep -qF -- "$words" "$T/err"; }
words='did you mean "metaperturb detector test"?'; check "a misspelt group" three_lines detectro test a b
words='did you mean "metaperturb weights fold"?'; check "a misspelt name" three_lines weights flod
words='did you mean "metaperturb compare"?'; check "a command of one word" three_lines comapre
words='takes one of: train, valid, predict, attack'; check "no name" three_lines classifier
words='takes one of: step, meta, predict, data'; check "a name far from all" three_lines bench everything
words='there is no command "frobnicate"'; check "nothing like it" three_lines frobnicate
refused "a misspelt option" "did you mean -threads? --help lists" "$MP" bench step tests/lib/tiny.cfg -thread 1
refused "more layers than there are" "give a number from 1 to" "$MP" weights partial tests/lib/tiny.cfg "$T/w/tiny.weights" "$T/p" 99
finish
