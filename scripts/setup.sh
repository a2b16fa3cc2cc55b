#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing; silent when nothing is. Safe to repeat.
# --build: only what building and testing need, without what the demo prepares its data with.
set -euo pipefail

build=(gcc make libc6-dev darknet libdnnl-dev libjpeg-dev libpng-dev libcjson-dev libopenmpi-dev openmpi-bin libzip-dev pkg-config zlib1g-dev python3 python3-opencv gnuplot-nox)
demo=(python3-pil librsvg2-bin fonts-dejavu-core unzip)

fail() { echo "setup: $*" >&2; exit 1; }

case "${1-}" in
    "")      want=("${build[@]}" "${demo[@]}") ;;
    --build) want=("${build[@]}") ;;
    *)       fail "unknown option '$1'; known: --build" ;;
esac
for tool in dpkg-query apt-get; do
    command -v $tool >/dev/null ||
        fail "this is no Debian system; please install by hand what corresponds to: ${want[*]}"
done

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# libjpeg-dev may be absent by that name where the real package behind it is there already.
provided() {
    case "$1" in
        libjpeg-dev) is_installed libjpeg62-turbo-dev ;;
        *) return 1 ;;
    esac
}

missing=()
for p in "${want[@]}"; do
    is_installed "$p" || provided "$p" || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "setup: installing ${missing[*]}"
if [ "$(id -u)" = 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null; then
    as_root=(sudo env)
else
    fail "these packages are missing and need root: run as root: apt-get install ${missing[*]}"
fi

apt() { "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"; }

# The package lists may be empty (fresh system) or too old (a version is gone from the mirror): fetch them only then.
have_lists=1
for p in "${missing[@]}"; do
    apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]' || have_lists=0
done
if [ $have_lists = 1 ] && apt install --no-install-recommends "${missing[@]}"; then
    exit 0
fi
apt update || echo "setup: apt-get update failed (see above); trying with the package lists that are here" >&2
apt install --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]} (see above): is this Debian 12, with a connection to a mirror?"
