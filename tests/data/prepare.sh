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

# The small tasks: names of files are enough to deal them.
mkdir -p "$T/deep/tiny/train" && (cd "$T/deep/tiny/train" && for c in {001..200}; do mkdir "$c" && (cd "$c" && touch "$c"_{001..260}.jpg); done)
check "small tasks" scripts/prepare_small_tasks.sh "$T/deep/tiny" "$name_of" >/dev/null
check "20 classes each" test "$(cat "$at"/{task[0-3],held25,held50}.names | wc -l)" = 120
check "no class in two of them" test -z "$(sort "$at"/{task[0-3],held25,held50}.names | uniq -d)"
check "images of each" test "$(cd "$at" && wc -l <task0.list) $(wc -l <"$at/task3.list") $(wc -l <"$at/held25.list") $(wc -l <"$at/held50.test")" = "400 2000 500 4000"
check "no image is trained on and tested" test -z "$(sort "$at"/held50.{list,test} | uniq -d)"
refused "small tasks of other classes" "has 200" scripts/prepare_small_tasks.sh "$T" "$name_of"
rm "$T/deep/tiny/train/007/"*_00?.jpg "$T/deep/tiny/train/007/"*_01?.jpg
refused "too few images" "/007: 241 images are too few: 250 are needed" scripts/prepare_small_tasks.sh "$T/deep/tiny" "$name_of"
refused "Tiny ImageNet with other classes" "has 200" scripts/prepare_tiny_imagenet.sh "$T"
finish
