"""Figure 5a of M2RU: error of the matrix-vector product on replayed inputs, three ways to lose bits.

Examples of permuted MNIST go through the chip's replay memory; the products of what is stored and of the original
with the chip's initial input weights are compared:  error = sum |W^T (x' - x)| / sum |W^T x|.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cimlearn import chips, metrics, streams
from cimlearn.chips.m2ru.setup import initial_weights, make_memory
from cimlearn.learning.replay import store_all
from cimlearn.papers.base import Claim, FigureResult, PaperFigure, Row, Runs, verdict
from cimlearn.papers.plots import lines
from cimlearn.studies.sweep import Point

KINDS: Final = {"truncate": "truncated", "nearest": "to nearest", "stochastic": "stochastic"}
BITS: Final = range(2, 9)
STREAM: Final = "permuted-mnist"


def points(quick: bool) -> tuple[Point, ...]:
    """No experiments: only the replay memory is used."""
    return ()


def stored(x: NDArray[np.float32], p: Any, shape: streams.StreamShape, seed: int) -> NDArray[np.float64]:
    """(examples, steps, features) what the replay memory of parameters `p` gives back for x."""
    memory = make_memory(p, shape, seed)
    blank = np.zeros((len(x), shape.classes), np.float32)
    store_all(memory, x, np.zeros(len(x), np.int64), blank)
    return memory.state.codes[: len(x)].astype(np.float64) / float(memory.steps)


def analyse(runs: Runs, quick: bool) -> FigureResult:
    """Error by rounding and bits: mean and standard deviation over seeds."""
    seeds, count = (2, 100) if quick else (5, 1000)
    rows: list[Row] = []
    for kind, label in KINDS.items():
        for bits in BITS:
            p = chips.parameters(
                "m2ru", {"replay.bits": bits, "replay.quantiser": kind, "replay.slots": count}
            )
            errors = [_error(p, seed, count) for seed in range(seeds)]
            rows.append(
                {
                    "rounding": label,
                    "bits": bits,
                    "error": metrics.mean(errors),
                    "error_std": metrics.std(errors),
                    "seeds": seeds,
                }
            )
    return FigureResult(rows, _caption(rows), _claims(rows, quick))


def _error(p: Any, seed: int, count: int) -> float:
    """Relative mean error of the products of one seed's examples."""
    stream = streams.open_stream(STREAM, seed=seed, settings=streams.parameters(STREAM))
    x = next(iter(stream.chunks(0, count))).x
    weights = initial_weights(p, stream.shape, seed)[0][: stream.shape.features].astype(np.float64)
    difference = (stored(x, p, stream.shape, seed) - x) @ weights
    return float(np.abs(difference).sum() / np.abs(x.astype(np.float64) @ weights).sum())


def _at(rows: list[Row], label: str, bits: int) -> float:
    """The error of one point."""
    return next(row["error"] for row in rows if row["rounding"] == label and row["bits"] == bits)


def _caption(rows: list[Row]) -> str:
    four = ", ".join(f"{label} {100 * _at(rows, label, 4):.1f} %" for label in KINDS.values())
    return (
        f"Mean error of W^T x during replay, permuted MNIST, initial input weights; "
        f"images have 8 bits, so nothing is lost there. At 4 bits: {four}."
    )


def _claims(rows: list[Row], quick: bool) -> tuple[Claim, ...]:
    """Stochastic against uniform, with both meanings of uniform."""
    claims = []
    for label in ("truncated", "to nearest"):
        ratio = metrics.mean([_at(rows, "stochastic", b) / _at(rows, label, b) for b in BITS if b < 8])
        claims.append(
            Claim(
                text=f"Stochastic quantisation errs less than uniform, if uniform means {label}",
                stated="figure 5a (values not available)",
                published="stochastic below uniform",
                ours=f"{100 * _at(rows, 'stochastic', 4):.1f} % against {100 * _at(rows, label, 4):.1f} % at 4 bits",
                ratio=ratio,
                verdict=verdict(ratio < 1),
                reason="Ratio: mean over 2 to 7 bits. The paper's meaning of uniform is unknown. Rounding to nearest "
                "has the least error of any rounding; stochastic rounding is unbiased, which this error does not show.",
                command="cimlearn reproduce m2ru 5a" + (" --quick" if quick else ""),
            )
        )
    return tuple(claims)


def draw(result: FigureResult) -> Figure:
    """Error against bits, one line per rounding."""

    def finish(axes: Axes) -> None:
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.1)  # images of 8 bits lose nothing at 8 bits
        axes.set_xticks(list(BITS))

    return lines(
        result.rows,
        title="Error of the product during replay",
        by="rounding",
        x="bits",
        y="error",
        labels=("bits per stored value", "mean error [%]"),
        scale=100,
        finish=finish,
    )


FIGURE: Final = PaperFigure("5a", "Error of the matrix-vector product during replay", points, analyse, draw)
