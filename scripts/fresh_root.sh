#!/usr/bin/env bash
# fresh_root.sh SUITE [FOLDER]: makes a root of Debian SUITE (trixie, bookworm) under FOLDER (/var/tmp), with git and nothing more
# added, clones the last commit into it, runs there scripts/test.sh and then scripts/demo.sh, and prints both closing lines. As root,
# with debootstrap. The logs stay in FOLDER/fresh-SUITE.*.log; the root goes, unless KEEP=1. MIRROR=URI: another mirror than apt's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "fresh_root: $*" >&2; exit 1; }

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
suite=$1 folder=$(realpath "${2:-/var/tmp}")
root=$folder/fresh-$suite
case $suite in trixie | bookworm) ;; *) fail "'$suite': trixie or bookworm" ;; esac
[ "$(id -u)" = 0 ] || fail "only root can make a root"
for tool in debootstrap unshare git; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install debootstrap util-linux git"
done
[ -z "$(git status --porcelain --untracked-files=no)" ] || fail "the last commit is what is tested: commit first"
[ ! -e "$root" ] || fail "$root is there: remove it first"

# Mounts of its own: they go with this process, however it ends.
[ -n "${FRESH_ROOT:-}" ] || FRESH_ROOT=1 exec unshare --mount --propagation private "$0" "$@"
clean_up() {
    local status=$?
    umount -R -l "$root"/{proc,dev,root/shared} 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$root"
    exit $status
}
trap clean_up EXIT

# The mirror that apt uses here: the first address of its sources that has the suite's name or is no archive of security updates.
apt_mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | grep -m 1 'debian/*$'
}
mirror=${MIRROR:-$(apt_mirror || true)}
[ -n "$mirror" ] || fail "apt has no Debian mirror here: MIRROR=URI names one"
debootstrap --variant=minbase --include=git "$suite" "$root" "$mirror" >"$root.debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $(tail -n 1 "$root.debootstrap.log") ($root.debootstrap.log)"

# How this machine reaches the mirror: names, proxies and certificates.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
apt-config dump | grep -E '^Acquire::(https?|Check|Retries)[^ ]* "[^"]' >"$root/etc/apt/apt.conf.d/90machine" || true
for file in $(sed -nE 's/.*::(CAInfo|CaInfo|SslCert|SslKey) "([^"]+)";/\2/p' "$root/etc/apt/apt.conf.d/90machine") \
    /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || install -D -m 644 "$file" "$root$file"
done
proxies=()
for name in http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || proxies+=("$name=${!name}")
done

git clone -q --bare --no-hardlinks . "$root/root/repository.git"
commit=$(git -C "$root/root/repository.git" rev-parse --short HEAD)
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ -d ../shared ]; then
    mkdir "$root/root/shared"
    mount --bind -o ro ../shared "$root/root/shared"
fi
inside() { chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ${proxies[@]+"${proxies[@]}"} bash -c "$1"; }
inside "cd && git clone -q repository.git metaperturb"
inside "command -v nvcc gcc darknet" && fail "the root is not fresh"

status=0
for command in test demo; do
    log=$root.$command.log
    inside "cd ~/metaperturb && scripts/$command.sh" >"$log" 2>&1 </dev/null || { status=1; echo "$command.sh failed: $log"; }
    echo "$suite, commit $commit, scripts/$command.sh: $(tail -n 1 "$log")"
done
exit $status
