#!/usr/bin/env python3
"""check_circles.py SRC [BUILD]: no circle between the files of a room: of headers that include each other, and, where
BUILD has the objects of these sources, of files that call each other's functions. Prints a FAIL line for each circle
and, last, how many rooms have none."""
import os
import re
import subprocess
import sys

src, build = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None


def files(room, *ends):
    found = []
    for folder, _, names in os.walk(os.path.join(src, room)):
        found += [os.path.join(folder, n) for n in names if n.endswith(ends)]
    return sorted(found)


def includes(room):
    """{header: {header of the room that it includes: the line's number}}"""
    graph = {h: {} for h in files(room, ".h", ".inc")}
    for header, to in graph.items():
        with open(header, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                name = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
                for base in (src, os.path.dirname(header)) if name else ():
                    path = os.path.normpath(os.path.join(base, name[1]))
                    if path in graph and path != header:
                        to[path] = f"line {number}"
    return graph


def symbols(path):
    """What an object defines, and what it wants from others."""
    said = subprocess.run(["nm", "-g", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split()[-2:] for line in said.splitlines() if len(line.split()) > 1]
    return {name for kind, name in rows if kind not in "Uw"}, {name for kind, name in rows if kind == "U"}


def calls(room):
    """{source: {source of the room whose functions or tables it uses: one of them}}"""
    objects = {}
    for source in files(room, ".c", ".cpp"):
        path = os.path.join(build, os.path.relpath(os.path.splitext(source)[0], src) + ".o")
        if os.path.exists(path):
            objects[source] = symbols(path)
    owner = {name: source for source, (defined, _) in objects.items() for name in defined}
    return {source: {owner[name]: name for name in sorted(wanted) if owner.get(name, source) != source}
            for source, (_, wanted) in objects.items()}


def circle(graph):
    """One circle as a list of files, the first one at the end again; None."""
    state, way = {}, []

    def walk(at):
        state[at] = 1
        way.append(at)
        for to in graph[at]:
            if state.get(to) == 1:
                return way[way.index(to):] + [to]
            found = None if to in state else walk(to)
            if found:
                return found
        way.pop()
        state[at] = 2
        return None

    for start in sorted(graph):
        found = None if start in state else walk(start)
        if found:
            return found
    return None


rooms = sorted(d for d in os.listdir(src) if os.path.isdir(os.path.join(src, d)))
clean = looked = 0
for one in rooms:
    graphs = [includes(one)] + ([calls(one)] if build else [])
    looked += sum(len(g) for g in graphs[1:])
    found = [(g, c) for g in graphs for c in [circle(g)] if c]
    for g, c in found:
        print(f"FAIL {one}: a circle: {c[0]}" + "".join(f" -> ({g[a][b]}) {b}" for a, b in zip(c, c[1:])))
    clean += not found
if build and not looked:
    print(f"FAIL no object of {src} in {build}")
    clean = -1
print(clean, len(rooms) - clean, looked)
sys.exit(clean != len(rooms))
