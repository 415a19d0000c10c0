"""How a figure looks, and how it becomes SVG inside a page or a PNG file: byte for byte the same every time.

Figures are drawn in the light palette. In SVG every palette colour becomes a CSS variable with the light
colour as its fallback, so that one drawing serves light and dark pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cimlearn.runfolder.files import make, write_atomic

INK, MUTED, LINE = "#1a1d21", "#5c6570", "#dde1e5"
ACCENT, ON_ACCENT = "#0b62a4", "#fefefe"

SERIES = (ACCENT, "#c2500a", "#00805f", "#8e4585", "#8a6d00", "#4b5a6a")  # told apart with any colour vision
_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", ON_ACCENT: "on-accent"}
_VARIABLES |= {colour: f"series-{i}" for i, colour in enumerate(SERIES, start=1) if colour != ACCENT}


SIZE = (4.5, 3.45)  # inches; all figures of a page are equal, so that they stand in a grid
_MARGINS = (0.125, 0.13, 0.985, 0.9)  # left, bottom, right, top; fixed, so that axes line up across figures
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.labelcolor": INK,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "cimlearn",
}


# What belongs to the program that draws, not to the look of a figure.
_UNTOUCHED = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone"})


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults with ours on top: nothing that a user's configuration sets shows through."""
    settings: Any = {k: v for k, v in matplotlib.rcParamsDefault.items() if k not in _UNTOUCHED}
    with matplotlib.rc_context(settings | _STYLE):
        yield


def new(title: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty figure with one set of axes. Call inside `style()`."""
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.subplots_adjust(*_MARGINS)
    axes.yaxis.set_label_coords(-0.105, 0.5)
    axes.set_title(title)
    return figure, axes


def percent_axis(axes: Axes, low: float) -> None:
    """Scale the vertical axis from `low` to 1 and label it in percent."""
    axes.set_ylim(low, 1)
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}"))
    axes.set_ylabel("accuracy [%]")
    axes.grid(axis="y")


def svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an `<svg>` element for inside a page; `name` keeps its ids apart from other figures'."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(
        r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.S
    )  # it would style the whole page
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href=", "href=")
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable}, {colour})")
    text = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans, sans-serif)", text)
    text = re.sub(r"(?<!>)\n *", " ", text)  # long paths are broken into lines
    quoted = alt.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" aria-label="{quoted}">', text, count=1
    )


def png(figure: Figure, path: Path) -> None:
    """Write the figure to `path` as PNG, in one step, without date or version inside."""
    _write(figure, path, "png", {"Software": None})


def svg_file(figure: Figure, path: Path) -> None:
    """Write the figure to `path` as an SVG file of its own, in one step, without date or version inside."""
    _write(figure, path, "svg", {"Date": None, "Creator": None})


def save(drawn: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write every figure as PNG and SVG; the files written."""
    files = []
    for name, figure in drawn.items():
        files += [folder / f"{name}.png", folder / f"{name}.svg"]
        png(figure, files[-2])
        svg_file(figure, files[-1])
    return files


def _write(figure: Figure, path: Path, form: str, metadata: dict[str, None]) -> None:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=form, metadata=metadata)
    make(path.parent, exist_ok=True)
    write_atomic(path, buffer.getvalue())
