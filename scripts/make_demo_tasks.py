#!/usr/bin/python3
"""Builds small classification tasks from unpacked Debian packages: make_demo_tasks.py PACKAGES_DIR OUT_DIR

Every task gets OUT/NAME/NAME.data, lists, labels, names, and 32x32 PNG files in train/LABEL/ and test/LABEL/. Training and test
images come from different decks or font packages. Labels are cls_NAME_, so none is found inside another or by chance in a path.
Same packages, same files: every random choice is seeded by what it is for. Needs python3-pil and rsvg-convert.
"""
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

from PIL import Image, ImageChops, ImageFont, ImageStat

SIZE = 32
NEAR = 0.02             # a test image with a smaller RMSE (0..1) to a training image of its class is dropped

# The decks of Debian 12's package and of Debian 13's, training and test; without recoloured and pixel versions of another.
DECKS = [
    (["anglo", "anglo_modern", "atlasnye", "berlin", "neoclassical", "ornamental", "paris", "simplistic", "swiss-xvii",
      "tango"],
     ["ancient_french", "dondorf", "guyenne-classic", "lattmann", "orell", "plastic", "rheinland", "slavic_costumes",
      "tango_nuevo", "tarocco", "tigullio"]),
    (["adler", "anglo_poker", "atlasnye", "clubkarte", "minimum", "neoclassical", "ornamental", "paris", "simplistic",
      "swiss-XVII"],
     ["XSkat", "guyenne-classic", "l-&-h", "mittelalter", "pixelangelo", "plastic", "tango_nuevo", "tarot", "tigullio",
      "tragy"]),
]
RANKS = ["ace", "2", "3", "4", "5", "6", "7", "8", "9", "10", "jack", "queen", "king"]
SUITS = ["club", "diamond", "heart", "spade"]

SCRIPTS = {
    "latin": [chr(c) for c in range(ord("A"), ord("Z") + 1)],
    "greek": [c for c in map(chr, range(0x3B1, 0x3CA)) if c != "\u03c2"],      # small letters, without the final sigma
    "cyrillic": [chr(c) for c in range(0x410, 0x430)],                         # capitals
    "hebrew": [chr(c) for c in range(0x5D0, 0x5EB)],
}
# Whole packages, and the same for every script, so that no typeface is on both sides.
FONTS_TEST = ["culmus-fancy", "fonts-cardo", "fonts-clear-sans", "fonts-croscore", "fonts-dustin", "fonts-ebgaramond",
              "fonts-georgewilliams", "fonts-gfs-neohellenic", "fonts-jetbrains-mono", "fonts-jura", "fonts-monoid"]
FACES_PER_PACKAGE = {"culmus": 28, "culmus-fancy": 12}      # otherwise 4: many faces of one package look alike
KEYCAPS = "LinBiolinum_K.otf"                               # draws letters inside key caps
TRAIN_MAX, TEST_MAX = 40, 20                                # images of a class

FASHION = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def fail(text):
    sys.exit("make_demo_tasks: " + text)


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in lines)


def write_data(folder, task, classes, extra, suffix=""):
    keys = [f"classes={classes}", "backup=backup"] + extra
    write_lines(os.path.join(folder, task + suffix + ".data"), keys)


class Task:
    """Collects images, then writes them with their lists."""

    def __init__(self, out, name, classes):
        self.folder, self.name, self.classes = os.path.join(out, name), name, classes
        self.lists = {"train": [], "test": []}

    def add(self, part, cls, image):
        where = f"{part}/cls_{cls}_"
        os.makedirs(os.path.join(self.folder, where), exist_ok=True)
        path = f"{where}/{len(self.lists[part]):05d}.png"
        image.save(os.path.join(self.folder, path))
        self.lists[part].append(path)

    def close(self):
        for part, low in (("train", 20), ("test", 5)):
            for cls in self.classes:
                n = sum(f"/cls_{cls}_/" in p for p in self.lists[part])
                if n < low:
                    fail(f"task {self.name}: only {n} {part} images of class {cls}; the packages are not what is expected")
        write_lines(os.path.join(self.folder, "train.list"), self.lists["train"])
        write_lines(os.path.join(self.folder, "valid.list"), self.lists["test"])
        write_lines(os.path.join(self.folder, "labels.txt"), [f"cls_{c}_" for c in self.classes])
        write_lines(os.path.join(self.folder, "names.txt"), self.classes)
        keys = ["train=train.list", "valid=valid.list", "labels=labels.txt", "names=names.txt"]
        write_data(self.folder, self.name, len(self.classes), keys)
        print(f"{self.name}: {len(self.classes)} classes, {len(self.lists['train'])} training images, "
              f"{len(self.lists['test'])} test images")


