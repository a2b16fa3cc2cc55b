#!/usr/bin/env bash
# manual.sh - the manual, `metaperturb help` and bash's completion say what --help says, as all are made from its tables; man has nothing to
# complain of in a page, and a bash at a terminal completes a command line.
. "$(dirname "$0")/../lib/lib.sh"
M=$T/man
need "make manual" make -s manual
mkdir "$M" && cp build/man/*.1 "$M"
"$MP" --help >"$T/help"
mapfile -t commands < <(sed -n 's/^  metaperturb \([a-z ]*[a-z_]*\) .*/\1/p' "$T/help")
need "--help lists commands: ${#commands[@]}" test ${#commands[@]} -ge 20
printf '%s\n' "${commands[@]}" | cut -d ' ' -f 1 | sort -u >"$T/groups"

# 1. the manual's pages
check "a page for each group, and no other" cmp <(cd "$M" && printf '%s\n' metaperturb-*.1 | sed 's/^metaperturb-//; s/\.1$//' | sort) "$T/groups"
plain() { sed 's/\\f[BIR]//g; s/\\-/-/g' "$1"; }
check "the first page has every command" cmp <(plain "$M/metaperturb.1" | sed -n 's/^metaperturb \([a-z][a-z_ ]*\) [A-Z[].*/\1/p' | grep -vE '^help' | sort) <(printf '%s\n' "${commands[@]}" | sort)
# section COMMAND: the lines of its page between its title and the next.
section() { plain "$M/metaperturb-${1%% *}.1" | awk -v title=".SS \"metaperturb $1\"" '/^\.S[SH]/ { on = $0 == title } on'; }
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    "$MP" "${words[@]}" --help >"$T/options"
    check "$command: the page has its options" cmp <(section "$command" | sed -n 's/^\(-[a-z_0-9]*\).*/\1/p') <(sed -n 's/^  \(-[a-z_0-9]*\).*/\1/p' "$T/options")
    words_of() { sed '/^\.TP$/d; s/\\(aq/'"'"'/g; s/\\(ga/`/g; s/\\e/\\/g; s/\\&//g' "$1" | tr -s ' \n' '\n\n' | grep .; }
    section "$command" | sed 1d >"$T/section"
    check "$command: and their words" cmp <(words_of "$T/section") <(sed 1d "$T/options" | tr -s ' \n' '\n\n' | grep .)
done
# quiet TOOL PAGE: it has nothing to say of a page.
by_man() { LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null; }
by_mandoc() { mandoc -T lint -W style "$1" 2>&1; }
printf '.TH A 1\n.SH NAME\na \\- b\n.TP\n.nosuchmacro \\fQ x \\[nosuch]\n.SS\n' >"$T/bad.1"
for tool in man mandoc; do
    if ! command -v $tool >/dev/null || [ -z "$("by_$tool" "$T/bad.1")" ]; then
        skip "no $tool that sees a bad page: its look at the pages was left out"
        continue
    fi
    for page in "$M"/*.1; do
        check "$tool, ${page##*/}: $("by_$tool" "$page" | head -n 1)" test -z "$("by_$tool" "$page")"
    done
done
refused "a page of no group" "there is no such group" "$MP" help -man classifiers

# 2. metaperturb help
"$MP" help >"$T/topics"
for topic in $(sed -n 's/^  [a-z]*: *//p' "$T/topics" | sed 's/ (or.*//') environment; do
    check "help $topic" sh -c "'$MP' help $topic | grep -q ."
done
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    check "help $command" cmp <("$MP" help "${words[@]}" | head -n 1) <("$MP" "${words[@]}" --help | head -n 1)
done
check "a page" cmp <("$MP" help laptop) docs/laptop.md
check "a page of a group's name" cmp <("$MP" help weights.md) docs/weights.md
check "pages are listed" cmp <(sed -n 's/^  pages: *//p' "$T/topics" | tr ' ' '\n') <(cd docs && printf '%s\n' *.md | sed 's/\.md$//' | LC_ALL=C sort)
check "GROUP --help" cmp <("$MP" cfg --help) <("$MP" help cfg | sed '/^CFG: /,$d' | sed '$d')
refused "no topic" "did you mean weights?" "$MP" help wieghts
refused "no page" "knows no topic" "$MP" help ../README
refused "no command" "no such command" "$MP" help weights exprot

