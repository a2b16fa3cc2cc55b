#!/usr/bin/env bash
# Fetches Debian packages (about 55 MB, nothing is installed) into cache/ and builds the demo's tasks under cache/tasks/:
# cards, latin, greek, cyrillic, hebrew, fashion, each NAME/NAME.data. Silent when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(dataset-fashion-mnist gnome-cards-data
    culmus culmus-fancy fonts-3270 fonts-adf-verana fonts-anonymous-pro fonts-beteckna fonts-cantarell fonts-cardo
    fonts-clear-sans fonts-comfortaa fonts-croscore fonts-dejavu-core fonts-dustin fonts-ebgaramond fonts-eurofurence
    fonts-georgewilliams fonts-gfs-artemisia fonts-gfs-didot fonts-gfs-neohellenic fonts-go fonts-jetbrains-mono fonts-jura
    fonts-linuxlibertine fonts-monoid fonts-mononoki fonts-oldstandard fonts-open-sans fonts-play fonts-sil-gentium
    fonts-uralic)

fail() { echo "get_demo_data: $*" >&2; exit 1; }

# The stamp is made of the two scripts: whoever changes them gets new tasks.
stamp=$(cat scripts/get_demo_data.sh scripts/make_demo_tasks.py | sha256sum | cut -d' ' -f1)
[ "$(cat cache/tasks/stamp 2>/dev/null || true)" != "$stamp" ] || exit 0

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

# apt-get leaves the files in the working directory; as root its own sandbox user could not write there.
download() {
    (cd cache/deb && apt-get -qq -o APT::Sandbox::User=root download "$@" 2>../apt.log)
}

# unpack PACKAGE FOLDER: what was downloaded, into cache/x/FOLDER.
unpack() {
    local deb
    deb=$(find cache/deb -name "${1}_*.deb" | head -n 1)
    [ -n "$deb" ] || fail "apt-get download brought no file for $1 (see cache/deb)"
    dpkg-deb -x "$deb" "cache/x/$2" || fail "$deb can't be unpacked; remove it and run it again"
    rm -f "$deb"
}

missing=()
for p in "${packages[@]}"; do
    [ -e "cache/x/$p/unpacked" ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "get_demo_data: fetching ${#missing[@]} packages from the Debian mirror"
    mkdir -p cache/deb cache/x
    if ! download "${missing[@]}"; then
        # Lists of packages missing or too old; without root there is nothing more to try.
        "${as_root[@]}" apt-get -qq update >>cache/apt.log 2>&1 || true
        download "${missing[@]}" || fail "can't download from the Debian mirror (needed once, $(grep -m1 '^E:' cache/apt.log ||
            echo 'see cache/apt.log')); connect and run it again"
    fi
    for p in "${missing[@]}"; do
        rm -rf "cache/x/$p"
        mkdir -p "cache/x/$p"
        unpack "$p" "$p"
        # Since Debian 13 culmus is but a name: the fonts lie in fonts-culmus.
        if [[ $p == culmus* && ! -d cache/x/$p/usr/share/fonts ]]; then
            download "fonts-$p" || fail "can't download fonts-$p (see cache/apt.log)"
            unpack "fonts-$p" "$p"
        fi
        touch "cache/x/$p/unpacked"
    done
fi

python=/usr/bin/python3     # Debian's own: python3-pil belongs to no other
"$python" -c 'import PIL' 2>/dev/null || fail "python3-pil is missing: scripts/setup.sh installs it"
command -v rsvg-convert >/dev/null || fail "rsvg-convert is missing: scripts/setup.sh installs it (librsvg2-bin)"
rm -rf cache/tasks.tmp
"$python" scripts/make_demo_tasks.py cache/x cache/tasks.tmp || fail "building the tasks failed (see above)"
echo "$stamp" >cache/tasks.tmp/stamp
# Its own tasks alone are replaced: others lie beside them. The stamp comes last, so that a run that was cut off is done again.
mkdir -p cache/tasks
rm -f cache/tasks/stamp
for task in cache/tasks.tmp/*/; do
    rm -rf "cache/tasks/$(basename "$task")"
    mv "$task" cache/tasks/
done
mv cache/tasks.tmp/stamp cache/tasks/stamp
rm -rf cache/tasks.tmp
