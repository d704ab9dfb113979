#!/usr/bin/python3
"""Draws what `bench --curves` printed: how costs grow.

    plot.py CURVES.tsv PICTURE.svg

One panel a curve, both axes logarithmic; ours and, where there is one, the rival's. Needs
Debian's python3-matplotlib.
"""

import collections
import math
import sys

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "studentfs", "font.size": 9, "svg.fonttype": "path"})
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)

OURS, THEIRS = "#1f6feb", "#9a6700"


def read(path):
    """Name and unit to rows of (n, ours, rival or None)."""
    curves = collections.OrderedDict()
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, unit, n, ours, *rival = line.rstrip("\n").split("\t")
            rows = curves.setdefault((name, unit), [])
            rows.append((int(n), float(ours), float(rival[0]) if rival else None))
    return curves


def draw(axes, name, unit, rows):
    sizes = [row[0] for row in rows]
    axes.plot(sizes, [row[1] for row in rows], "o-", color=OURS, label="studentfs")
    if rows[0][2] is not None:
        axes.plot(sizes, [row[2] for row in rows], "s--", color=THEIRS, label="rival")
    axes.set(xscale="log", yscale="log", title=name, ylabel=unit)
    low, high = axes.get_ylim()
    if high / low < 100:  # flat curves are to look flat
        middle = math.sqrt(low * high)
        axes.set_ylim(middle / 10, middle * 10)
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(frameon=False)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    curves = read(sys.argv[1])
    columns = 3
    lines = -(-len(curves) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4 * columns, 2.8 * lines), squeeze=False)
    for axis, ((name, unit), rows) in zip(axes.flat, curves.items()):
        draw(axis, name, unit, rows)
    for axis in axes.flat[len(curves):]:
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


main()
