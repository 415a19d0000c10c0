"""How fitted numbers spread over cells: the parameters of `device.*` with their intervals.

step = mean up (or down, where that is larger),  asymmetry = 1 - mean down / mean up
gain_i = (up_i + down_i) / (2 step),  skew_i = (up_i - down_i) / (2 step)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.devices.fit.data import Data
from cimlearn.devices.fit.fit import Cells
from cimlearn.devices.fit.laws import POINTS

Float = NDArray[np.float64]
JOINT: Final = 0.95  # that all intervals together hold
ONE_CELL: Final = (
    0.1  # spread of the step that is assumed where one cell was measured, as of the default cell
)
FEW: Final = 8  # cells from which a log-normal spread is told from a normal one


class Number(NamedTuple):
    """A parameter with the interval that holds it; None where data can't say."""

    value: float
    low: float | None
    high: float | None
    assumed: str = ""  # why it was not measured


def numbers(cells: Cells, data: Data) -> dict[str, Number | tuple[float, ...] | str]:
    """'step' -> ... for every number of `device.*` that the law has."""
    count = len(cells.own)
    both = [bool(np.any(data.up[~data.first] == way)) for way in (True, False)]
    names = _measured(cells)
    alpha = (1 - JOINT) / len(names)
    up, down = (np.exp([own[way] for own in cells.own]) for way in ("up", "down"))
    worse = {w: np.array([e[w] for e in cells.error]) for w in ("up", "down")}
    error = {"up": up * worse["up"], "down": down * worse["down"]}
    larger = up if up.mean() >= down.mean() else down
    step = float(larger.mean())
    found: dict[str, Number | tuple[float, ...] | str] = {"law": cells.law}
    which = "up" if larger is up else "down"
    found["step"] = _mean(larger, error[which], alpha, step_log=worse[which])
    found["asymmetry"] = _asymmetry(up, down, worse, both, alpha)
    found |= _spreads(up, down, error, step, alpha, both)
    found |= _shape(cells, alpha)
    found |= _bounds(cells, alpha)
    found |= _noise(cells, step, alpha)
    if count >= FEW:
        gain = 0.5 * (up + down) / step
        normal = -np.log(gain.std())
        logarithmic = -np.log(np.log(gain).std()) - np.log(gain).mean()
        found["step_spread_law"] = "log-normal" if logarithmic > normal + 2 / count else "normal"
        if found["step_spread_law"] == "log-normal":
            found["step_spread"] = _spread(np.log(gain), 0.5 * (worse["up"] + worse["down"]), alpha)
    return found


def _measured(cells: Cells) -> list[str]:
    """What intervals are stated for."""
    names = ["step", "asymmetry", "cycle", "cycle_absolute", "write_noise"]
    names += [f"{n}" for n in cells.own[0] if n not in ("up", "down")]
    if len(cells.own) > 1:
        names += ["step_spread", "asymmetry_spread"] + [
            f"{n}_spread" for n in cells.own[0] if n not in ("up", "down")
        ]
    return names


def _mean(values: Float, errors: Float, alpha: float, step_log: Float | None = None) -> Number:
    """Mean over cells and its interval: t of the cells' spread, or the fit's own error of a single one."""
    from scipy import stats

    value = float(values.mean())
    if len(values) == 1:
        half = stats.norm.isf(alpha / 2) * float(errors[0])
        if not np.isfinite(half):
            return Number(value, None, None)
        if step_log is not None:  # steps are fitted in their logarithm
            factor = np.exp(stats.norm.isf(alpha / 2) * float(step_log[0]))
            return Number(value, value / factor, value * factor)
        return Number(value, value - half, value + half)
    known = errors[
        np.isfinite(errors)
    ]  # a cell whose data leave a direction open says nothing of its own error
    own = float(np.mean(known**2)) if known.size else 0.0
    spread = max(float(values.var(ddof=1)), own)
    half = float(stats.t.isf(alpha / 2, len(values) - 1)) * np.sqrt(spread / len(values))
    least = -np.inf if step_log is None else 0.0  # a step has its way
    return Number(value, max(value - half, least), value + half)


def _spread(values: Float, errors: Float, alpha: float) -> Number:
    """Standard deviation between cells without the fit's own error, and its interval by chi^2."""
    from scipy import stats

    free = len(values) - 1
    total = float(values.var(ddof=1))
    own = float(np.mean(np.where(np.isfinite(errors), errors, 0.0) ** 2))
    low, high = (total * free / stats.chi2.isf(a, free) for a in (alpha / 2, 1 - alpha / 2))
    value, least, most = (float(np.sqrt(max(v - own, 0.0))) for v in (total, low, high))
    return Number(value, least, most)


