"""make_tasks.py SOURCE OUT --tasks N [--size S] [--meta FILE --cfg CFG] - tasks for meta-training from a folder of CLASS/images.

The classes, in an order that hangs on their names alone, are cut into N/2 groups; every group serves two tasks, whose train and
validation halves are swapped (split=half0, half1: src/data/dataset.h). Images become SxS PNG files, once; those that have that
size already are taken over as they are. OUT: train/cNNN/, groupG.data with its lists, index.tsv (new name, old name)."""
import argparse
import hashlib
import multiprocessing
import os
import shutil
import sys

from PIL import Image, ImageOps

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".tif", ".tiff", ".webp")


def fail(text):
    sys.exit(f"make_tasks: {text}")


def images_of(folder):
    """All pictures under a class's folder, as paths relative to it, in a fixed order."""
    found = []
    for where, below, files in os.walk(folder):
        below.sort()
        found += [os.path.relpath(os.path.join(where, f), folder) for f in files if f.lower().endswith(ENDINGS)]
    return sorted(found)


def convert(job):
    """Returns None, or why it failed."""
    source, target, size = job
    try:
        with Image.open(source) as im:
            if im.size == (size, size) and im.format in ("JPEG", "PNG") and im.mode == "RGB" and im.getexif().get(274, 1) == 1:
                shutil.copyfile(source, target + (".jpg" if im.format == "JPEG" else ".png"))
                return None
            im = ImageOps.exif_transpose(im).convert("RGB")
            if im.size != (size, size):
                im = im.resize((size, size), Image.LANCZOS)
            im.save(target + ".png")
    except Exception as e:      # whatever a damaged file makes the decoder say
        return f"{source}: cannot be decoded ({type(e).__name__}: {e}); remove it or fetch it again"
    return None


def ending_of(target):
    return ".jpg" if os.path.exists(target + ".jpg") else ".png"


def write(path, lines):
    with open(path, "w") as f:
        f.write("".join(line + "\n" for line in lines))


def write_group(out, g, classes, files):
    """classes: (number, name); files: class number -> names below train/cNNN."""
    write(f"{out}/group{g}.list", [f"train/c{n:03d}/{f}" for n, _ in classes for f in files[n]])
    write(f"{out}/group{g}.labels", [f"/c{n:03d}/" for n, _ in classes])
    write(f"{out}/group{g}.names", [name for _, name in classes])
    write(f"{out}/group{g}.data", [f"classes={len(classes)}", f"train=group{g}.list", f"labels=group{g}.labels",
                                   f"names=group{g}.names"])


def write_meta(path, cfg, out, groups):
    lines = [f"# meta-training over {2 * groups} tasks of {out}", "[meta]", f"cfg={cfg}", f"phi={out}.phi", "steps=750", "batch=128",
             "seed=1"]
    for g in range(groups):
        for half in (0, 1):
            lines += ["", "[task]", f"name=group{g}-half{half}", f"data={out}/group{g}.data", f"split=half{half}"]
    write(path, lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source")
    p.add_argument("out")
    p.add_argument("--tasks", type=int, required=True)
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--meta")
    p.add_argument("--cfg", default="cfg/resnet20.cfg")
    p.add_argument("--called", help="the folder's name in the META file, if it is moved later")
    a = p.parse_args()
    if a.tasks < 2 or a.tasks % 2:
        fail(f"{a.tasks} tasks: it must be an even number, as each group of classes makes two")
    if a.size < 1:
        fail(f"size {a.size}: at least 1")
    if not os.path.isdir(a.source):
        fail(f"{a.source}: no such folder")
    names = sorted(d for d in os.listdir(a.source) if os.path.isdir(os.path.join(a.source, d)))
    found = [(name, images_of(os.path.join(a.source, name))) for name in names]
    found = [(name, files) for name, files in found if files]
    groups = a.tasks // 2
    if len(found) < 2 * groups:
        fail(f"{a.source}: {len(found)} folders with images, but {a.tasks} tasks need {2 * groups} classes at least")
    few = [name for name, files in found if len(files) < 2]
    if few:
        fail(f"{a.source}/{few[0]}: one image cannot be halved: remove the class or add images")
    os.makedirs(a.out)
    jobs, index = [], []
    for number, (name, files) in enumerate(found):
        os.makedirs(f"{a.out}/train/c{number:03d}")
        for i, f in enumerate(files):
            jobs.append((os.path.join(a.source, name, f), f"{a.out}/train/c{number:03d}/{i:05d}", a.size))
            index.append((number, f"{i:05d}", f"{name}/{f}"))
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        for done, why in enumerate(pool.imap(convert, jobs, 256)):
            if why:
                pool.terminate()
                fail(why)
            if sys.stderr.isatty() and done % 1000 == 0:
                print(f"\rmake_tasks: {done} of {len(jobs)} images", end="", file=sys.stderr)
    files = {}
    with open(f"{a.out}/index.tsv", "w") as f:
        for (number, new, old), job in zip(index, jobs):
            new += ending_of(job[1])
            files.setdefault(number, []).append(new)
            f.write(f"train/c{number:03d}/{new}\t{old}\n")
    # Not the alphabet's order, which would put one kind of thing into one group.
    order = sorted(range(len(found)), key=lambda n: hashlib.sha256(found[n][0].encode()).hexdigest())
    for g in range(groups):
        mine = sorted(order[g * len(order) // groups:(g + 1) * len(order) // groups])
        write_group(a.out, g, [(n, found[n][0]) for n in mine], files)
    if a.meta:
        write_meta(a.meta, a.cfg, a.called or a.out, groups)
    print(f"make_tasks: {len(jobs)} images of {len(found)} classes, {a.tasks} tasks")


main()
