#!/usr/bin/env bash
# libdarknet.so exports more than 600 plain names (error, softmax, gemm, mutex ...). A global of ours with one of them would
# quietly replace the host's for the whole process. So: none, except those that we mean to replace, and those really do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

intended=(parse_network_cfg read_cfg get_network_output_layer load_weights load_weights_upto save_weights save_weights_upto
          free_layer resize_network make_upsample_layer make_convolutional_layer error file_error malloc_error load_image_cv)
build=${BUILD:-build}
host=${DARKNET:-/usr/lib/darknet}/libdarknet.so
passed=0 failed=0

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
finish() {
    echo "check_symbols: $passed passed, $failed failed, 0 skipped"
    [ $failed = 0 ]
    exit
}

# names NM-OPTIONS FILE...: the defined global symbols, without versions and without those that every linked file has.
names() {
    nm --defined-only -P "$@" | awk 'NF > 1 && $2 ~ /^[A-TV-Z]$/ { sub(/@.*/, "", $1); print $1 }' |
        grep -vxE '_init|_fini|_edata|_end|__bss_start|_start|main|data_start|__data_start|_IO_stdin_used' | LC_ALL=C sort -u
}
has() { grep -qxF -- "$1" <<<"$2"; }

for f in "$host" "$build/metaperturb-host" "$build/libmetaperturb.so"; do
    [ -r "$f" ] || { bad "$f is missing (make builds ours, scripts/setup.sh installs the host)"; finish; }
done
mapfile -t objects < <(find "$build"/{ops,engine,host,data,train,cli} -name '*.o' 2>/dev/null | LC_ALL=C sort)
[ ${#objects[@]} -gt 0 ] || { bad "no object files under $build"; finish; }

theirs=$(names -D "$host")
[ "$(wc -l <<<"$theirs")" -gt 100 ] || { bad "$host exports hardly anything: is it a Darknet library?"; finish; }

# The object files too: a hidden global can't replace the host's for others, but it does for our own calls.
for f in "$build/metaperturb-host" "$build/libmetaperturb.so" "${objects[@]}"; do
    opt=-g
    case $f in *.o) ;; *) opt=-D ;; esac
    clash=$(LC_ALL=C comm -12 <(names $opt "$f" || true) <(printf '%s\n' "$theirs") |
            grep -vxFf <(printf '%s\n' "${intended[@]}") || true)
    if [ -z "$clash" ]; then ok; else bad "$f defines what the host also defines: ${clash//$'\n'/ }"; fi
done

# A replacement that is compiled but not exported replaces nothing.
all=$(for f in "${objects[@]}"; do names -g "$f" || true; done)
program=$(names -D "$build/metaperturb-host" || true)
plugin=$(names -D "$build/libmetaperturb.so" || true)
for s in "${intended[@]}"; do
    has "$s" "$theirs" || { bad "$s is on the list of replacements, but the host has no such function"; continue; }
    has "$s" "$all" || continue
    if has "$s" "$program" && has "$s" "$plugin"; then ok
    else bad "$s is meant to replace the host's, but the program or the plug-in does not export it"; fi
done
has parse_network_cfg "$plugin" || bad "the plug-in does not replace parse_network_cfg: under LD_PRELOAD it would do nothing"
finish