# 3. completion, as bash calls it
mkdir -p "$T/w/sub" && cd "$T/w" || exit 1
touch a.cfg b.data c.weights d.backup darknet53.conv.74 e.phi f.png "two words.jpg" g.meta h.suite i.txt j.mp4
cd "$OLDPWD" || exit 1
ln -s "$PWD/$MP" "$T/metaperturb"
cat >"$T/ask.sh" <<'A'
. "$1"; shift; cd "$1" || exit; shift
f=$(complete -p metaperturb | sed 's/.*-F \([^ ]*\) .*/\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"$f" "$1" "${*: -1}" "${*: -2:1}"
printf '%s\n' "${COMPREPLY[@]}"
A
# offers EXPECTED WORD...: what may stand in place of the last word; % in EXPECTED is a space.
offers() {
    local expected=$1
    shift
    local got
    got=$(bash "$T/ask.sh" scripts/completion.bash "$T/w" "$T/metaperturb" "$@" 2>&1 | LC_ALL=C sort | tr '\n' '|')
    check "${*@Q} is offered $got" test "$got" = "$(tr ' ' '\n' <<<"$expected" | sed 's/%/ /' | LC_ALL=C sort | tr '\n' '|')"
}
offers "$(tr '\n' ' ' <"$T/groups")help" ""
offers "weights" w
offers "check" cfg c
offers "train" detector tr
offers "a.cfg sub" cfg check ""
offers "b.data sub" classifier train ""
offers "a.cfg sub" classifier train -seed 1 b.data ""
offers "c.weights d.backup darknet53.conv.74 sub" classifier train b.data a.cfg ""
offers "f.png i.txt sub two%words.jpg" classifier predict b.data a.cfg c.weights ""
offers "two%words.jpg" detector test b.data a.cfg c.weights f.png two
offers "j.mp4 sub" detector demo b.data a.cfg c.weights ""
offers "h.suite sub" compare ""
offers "g.meta sub" meta train ""
offers "e.phi sub" classifier train --phi ""
offers "b.data sub" weights fold a.cfg c.weights o.cfg o.weights -calibrate ""
offers "sub" detector train b.data a.cfg -backup ""
offers "" classifier train -seed ""
offers "" classifier nonsense ""
offers "export" help weights ex
offers "environment" help env
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    offers "$("$MP" "${words[@]}" --help | sed -n 's/^  \(-[a-z_0-9]*\).*/\1/p' | tr '\n' ' ')--help" "${words[@]}" -
done
offers "--thresh --threads" detector map --thre

# 4. and at a terminal
cat >"$T/terminal.py" <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="$ ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen = b""
def wait(for_what, seconds=30):
    global seen
    end = time.time() + seconds
    while for_what not in seen and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 4096)
    if for_what not in seen:
        sys.exit(f"no {for_what} in {seen}")
    seen = seen.split(for_what, 1)[1]
wait(b"$ ")
os.write(fd, f"PATH={sys.argv[2]}:$PATH; source {sys.argv[1]}; cd {sys.argv[2]}/w; echo re''ady\n".encode())
wait(b"ready\r\n")
for typed, shown in ((b"metaperturb wei\t", b"weights "), (b"inf\t", b"info "), (b"c.w\t", b"c.weights "), (b"a\t", b"a.cfg ")):
    os.write(fd, typed)
    wait(shown)
os.write(fd, b"\n")
wait(b"metaperturb: c.weights")
os.write(fd, b"exit\n")
os.waitpid(pid, 0)
P
python3 "$T/terminal.py" "$PWD/scripts/completion.bash" "$T" >"$T/log" 2>&1
rc=$?
check "a bash at a terminal: $(tail -n 1 "$T/log")" test $rc = 0
finish
