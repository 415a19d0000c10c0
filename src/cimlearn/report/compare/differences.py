"""The table of the parameters in which designs differ: values, owner and meaning of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cimlearn.report.compare import labels
from cimlearn.report.compare.grouping import Benchmark, ComparedDesign, set_by_user
from cimlearn.report.html.markup import Cell, badge, breakable, header, table, text
from cimlearn.units import plural

_MOST: Final = 8  # designs with a column each, and values that are listed


def differences_table(benchmark: Benchmark) -> str:
    """Each parameter that differs: its value in each design (or its values, of many designs), owner and meaning."""
    designs = benchmark.designs
    each = len(designs) <= _MOST
    body = []
    for name, entry in benchmark.varied.items():
        cells = [Cell(f"<code>{breakable(name)}</code><small>{text(entry.help)}</small>", "name", name)]
        if each:
            cells += [_value_cell(design, name) for design in designs]
        else:
            cells.append(Cell(text(_values(designs, name)), "values"))
        cells.append(Cell(_origins(designs, name)))
        body.append(cells)
    heads = [str(d.number) for d in designs] if each else ["Values"]
    head = header(["Parameter", *heads, "Origin"], range(1, len(designs) + 1) if each else ())
    caption = (
        "Parameter by design, by number. What you set is bold; its origin is that of the value that was there"
    )
    return table(caption, head, body, "differ")


def _value_cell(design: ComparedDesign, name: str) -> Cell:
    """One parameter of one design."""
    said = text(labels.value(design, name))
    return Cell(f"<strong>{said}</strong>" if set_by_user(design, name) else said, "n")


def _values(designs: Sequence[ComparedDesign], name: str) -> str:
    """The different values of a parameter, with how many designs have each."""
    seen: dict[str, int] = {}
    for design in designs:
        shown = labels.value(design, name)
        seen[shown] = seen.get(shown, 0) + 1
    said = [f"{value} ({plural(n, 'design')})" for value, n in list(seen.items())[:_MOST]]
    more = len(seen) - len(said)
    return "; ".join(said) + (f"; and {more} others" if more > 0 else "")


def _origins(designs: Sequence[ComparedDesign], name: str) -> str:
    """The origins of a parameter's values."""
    found = [{**d.run.parameters, **d.run.prices}.get(name) for d in designs]
    origins = dict.fromkeys(entry.origin for entry in found if entry is not None)
    return " ".join(badge(origin) for origin in origins)
