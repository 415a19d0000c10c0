"""A fitted cell as a TOML file that `--set device=FILE` takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cimlearn.devices.fit.data import Data
from cimlearn.devices.fit.spread import Number
from cimlearn.units import number as written

WINDOW = (5e-5, 1e-4)  # [S] of normalised weights, whose conductances nobody gave


def content(
    found: dict[str, Number | tuple[float, ...] | str],
    data: Data,
    *,
    normalised: bool,
    file: str,
    notes: list[str],
) -> str:
    """The text of the file."""
    trains, pulses = int(data.first.sum()), int((~data.first).sum())
    where = f"{file}: {data.cells()} cells, {trains} trains, {pulses} pulses"
    lines = ["[publication]", f'title = "Fitted to {file}"', f'reference = "{where}"', ""]
    lines += [f"# {note}" for note in notes]
    lines += _entry("kind", "pulsed", "measured here", where)
    low, high = WINDOW if normalised else (data.low, data.high)
    origin = "assumed" if normalised else "measured here"
    source = (
        "normalised weights name no conductance; set your own"
        if normalised
        else f"{where}; mean of the cells' extremes"
    )
    lines += _entry("low", float(f"{low:.6g}"), origin, source) + _entry(
        "high", float(f"{high:.6g}"), origin, source
    )
    for key, one in found.items():
        if isinstance(one, Number):
            lines += _entry(key, float(f"{one.value:.6g}"), *_owner(one, where))
        elif isinstance(one, tuple):
            lines += _entry(key, [float(f"{v:.4g}") for v in one], "measured here", where)
        else:
            lines += _entry(key, one, "measured here", where)
    return "\n".join(lines)


def _owner(one: Number, where: str) -> tuple[str, str]:
    """Origin and source of a number."""
    if one.assumed:
        return "assumed", one.assumed
    if one.low is None and one.high is None:
        return "measured here", where
    ends = " to ".join("any" if v is None else written(float(f"{v:.3g}")) for v in (one.low, one.high))
    return "measured here", f"{where}; interval {ends} (all intervals together 95 %)"


def _entry(key: str, value: object, origin: str, source: str) -> list[str]:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return [f"[device.{key}]", f"value = {text}", f'origin = "{origin}"', f'source = "{_safe(source)}"', ""]


def _safe(text: str) -> str:
    """Text inside a TOML string."""
    return text.replace("\\", "/").replace('"', "'")


def inside_ranges(
    found: dict[str, Number | tuple[float, ...] | str],
) -> dict[str, Number | tuple[float, ...] | str]:
    """Numbers cut to what the parameters allow: bounds at both sides of the middle, spreads up to 5."""
    kept = dict(found)
    for key, one in found.items():
        if isinstance(one, Number) and key.endswith("_spread"):
            kept[key] = one._replace(value=float(np.clip(one.value, 0.0, 5.0)))
    return kept


def save(path: Path, text: str) -> None:
    """Write the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
