#!/usr/bin/env bash
# Installs the packages that are missing; silent when nothing is. Safe to repeat. Debian 13 and 12, and Ubuntu 24.04.
# --build: only what building and testing need, without what the demo prepares its data with.
set -euo pipefail

# The same names on all three; where one of them is another package's by now, that one provides it.
build=(gcc make libc6-dev darknet libdnnl-dev libjpeg-dev libpng-dev libcjson-dev libopenmpi-dev openmpi-bin libzip-dev pkg-config zlib1g-dev python3 python3-opencv gnuplot-nox patch libprotobuf-c-dev protobuf-c-compiler libonnx-dev)
demo=(python3-pil librsvg2-bin fonts-dejavu-core unzip)
known="Debian 13 and 12, and Ubuntu 24.04 with universe"

fail() { echo "setup: $*" >&2; exit 1; }

case "${1-}" in
    "")      want=("${build[@]}" "${demo[@]}") ;;
    --build) want=("${build[@]}") ;;
    *)       fail "unknown option '$1'; known: --build" ;;
esac
system=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME-}") || true
system=${system:-this system}
for tool in dpkg-query apt-get; do
    command -v $tool >/dev/null || fail "$system has no $tool, and the names here are those of $known:" \
        "please install by hand what corresponds to: ${want[*]}"
done

# Every name that an installed package has or provides, one a line. libjpeg-dev is but a name for the one or the other.
installed() {
    dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' |
        sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/[ :].*//' |
        sed -E '/^libjpeg(62-turbo|-turbo8)-dev$/s/$/\nlibjpeg-dev/'
}

mapfile -t missing < <(printf '%s\n' "${want[@]}" | grep -vxFf <(installed))
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
    grep -q 'Candidate: [^(]' <<<"$(apt-cache policy "$p" 2>/dev/null)" || have_lists=0
done
if [ $have_lists = 1 ] && apt install --no-install-recommends "${missing[@]}"; then
    exit 0
fi
apt update || echo "setup: apt-get update failed (see above); trying with the package lists that are here" >&2
apt install --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]} on $system (see above)." \
        "Their names are those of $known. Is there a connection to a mirror?"
