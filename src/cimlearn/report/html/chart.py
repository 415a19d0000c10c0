"""Charts drawn by hand as SVG: frame, axes, marks. Colours are CSS variables, so light and dark share one drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cimlearn.report.html.markup import text
from cimlearn.report.html.scales import Tick

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 362, 26, 260  # borders of the drawing area
SERIES: Final = 6  # colours and shapes; report.css defines --series-1 to --series-6
_SHAPES: Final = (
    "M-4.5 0A4.5 4.5 0 1 0 4.5 0A4.5 4.5 0 1 0 -4.5 0Z",
    "M-4-4H4V4H-4Z",
    "M0-5.2L5 4H-5Z",
    "M0-5.6L5.6 0L0 5.6L-5.6 0Z",
    "M0 5.2L5-4H-5Z",
    "M-1.8-5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z",
)
PLACED: Final = {"chip": 0, "adam": 1, "float": 2}  # what has a colour of its own on every page and picture
_PLAIN: Final = "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0 -3 0Z"  # of designs without a colour


def series_of(places: Sequence[str]) -> list[int]:
    """The series of each line: the chip's and its twins' own where there is one of each, the others' in order."""
    own = {place: PLACED[place] for place in places if place in PLACED and list(places).count(place) == 1}
    free = iter([k for k in range(SERIES) if k not in own.values()] * (1 + len(places)))
    return [own[place] if place in own else next(free) for place in places]


def shape(series: int | None) -> str:
    """The outline of a mark around (0, 0); None: one of many."""
    return _PLAIN if series is None else _SHAPES[series]


def colour(series: int | None) -> str:
    """The class that colours a series."""
    return "plain" if series is None else f"s{series + 1}"


def swatch(series: int | None) -> str:
    """A mark for inside a line of text."""
    return (
        f'<svg class="swatch {colour(series)}" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path d="{shape(series)}"/></svg>'
    )


def across(share: float) -> float:
    """Horizontal place of a share of the axis."""
    return LEFT + share * (RIGHT - LEFT)


def up(share: float) -> float:
    """Vertical place of a share of the axis."""
    return BOTTOM - share * (BOTTOM - TOP)


def axes(x: Sequence[Tick], y: Sequence[Tick], x_name: str, y_name: str) -> str:
    """Grid, marks and names of both axes; the y name stands above, where it reads without turning one's head."""
    return (
        f'<path class="frame" d="M{LEFT} {BOTTOM}H{RIGHT}"/>'
        f'<g class="y-ticks">{"".join(_y_tick(tick) for tick in y)}</g>'
        f'<g class="x-ticks">{"".join(_x_tick(tick) for tick in x)}</g>'
        f'<text class="x-name" x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{text(x_name)}</text>'
        f'<text class="y-name" x="4" y="12">{text(y_name)}</text>'
    )


def _x_tick(tick: Tick) -> str:
    x = f"{across(tick.share):.1f}"
    return (
        f'<path class="grid" d="M{x} {BOTTOM}v4"/>'
        f'<text x="{x}" y="{BOTTOM + 17}" text-anchor="middle">{text(tick.text)}</text>'
    )


def _y_tick(tick: Tick) -> str:
    y = f"{up(tick.share):.1f}"
    return (
        f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/>'
        f'<text x="{LEFT - 7}" y="{y}" dy="0.34em" text-anchor="end">{text(tick.text)}</text>'
    )


def svg(kind: str, alt: str, *parts: str, role: str = "img") -> str:
    """The whole drawing; `role` is group where it holds links."""
    return (
        f'<svg class="chart {kind}" viewBox="0 0 {WIDTH} {HEIGHT}" role="{role}" aria-label="{text(alt)}">'
        + "".join(parts)
        + "</svg>"
    )
