"""Sections of the page about how it came out: what was counted, every parameter, how to do it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cimlearn.report.html.markup import (
    Cell,
    badge,
    badge_kind,
    folded,
    header,
    section,
    subsection,
    table,
    text,
)
from cimlearn.report.run import words
from cimlearn.report.run.cost_words import assumed
from cimlearn.runfolder.records import Run, RunParameter
from cimlearn.units import count, quantity, si_text, value_text, whole

_CHANGED = "changed by you"


def counted(run: Run) -> str:
    """The ledger by part and action, one pair of columns per phase: short, and every digit."""
    last = run.last()
    if last is None:
        return ""
    phases = list(last.counts)
    keys = dict.fromkeys(
        (part, action) for p in phases for part, acts in last.counts[p].items() for action in acts
    )
    if not keys:
        return section(
            "counted", "What was counted", "<p>Nothing: a software twin does no work on hardware.</p>"
        )
    actions = {part: [action for p, action in keys if p == part] for part, _ in keys}
    rows = []
    for part, names in actions.items():
        for k, action in enumerate(names):
            row = [Cell(text(part), "name", span=len(names))] if k == 0 else []
            row.append(Cell(text(action.replace("_", " "))))
            for phase in phases:
                n = last.counts[phase].get(part, {}).get(action)
                row += [
                    Cell("–" if n is None else count(n), "n"),
                    Cell("" if n is None else whole(n), "n exact"),
                ]
            rows.append(row)
    groups = "".join(f'<th scope="colgroup" colspan="2" class="n">{text(_phase(p))}</th>' for p in phases)
    head = f'<tr><th scope="col">Part</th><th scope="col">Action</th>{groups}</tr>'
    ledger = table(f"Everything seed {last.seed} did from its start to its last task", head, rows)
    parts = [
        ledger,
    ]
    if any(last.conductance_on.values()):
        on = [
            [Cell(text(_phase(phase)), "name"), Cell(text(array)), Cell(text(quantity(total, "S", 4)), "n")]
            for phase, arrays in last.conductance_on.items()
            for array, total in arrays.items()
        ]
        caption = "Conductance switched on by active input bits, summed over read cycles"
        parts.append(table(caption, header(["Phase", "Array", "Sum"], [2]), on))
    said = "<p>Whole numbers, counted as they happened: the basis of energy, time and lifetime.</p>"
    return section("counted", "What was counted", said, folded("Every count", *parts))


def _phase(phase: str) -> str:
    """A phase of the ledger, as a heading."""
    return words.PHASES.get(phase, phase)


def _parameter_row(name: str, entry: RunParameter) -> list[Cell]:
    """One parameter: name and meaning, value, the same in SI as it is set, origin, source."""
    part, _, key = name.rpartition(".")
    number = isinstance(entry.value, int | float) and not isinstance(entry.value, bool)
    prefix = f'<span class="part">{text(part)}.</span>' if part else ""
    changed = f' <span class="badge changed">{_CHANGED}</span>' if entry.changed else ""
    meaning = f"<small>{text(entry.help)}</small>" if entry.help else ""
    return [
        Cell(f"<code>{prefix}{text(key)}</code>{meaning}", "name", name),
        Cell(
            text(value_text(entry.value, entry.unit)).replace(" ", "\u00a0").replace(",\u00a0", ", "),
            "n",
            repr(float(entry.value)) if number else str(entry.value),
        ),
        Cell(text(si_text(entry.value, entry.unit)), "si"),
        Cell(
            badge(entry.origin) + changed,
            "",
            entry.origin,
        ),
        Cell(text(entry.source), "source"),
    ]


def parameters(run: Run, prices: Mapping[str, RunParameter]) -> str:
    """Every parameter with its owner, and how many are assumptions; prices, if any, in a table of their own."""
    own, entries = run.parameters, [*run.parameters.values(), *prices.values()]
    origins = Counter(entry.origin for entry in entries)
    changed = sum(entry.changed for entry in entries)
    of_prices = f" and {assumed(prices)} of {len(prices)} prices" if prices else ""
    plainly = (
        f"<p><strong>{assumed(own)} of {len(own)} values{of_prices} are assumed</strong>: chosen by this project"
        f" because nothing is published. {_changed_text(changed)}</p>"
    )
    filters = "".join(
        f'<button type="button" class="badge {badge_kind(o)}" data-filter="{text(o)}" aria-pressed="false">'
        f"{text(o)} {n}</button>"
        for o, n in origins.most_common()
    )
    if changed:
        filters += (
            f'<button type="button" class="badge changed" data-filter="{_CHANGED}" aria-pressed="false">'
            f"{_CHANGED} {changed}</button>"
        )
    search = (
        '<form class="filter" id="filter" data-tables="table.entries" hidden><label>Find'
        ' <input type="search" placeholder="name, source, value"></label>'
        f'<span>{filters}</span><output aria-live="polite"></output></form>'
    )
    parts = [search, _entries("Every number the run used", own)]
    if prices:
        caption = "What the counts were multiplied with; prices never change what a chip learns"
        parts.append(subsection("Prices", _entries(caption, prices)))
    every = f"All {len(entries)} numbers, with origin and source"
    return section("parameters", "Parameters", plainly, folded(every, *parts))


def _entries(caption: str, entries: Mapping[str, RunParameter]) -> str:
    """A table of parameters, which the page's script filters and sorts."""
    head = header(["Parameter", "Value", "In SI", "Origin", "Source"], [1])
    return table(caption, head, [_parameter_row(*entry) for entry in entries.items()], "entries sortable")


def _changed_text(changed: int) -> str:
    """How many parameters the user changed, as a sentence."""
    if changed == 0:
        return "You changed none."
    whose = "its" if changed == 1 else "their"
    return f"You changed {changed}: {whose} origin and source are those of the value that was there."


def provenance(run: Run, summary: Mapping[str, Any]) -> str:
    """How to redo the run, what it read and what it ran with."""
    command = run.config.get("command")
    parts = [f"<pre><code>{text(shlex.join(str(word) for word in command))}</code></pre>"] if command else []
    if speed := summary["examples_per_second"]:
        parts.append(f"<p>The machine that ran it learned {text(count(speed))} examples per second.</p>")
    shown, parts = parts, []
    versions = {"cimlearn": run.config.get("cimlearn", "?"), **run.config.get("versions", {})}
    tasks = [
        [
            Cell(text(t["name"]), "name"),
            *(Cell(whole(int(t.get(k, 0))), "n") for k in ("examples", "held_out")),
        ]
        for t in run.config["tasks"]
    ]
    parts.append(table("Tasks, in order", header(["Task", "Examples", "Held out"], [1, 2]), tasks))
    if data := run.config.get("data", {}):
        rows = [[Cell(text(f), "name"), Cell(f"<code>{text(c)}</code>", "hash")] for f, c in data.items()]
        parts.append(table("Data read", header(["File", "SHA-256"]), rows))
    if found := run.config.get("data_from", []):
        parts.append(f"<p>Found in: {text('; '.join(str(place) for place in found))}.</p>")
    rows = [[Cell(text(name), "name"), Cell(text(v))] for name, v in versions.items()]
    parts.append(table("Software", header(["Package", "Version"]), rows))
    return section("redo", "Do it again", *shown, folded("Tasks, data, software", *parts))
