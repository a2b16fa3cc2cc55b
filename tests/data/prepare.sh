#!/usr/bin/env bash
# prepare.sh - tasks of a folder of images: groups share no class, lists hold the training images alone, and a META of them runs.
. "$(dirname "$0")/../lib/lib.sh"
tiny_data
name_of=prepare-test-$$
trap 'rm -rf "$T" "cache/tasks/$name_of"' EXIT
for c in disk stripes checker; do cp -r "$T/train/$c" "$T/train/more-$c"; done
check "prepare" scripts/prepare_folder.sh "$T/train" "$name_of" 4 >/dev/null
at=cache/tasks/$name_of
check "no class in two groups" test -z "$(sort "$at"/group*.names | uniq -d)"
check "every class in one" test "$(cat "$at"/group*.names | wc -l)" = 6
check "every training image once" cmp <(cat "$at"/group*.list | sort) <(find "$(realpath "$T/train")" -name '*.png' | sort)
check "no test image" test -z "$(grep -h /test/ "$at"/group*.list)"
cp -r "$at" "$T/first"
scripts/prepare_folder.sh "$T/train" "$name_of" 4 >/dev/null
check "the same again" diff -r "$at" "$T/first" >/dev/null
scripts/prepare_folder.sh "$T/train" "$name_of" 4 1 >/dev/null
if diff -q "$at/group0.names" "$T/first/group0.names" >/dev/null; then bad "another seed, the same groups"; else ok; fi
sed "s|^cfg=.*|cfg=$PWD/tests/lib/tiny.cfg|" "$at/$name_of.meta" >"$T/m.meta"
check "meta-training of the four tasks" "$MP" meta train "$T/m.meta" -steps 2 -out "$T/m.phi" >"$T/log" 2>&1
check "halves of the same classes" test "$(grep -c ': 3 classes, 12 + 12 images' "$T/log")" = 4
refused "odd number of tasks" "even number" scripts/prepare_folder.sh "$T/train" "$name_of" 3
refused "too few classes" "too few" scripts/prepare_folder.sh "$T/train" "$name_of" 8
refused "no folder" "no such folder" scripts/prepare_folder.sh "$T/none" "$name_of" 4
refused "Tiny ImageNet with other classes" "has 200" scripts/prepare_tiny_imagenet.sh "$T"
finish