def deck_cards(svg):
    """The 13 x 4 cards of a deck, as {(rank, suit): image}; the file is a grid of 13 x 5 (the last row: jokers, back)."""
    w, h = 13 * 64, 5 * 96
    with tempfile.NamedTemporaryFile(suffix=".png") as tmp:
        done = subprocess.run(["rsvg-convert", "-w", str(w), "-h", str(h), svg, "-o", tmp.name],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            fail(f"rsvg-convert can't draw {svg}: {done.stderr.strip()}")
        drawn = Image.open(tmp.name).convert("RGBA")
    sheet = Image.new("RGB", drawn.size, (255, 255, 255))
    sheet.paste(drawn, (0, 0), drawn)
    cards = {}
    for y, suit in enumerate(SUITS):
        for x, rank in enumerate(RANKS):
            cell = sheet.crop((x * 64 + 2, y * 96 + 3, x * 64 + 62, y * 96 + 93))
            if min(low for low, _ in cell.getextrema()) > 200:
                fail(f"card {rank} of {suit} in {svg} is blank")
            cards[rank, suit] = cell.resize((SIZE, SIZE), Image.LANCZOS)
    return cards


def decks_in(folder):
    """(training decks, test decks): those of the release whose decks are all there."""
    for train, test in DECKS:
        if all(os.path.exists(os.path.join(folder, deck + ".svgz")) for deck in train + test):
            return train, test
    fail(f"the decks in {folder} are neither those of Debian 12 nor those of Debian 13")


def make_cards(packages, out):
    task = Task(out, "cards", RANKS)
    folder = os.path.join(packages, "gnome-cards-data/usr/share/aisleriot/cards")
    decks_train, decks_test = decks_in(folder)
    chosen = {rank: [] for rank in RANKS}       # training cards, to compare the test cards with
    for part, decks in (("train", decks_train), ("test", decks_test)):
        for deck in decks:
            for (rank, _), image in deck_cards(os.path.join(folder, deck + ".svgz")).items():
                if any(rmse(image, other) < NEAR for other in chosen[rank]):
                    continue
                if part == "train":
                    chosen[rank].append(image)
                task.add(part, rank, image)
    task.close()


def class_name(letter):
    """Greek alpha: alpha, Cyrillic short i: short-i, Latin A: a."""
    return unicodedata.name(letter).split(" LETTER ")[1].lower().replace(" ", "-").replace("final-", "final")


def face_files(packages, package):
    """Font files of a package, at most its share, evenly spread over the sorted list."""
    found = []
    for folder, _, files in os.walk(os.path.join(packages, package)):
        for f in files:
            path = os.path.join(folder, f)
            if f.lower().endswith((".ttf", ".otf")) and f != KEYCAPS and not os.path.islink(path):
                found.append(path)
    found.sort(key=os.path.basename)
    share = FACES_PER_PACKAGE.get(package, 4)
    if len(found) <= share:
        return found
    return [found[i * len(found) // share] for i in range(share)]


def ink(font, letter):
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def glyphs(path, letters):
    """Clean glyphs, dark 0 .. light 255, each filling SIZE x SIZE but for a small border; None if the font lacks a letter.
    Fonts may claim letters that they lack: those look like the mark for a missing letter, or alike."""
    try:
        font = ImageFont.truetype(path, 96)
    except OSError:
        return None
    no_letter = {ink(font, c) for c in "\uffff\u0378\U0010fffe"}
    drawn = {c: ink(font, c) for c in letters}
    if len(set(drawn.values())) < len(letters):
        return None
    if any(m in no_letter or not any(m[1]) for m in drawn.values()):
        return None
    result = {}
    top = max(size[1] for size, _ in drawn.values())
    for c, (size, data) in drawn.items():
        image = Image.frombytes("L", size, data)
        box = image.getbbox()
        image = image.crop(box)
        # One scale for the face keeps "I" narrow, but nothing wider than the square.
        scale = min(28 / top, 28 / image.width, 28 / image.height)
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.LANCZOS)
        square = Image.new("L", (SIZE, SIZE), 0)
        square.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
        if square.getextrema()[1] < 55:         # blank, or too thin to be seen
            return None
        result[c] = square
    return result


def rmse(a, b):
    return max(ImageStat.Stat(ImageChops.difference(a, b)).rms) / 255


def paint(clean, seed):
    """The glyph in a dark colour on a light one, a little smaller and off the centre."""
    rng = random.Random(seed)
    size = rng.randint(SIZE - 9, SIZE)
    mask = Image.new("L", (SIZE, SIZE), 0)
    room = SIZE - size
    mask.paste(clean.resize((size, size), Image.LANCZOS), (rng.randint(0, room), rng.randint(0, room)))
    gray, tint = rng.randint(150, 255), rng.randint(0, 40)
    back = tuple(max(0, gray - rng.randint(0, tint)) for _ in range(3))
    fore = tuple(rng.randint(0, 90) for _ in range(3))
    image = Image.new("RGB", (SIZE, SIZE), back)
    image.paste(Image.new("RGB", (SIZE, SIZE), fore), (0, 0), mask)
    return image


def make_script(packages, out, name):
    letters = SCRIPTS[name]
    task = Task(out, name, [class_name(c) for c in letters])
    fonts = sorted(p for p in os.listdir(packages) if p.startswith(("fonts-", "culmus")))
    chosen = {c: [] for c in letters}           # clean training glyphs, to compare the test glyphs with
    for part, limit in (("train", TRAIN_MAX), ("test", TEST_MAX)):
        faces = []
        for package in fonts:
            if (package in FONTS_TEST) == (part == "test"):
                faces += [(package, f, g) for f in face_files(packages, package) for g in [glyphs(f, letters)] if g]
        # Shuffled, so that the limit cuts evenly.
        random.Random(f"{name} {part}").shuffle(faces)
        count = {c: 0 for c in letters}
        new = {c: [] for c in letters}
        for package, path, face in faces:
            for c in letters:
                near = NEAR if part == "test" else 1e-9
                if count[c] >= limit or any(rmse(face[c], g) < near for g in chosen[c]):
                    continue
                if any(rmse(face[c], g) < 1e-9 for g in new[c]):
                    continue
                new[c].append(face[c])
                count[c] += 1
                task.add(part, class_name(c), paint(face[c], f"{name} {c} {package} {os.path.basename(path)}"))
        chosen = new
    task.close()


def make_fashion(packages, out):
    folder = os.path.join(out, "fashion")
    os.makedirs(folder)
    source = os.path.join(packages, "dataset-fashion-mnist/usr/share/datasets/fashion-mnist")
    for f in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        path = os.path.join(source, f + ".gz")
        if not os.path.isfile(path):
            fail(f"{path} is missing: is this Debian's dataset-fashion-mnist?")
        os.link(path, os.path.join(folder, f + ".gz"))
    write_lines(os.path.join(folder, "names.txt"), FASHION)
    keys = ["train=train-images-idx3-ubyte.gz", "valid=t10k-images-idx3-ubyte.gz", "names=names.txt"]
    write_data(folder, "fashion", 10, keys + ["images_per_class=50"])
    write_data(folder, "fashion", 10, keys, "-full")
    print("fashion: 10 classes, 50 training images of each (fashion-full: all 60,000), 10,000 test images")


def main():
    if len(sys.argv) != 3:
        fail("usage: make_demo_tasks.py PACKAGES_DIR OUT_DIR")
    packages, out = sys.argv[1:]
    os.makedirs(out)
    make_cards(packages, out)
    for name in SCRIPTS:
        make_script(packages, out, name)
    make_fashion(packages, out)


if __name__ == "__main__":
    main()
