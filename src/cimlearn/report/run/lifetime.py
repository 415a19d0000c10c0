"""Section of the page: when the cells wear out."""

from __future__ import annotations

from collections.abc import Mapping

from cimlearn.costs.base import Costs
from cimlearn.costs.told import years
from cimlearn.report.costs import ageing
from cimlearn.report.html.markup import figure, folded, section, text, tile
from cimlearn.report.run import cost_words
from cimlearn.runfolder.records import Run


def lifetime(run: Run, found: Costs, drawn: Mapping[str, str]) -> str:
    """Time until the first, 1 % and 10 % of the cells are worn, and the curve between."""
    law = ageing(run)
    tiles = [
        tile("First worn cell", years(found.lifetime["first_cell"]), "in half of all chips sooner"),
        tile("1 % of the cells worn", years(found.lifetime["one_percent"])),
        tile("10 % of the cells worn", years(found.lifetime["ten_percent"])),
    ]
    if found.lifetime["first_cell"] is None:
        tiles = [tile("Worn cells", "never")]
    curve = figure(drawn["lifetime"], cost_words.law(run, law)) if "lifetime" in drawn else ""
    return section(
        "lifetime",
        "Lifetime",
        f"<p>{text(cost_words.life(run, found, law))}</p>",
        '<dl class="tiles">' + "".join(tiles) + "</dl>",
        f'<div class="figures">{curve}</div>' if curve else "",
        folded("What these years rest on", f"<p>{text(cost_words.rests_on(run, law))}</p>")
        if not curve and found.lifetime["first_cell"] is not None
        else "",
    )
