#!/usr/bin/env python3
"""close.py A B TOL - two files of numbers, one a line: equal length, at least one line, |a - b| <= TOL."""
import sys

a, b = ([float(x) for x in open(p)] for p in sys.argv[1:3])
tol = float(sys.argv[3])
worst = max((abs(x - y) for x, y in zip(a, b)), default=float("inf"))
if not (len(a) == len(b) and len(a) > 0 and worst <= tol):
    print(f"{sys.argv[1]} and {sys.argv[2]}: {len(a)} and {len(b)} numbers, worst difference {worst}")
    sys.exit(1)
