#!/usr/bin/env bash
# install.sh - `make install` below a DESTDIR, moved elsewhere: what lies there trains, converts and is preloaded; `make uninstall` leaves
# nothing. Debian's package is built where its tools are, passes lintian, and the program in it trains.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
version=$(sed -n 's/^VERSION *= *//p' Makefile)
check "debian/changelog has the Makefile's version" test "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version"
check "CHANGELOG.md has it" test "$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)" = "$version"

refused "a PREFIX from here" "PREFIX=mine: must begin with /" make -s install PREFIX=mine DESTDIR="$T/none"
refused "a LIBDIR with a space" "LIBDIR=/a b: must" make -s install LIBDIR="/a b" DESTDIR="$T/none"
refused "WITH_VIDEO=perhaps" "WITH_VIDEO=perhaps: must be yes or no" make -s install WITH_VIDEO=perhaps DESTDIR="$T/none"
check "nothing was installed" test ! -e "$T/none"
make -s BUILD="$T/b" LIBDIR=/usr/lib/some-where PREFIX=/usr "$T/b/places.h"
check "parts are found from the program" grep -qF 'PARTS_FROM_PROGRAM "../lib/some-where/metaperturb"' "$T/b/places.h"

# program WHAT FOLDER: the program in FOLDER/bin does what a package's tests want, and knows its parts.
program() {
    local what=$1 at=$2
    check "$what: trains and converts" env PATH="$at/bin:$PATH" AUTOPKGTEST_TMP="$(mktemp -d -p "$T")" debian/tests/train >"$T/log" 2>&1
    check "$what: its library for others is there" test -e "$("$at/bin/metaperturb" --plugin)"
    check "$what: --version" test "$("$at/bin/metaperturb" --version | cut -d ' ' -f 2)" = "$version"
    check "$what: help finds the pages" cmp <("$at/bin/metaperturb" help laptop) docs/laptop.md
    ln -sf "$at/bin/metaperturb" "$T/link"
    check "$what: through a link" "$T/link" bench predict tests/lib/tiny.cfg -steps 1 >/dev/null 2>&1
}

make -s install DESTDIR="$T/root dir" PREFIX=/opt/mp >"$T/log" 2>&1
check "make install" test $? = 0
mv "$T/root dir/opt/mp" "$T/moved"
P=$T/moved
program "moved" "$P"
check "the manual is there" test "$(ls "$P/share/man/man1")" = "$(ls build/man | grep '\.1$')"
check "completion is there" test -s "$P/share/bash-completion/completions/metaperturb"
check "mpirun's part is found" env PATH="$P/bin:$PATH" AUTOPKGTEST_TMP="$(mktemp -d -p "$T")" debian/tests/mpi >"$T/log" 2>&1
for cfg in "$P"/share/metaperturb/cfg/*.cfg; do
    check "${cfg##*/}: cfg check" "$P/bin/metaperturb" cfg check "$cfg" >/dev/null 2>&1
done
for suite in "$P"/share/metaperturb/cfg_meta/{remedies,why}.suite; do
    check "${suite##*/} finds the phi beside it" sh -c "cd '$T' && '$P/bin/metaperturb' compare '$suite' -list 2>&1 | grep -v 'data: cannot be read' | grep -c 'cannot be read' | grep -qx 0"
done
check "tasks of a folder, where one is" sh -c "cd '$T' && '$P/share/metaperturb/scripts/prepare_folder.sh' train own 2 >/dev/null &&
    grep -qxF 'cfg=$P/share/metaperturb/cfg/resnet20.cfg' cache/tasks/own/own.meta"
if grep -l "build/metaperturb" "$P"/share/metaperturb/scripts/*; then bad "an installed script speaks of build/"; else ok; fi

mv "$P" "$T/root dir/opt/mp"
P="$T/root dir/opt/mp"
touch "$P/lib/other" "$P/share/metaperturb/mine"
make -s uninstall DESTDIR="$T/root dir" PREFIX=/opt/mp >"$T/log" 2>&1
check "make uninstall" test $? = 0
check "what others put there stays, nothing else" test "$(cd "$P" && find . ! -type d | sort | tr '\n' ' ')" = "./lib/other ./share/metaperturb/mine "
rm "$P/lib/other" "$P/share/metaperturb/mine"
make -s install DESTDIR="$T/root dir" PREFIX=/opt/mp >/dev/null 2>&1 && make -s uninstall DESTDIR="$T/root dir" PREFIX=/opt/mp
check "no folder of ours is left" test -z "$(find "$P" ! -type d -o -name '*metaperturb*')"

# The package. Its tree stays in build/package: what did not change is not compiled again.
for tool in dpkg-buildpackage dh lintian; do
    command -v $tool >/dev/null || { skip "no $tool: Debian's package was not built"; finish; }
done
if ! dpkg-checkbuilddeps 2>"$T/log"; then
    skip "Debian's package was not built: $(tail -n 1 "$T/log")"
    finish
fi
tree=build/package/metaperturb
mkdir -p $tree
(cd $tree && rm -rf src tests scripts cfg cfg_meta docs debian)
cp -rp Makefile install.mk README.md CHANGELOG.md LICENSE src tests scripts cfg cfg_meta docs debian $tree
(cd $tree && DEB_BUILD_OPTIONS="nocheck parallel=2" dpkg-buildpackage -us -uc -b -nc) >"$T/package.log" 2>&1
rc=$?
need "dpkg-buildpackage: $(grep -iE 'error' "$T/package.log" | head -n 2)" test $rc = 0
grep -E '^[^ ]+:[0-9]+:[0-9]+: warning:' "$T/package.log" >"$T/warnings"
check "no warning of the compiler: $(head -n 1 "$T/warnings")" test ! -s "$T/warnings"
lintian --allow-root --suppress-tags bad-distribution-in-changes-file build/package/metaperturb_"$version"_*.changes >"$T/lintian" 2>&1
rc=$?
check "lintian: $(grep '^[EW]' "$T/lintian")" test $rc = 0
dpkg-deb -x build/package/metaperturb_"${version}"_*.deb "$T/deb"
for part in "$T"/deb/usr/bin/metaperturb "$T"/deb/usr/lib/*/metaperturb/*; do
    readelf -d "$part" >"$T/dynamic"
    check "${part##*/} is bound before it runs" grep -q "BIND_NOW" "$T/dynamic"
done
dpkg-deb -f build/package/metaperturb_"${version}"_*.deb Depends Suggests >"$T/control"
check "Darknet is needed, MPI is not" sh -c "grep -q '^Depends:.*darknet' '$T/control' && ! grep -q '^Depends:.*mpi' '$T/control' && grep -q '^Suggests:.*libopenmpi' '$T/control'"
program "the package" "$T/deb/usr"
finish
