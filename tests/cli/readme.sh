#!/usr/bin/env bash
# readme.sh - every command of README's ```sh blocks, run in their order as they stand, in a folder that looks like the repository's
# root: small made pictures and cfgs under the names that README uses. What cannot be run here is a counted skip.
. "$(dirname "$0")/../lib/lib.sh"
W=$T/work readme=${README:-README.md}
mkdir -p "$W/cfg" "$W/pictures" "$W/boxes" "$W/cache/targets/mine" "$W/cache/tasks"
for folder in build cfg_meta scripts src; do ln -s "$PWD/$folder" "$W/$folder"; done
tiny_data
need "pictures with boxes" python3 tests/lib/make_boxes.py "$T/set"
cp -r "$T/train" "$T/test" "$W/pictures"
cp "$T"/set/images/*.png "$T"/set/labels/*.txt "$W/boxes"
printf 'box\nring\n' >"$W/boxes/classes.names"
cp "$T/test/disk/0.png" "$W/photo.png"
sed 's/^max_batches=.*/max_batches=4/' tests/lib/tiny-plain.cfg >"$W/my.cfg"
cp tests/lib/tiny.cfg "$W/cfg/resnet20.cfg"
sed -z 's/\[meta_shared\]\nanneal=0.4//; s/activation=linear\n\n\[perturb\]\nactivation=leaky/activation=leaky/
    s/max_batches=240/max_batches=4/; s/burn_in=20/burn_in=2/; s/steps=180/steps=3/' tests/lib/tiny-yolo.cfg >"$W/my-yolo.cfg"
# Somebody's program: libdarknet.so through ctypes, on the network that was trained here.
{ echo 'import sys; sys.argv = ["your_program.py", "my-p.cfg", "backup/my-p.weights", "photo.png", "3"]'
  cat tests/host/client.py; } >"$W/your_program.py"

# without COMMAND: why it cannot be run here; nothing where it can.
without() {
    case $1 in
        "git clone "*) echo "needs the network" ;;
        scripts/demo.sh) echo "needs the network and minutes (scripts/fresh_root.sh runs it)" ;;
        scripts/setup.sh) echo "may install packages (tests/lib/harness.sh runs it with --build)" ;;
        make) echo "has been run: what it builds is used here" ;;
        scripts/test.sh) echo "is what runs this test" ;;
        scripts/prepare_pack.sh*)
            /usr/bin/python3 -c 'import PIL' 2>/dev/null || echo "python3-pil is missing" ;;
    esac
}
# What a command that cannot be run would have left for those after it; and what makes the next one short.
after() {
    case $1 in
        scripts/prepare_pack.sh*) [ -e "$W/cache/targets/mine/mine.data" ] || cp "$T/tiny.data" "$W/cache/targets/mine/mine.data" ;;
        scripts/prepare_folder.sh*) sed -i 's/^steps=.*/steps=2/' "$W"/cache/tasks/*/*.meta ;;
    esac
}

sed -n '/^```sh$/,/^```$/{/^```/!p}' "$readme" >"$T/commands"
need "README has commands" test "$(wc -l <"$T/commands")" -ge 15
while IFS= read -r line <&3; do
    why=$(without "$line")
    if [ -n "$why" ]; then
        skip "$line: $why"
    else
        step "$line"
        if (cd "$W" && bash -c "$line") >"$T/log" 2>&1 </dev/null; then ok; else bad "$line: status $?: $(tail -n 1 "$T/log")"; fi
    fi
    after "$line"
done 3<"$T/commands"

# Every command that the table names is one, every option too, every page that is linked is there.
"$MP" --help >"$T/help"
while read -r first second; do
    check "the table names $first $second" grep -q "^  metaperturb $first $second\b" "$T/help"
done < <(sed -n 's/^| `\(.*\)` | .* | \[.*/\1/p' "$readme" | tr -d '`,' | while read -r first rest; do
    seen=$first
    for word in $rest; do
        case $word in phi) seen=phi ;; *) echo "$seen $word" ;; esac
    done
    [ -n "$rest" ] || echo "$first"
done)
for page in $readme docs/README.md; do
    while read -r link; do
        check "$page links $link" test -e "$(dirname "$page")/$link"
    done < <(grep -o '](\([^)#]*\))' "$page" | sed 's/^](//; s/)$//' | grep -v '^http')
done
check "README is no longer than 120 lines" test "$(wc -l <"$readme")" -le 120
finish