def _asymmetry(up: Float, down: Float, worse: dict[str, Float], both: list[bool], alpha: float) -> Number:
    """Share that steps of the weaker way lack, against those of the stronger; positive: down is weaker."""
    if not all(both):
        return Number(
            0.0, None, None, "only one polarity was measured; the other is taken for its mirror image"
        )

    def share(ratio: float) -> float:
        return 1 - ratio if ratio <= 1 else -(1 - 1 / ratio)

    ratio = float(down.mean() / up.mean())
    each = np.log(down) - np.log(up)
    errors = np.hypot(worse["up"], worse["down"])
    number = _mean(each, errors, alpha)
    if number.low is None or number.high is None:
        return Number(share(ratio), None, None)
    shift = np.log(ratio) - number.value  # mean of ratios against ratio of means
    least, most = (share(float(np.exp(v + shift))) for v in (number.high, number.low))
    return Number(share(ratio), least, most)


def _spreads(
    up: Float, down: Float, error: dict[str, Float], step: float, alpha: float, both: list[bool]
) -> dict[str, Number | tuple[float, ...] | str]:
    """Spreads of gain and skew."""
    if len(up) == 1:
        why = "one cell only was measured; as the default cell of this project"
        return {
            "step_spread": Number(ONE_CELL, None, None, why),
            "asymmetry_spread": Number(0.0, None, None, "one cell only was measured"),
        }
    mean_error = 0.5 * np.hypot(error["up"], error["down"]) / step
    found = {"step_spread": _spread(0.5 * (up + down) / step, mean_error, alpha)}
    skew = Number(0.0, None, None, "only one polarity was measured")
    if all(both):
        skew = _spread(0.5 * (up - down) / step, mean_error, alpha)
    return {**found, "asymmetry_spread": skew}


def _shape(cells: Cells, alpha: float) -> dict[str, Number | tuple[float, ...] | str]:
    """Bends, rates and tables."""
    found: dict[str, Number | tuple[float, ...] | str] = {}
    if cells.law == "table":
        for way in ("up", "down"):
            found[f"table_{way}"] = tuple(float(np.exp(cells.shape[f"{way}{n}"])) for n in range(POINTS))
        return found
    for name, value in cells.shape.items():
        found[name] = Number(float(value), None, None)
    for name in ("bend_up", "bend_down"):
        if name in cells.own[0]:
            values = np.array([own[name] for own in cells.own])
            errors = np.array([error[name] for error in cells.error])
            found[name] = _mean(values, errors, alpha)
            if len(values) > 1:
                found[f"{name}_spread"] = _spread(values, errors, alpha)
    return found


def _bounds(cells: Cells, alpha: float) -> dict[str, Number | tuple[float, ...] | str]:
    """Lowest and highest places: fitted by soft bounds, elsewhere as far as data reach."""
    found: dict[str, Number | tuple[float, ...] | str] = {}
    for side, place in (("low", 0), ("high", 1)):
        sign = -1.0 if side == "low" else 1.0
        if side in cells.own[0]:
            values = sign * np.exp([own[side] for own in cells.own])
            errors = np.abs(values) * np.array([error[side] for error in cells.error])
        else:
            values, errors = np.array([reach[place] for reach in cells.reach]), np.zeros(len(cells.reach))
        number = _mean(values, errors, alpha)
        if side not in cells.own[0]:
            number = Number(number.value, None, None)
        found[f"bound_{side}"] = number
        if len(values) > 1:
            relative = _spread(values / values.mean(), np.abs(errors / values.mean()), alpha)
            found[f"bound_{side}_spread"] = relative
        else:
            found[f"bound_{side}_spread"] = Number(0.0, None, None, "one cell only was measured")
    return found


def _noise(cells: Cells, step: float, alpha: float) -> dict[str, Number | tuple[float, ...] | str]:
    """Noise of pulses and of what is read after a write."""
    from scipy import stats

    quantile = float(stats.norm.isf(alpha / 2))
    found: dict[str, Number | tuple[float, ...] | str] = {}
    for name, value, error in zip(
        ("cycle", "cycle_absolute", "write_noise"), cells.noise[:3], cells.noise_error[:3], strict=True
    ):
        shown = float(value) / (step if name == "write_noise" else 1.0)
        if np.isfinite(error):
            factor = float(np.exp(quantile * error))
            found[name] = Number(shown, shown / factor, shown * factor)
        else:
            found[name] = Number(shown, 0.0, None)
    return found


class Alike(NamedTuple):
    """Noise of readings that stays alike from pulse to pulse."""

    share: Number  # of the variance of readings
    pulses: Number  # after which it has fallen to 1 / e
    size: float  # its standard deviation [half windows]
    rest: float  # standard deviation of what is new with each reading [half windows]


def alike(cells: Cells) -> Alike | None:
    """What of it was found; None where every reading is new. Both intervals hold together at 95 %."""
    from scipy import stats

    read, share, pulses = (float(v) for v in cells.noise[2:])
    if share == 0:
        return None
    quantile = float(stats.norm.isf((1 - JOINT) / 4))

    def number(value: float, odds: float, error: float, found: Callable[[float], float]) -> Number:
        if not np.isfinite(error):
            return Number(value, None, None)
        factor = float(np.exp(quantile * error))
        return Number(value, found(odds / factor), found(odds * factor))

    return Alike(
        number(share, share / (1 - share), float(cells.noise_error[3]), lambda odds: odds / (1 + odds)),
        number(pulses, pulses, float(cells.noise_error[4]), float),
        read * share**0.5,
        read * (1 - share) ** 0.5,
    )
