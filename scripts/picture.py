"""The README's picture from records: mean accuracy after each task, of the chip, its float twin and Adam.

    for on in chip float adam; do
        cimlearn run m2ru --stream permuted-mnist --seeds 3 --on $on --out runs/picture/$on
    done
    python scripts/picture.py runs/picture/*

Folders of the same placement are one curve; bands are one standard deviation over seeds. It writes
docs/images/permuted-mnist.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cimlearn import metrics
from cimlearn.report import read_run
from cimlearn.report.html import chart, drawing
from cimlearn.units import plural

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "permuted-mnist.png"
NAMES = {"chip": "chip", "float": "float twin", "adam": "Adam"}
MARKERS = {"chip": "o", "float": "s", "adam": "^"}


def main(folders: list[str]) -> None:
    """Read, group, draw, save."""
    found: dict[str, list[metrics.Rows]] = {}
    for folder in folders:
        run = read_run(folder)
        found.setdefault(str(run.config["on"]), []).extend(run.matrices())
    with drawing.style():
        seeds = sorted({len(matrices) for matrices in found.values()})
        said = plural(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        figure, axes = drawing.new(f"Permuted MNIST: mean accuracy over the tasks so far, {said}", (6.4, 3.2))
        figure.subplots_adjust(0.09, 0.14, 0.8, 0.89)
        axes.yaxis.set_label_coords(-0.085, 0.5)
        ends = []
        for on, colour in zip(found, chart.series_of(list(found)), strict=True):
            curves = list(zip(*[metrics.after_each_task(m) for m in found[on]], strict=True))
            x, middle = range(1, len(curves) + 1), [metrics.mean(c) for c in curves]
            spread = [metrics.std(c) or 0.0 for c in curves]
            ink = drawing.SERIES[colour]
            axes.plot(x, middle, color=ink, linewidth=2.2, marker=MARKERS[on], markersize=4.5, zorder=3)
            low = [m - s for m, s in zip(middle, spread, strict=True)]
            high = [m + s for m, s in zip(middle, spread, strict=True)]
            axes.fill_between(x, low, high, color=ink, alpha=0.18, linewidth=0, zorder=2)
            ends.append((middle[-1], f"{NAMES[on]}: {100 * middle[-1]:.1f} %", ink))
            print(
                f"{on}: {100 * middle[-1]:.1f} +- {100 * spread[-1]:.1f} % ({plural(len(found[on]), 'seed')})"
            )
        drawing.percent_axis(axes, 0.7)
        axes.set(xlim=(0.9, len(curves) + 0.1), xlabel="tasks learned, 60,000 images each")
        axes.set_xticks(range(1, len(curves) + 1))
        for value, text, ink in ends:
            axes.annotate(text, (len(curves), value), (10, 0), textcoords="offset points",
                          color=ink, va="center", annotation_clip=False)  # fmt: skip
    drawing.png(figure, PICTURE)


if __name__ == "__main__":
    main(sys.argv[1:])
