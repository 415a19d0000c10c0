"""Which classes are taken for which: the held-out examples of all tasks, when the last one was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cimlearn.runfolder.records import Run
from cimlearn.units import percent, plural, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST: Final = 12  # letters of a class's name in the figure
_UPRIGHT: Final = 36  # letters that stand beside each other below the columns


def counts(run: Run) -> list[list[int]] | None:
    """(classes, answers) held-out examples of all tasks and counted seeds; None where no record says so."""
    found = [run.of_seed(seed)[-1].confusion for seed in run.counted_seeds]
    if not found or not all(found):
        return None
    return [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*found, strict=True)]


def names(run: Run, classes: int) -> list[str]:
    """What the classes are called; their numbers where nobody named them."""
    said = run.config.get("stream_facts", {}).get("classes")
    return [str(one) for one in said] if said and len(said) == classes else [str(k) for k in range(classes)]


def figure(run: Run, counted: list[list[int]]) -> Figure:
    """A row for each class with held-out examples, a column for each answer, shares of the row."""
    import numpy as np

    from cimlearn.report.html import drawing, shades

    found = np.array(counted)
    there = np.flatnonzero(found.sum(axis=1))
    answers = np.flatnonzero(found.sum(axis=0) + found.sum(axis=1))
    share = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    known = [one if len(one) <= _LONGEST else one[: _LONGEST - 1] + "…" for one in names(run, len(found))]
    longest = max(len(known[k]) for k in answers)
    with drawing.style():
        drawn, axes = drawing.new("Answers by class [%]")
        shades.cells(axes, share[np.ix_(there, answers)], [[f"{100 * v:.0f}" if v else "" for v in row]
                                                           for row in share[np.ix_(there, answers)]])  # fmt: skip
        axes.set(xlabel="answered", ylabel="class")
        axes.set_xticks(np.arange(len(answers)) + 1, [known[k] for k in answers])
        axes.set_yticks(np.arange(len(there)) + 1, [known[k] for k in there])
        room = 0.02 * longest
        drawn.subplots_adjust(left=0.1 + room)
        axes.yaxis.set_label_coords(-(0.06 + room) / (0.885 - room), 0.5)
        if longest * len(answers) > _UPRIGHT:
            axes.tick_params(axis="x", rotation=90)
            drawn.subplots_adjust(bottom=0.11 + 1.3 * room)
    return drawn


def words(run: Run, found: list[list[int]]) -> str:
    """Which class is answered right least often, and what it is most often taken for."""
    share = {k: row[k] / sum(row) for k, row in enumerate(found) if sum(row) > 0}
    worst = min(share, key=lambda k: share[k])
    row, known = found[worst], names(run, len(found))
    said = (
        f"Held-out examples of all tasks at the end, {plural(len(run.counted_seeds), 'seed')}; each row is a class and "
        f"adds up to 100 %. ‘{known[worst]}’ is answered right least often ({percent(share[worst])} of "
        f"{whole(sum(row))})"
    )
    taken, wrong = max(((k, n) for k, n in enumerate(row) if k != worst), key=lambda one: one[1])
    return said + (
        f", and most often taken for ‘{known[taken]}’ ({percent(wrong / sum(row))})." if wrong else "."
    )
