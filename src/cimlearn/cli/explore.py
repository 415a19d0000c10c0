"""`cimlearn explore`: run a grid of designs; a table, a CSV file, a Pareto plot and a page."""

from __future__ import annotations

import csv
from argparse import Namespace
from pathlib import Path

from cimlearn.cli.comparing import show
from cimlearn.cli.output import stdout
from cimlearn.cli.sweep_progress import shown_points
from cimlearn.cli.wanted import wanted
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.file import first_stream
from cimlearn.explore import explore
from cimlearn.report.compare.designs import designs_table
from cimlearn.report.compare.page import write_page
from cimlearn.report.compare.read import read_study
from cimlearn.report.html.drawing import png
from cimlearn.report.pareto import pareto


def command(arguments: Namespace) -> None:
    """Run what isn't finished, then write designs.csv, pareto.png and index.html."""
    given = {key: value for key, value in wanted(arguments).items() if key != "out"}
    if "chip" not in given:
        raise InputError("name a chip (cimlearn explore m2ru --vary ...) or a TOML file")
    if given.get("stream") is None:
        chosen = first_stream(given["chip"], given["settings"], given.get("data"))
        given["stream"], given["settings"] = chosen
    folder = Path(arguments.out or "explored")
    vary = _varied(arguments.vary)
    with shown_points(arguments.quiet) as shown:
        base = Experiment(**given)
        rows, failures = explore(base, vary, folder, workers=arguments.workers, tell=shown.tell)
    for name, why in failures.items():
        print(f"failed: {name}: {why}")
    if not rows:
        raise InputError("no design could be run; the reasons stand above")
    with (folder / "designs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    png(pareto(rows, list(vary)), folder / "pareto.png")
    if getattr(arguments, "json", False):
        show(read_study(folder), folder, as_json=True)
        return
    stdout().print(designs_table(rows, list(vary)))
    page = write_page(read_study(folder), folder)
    print(f"table: {folder / 'designs.csv'}\npicture: {folder / 'pareto.png'}\npage: {page}")


def _varied(pairs: list[str]) -> dict[str, list[str]]:
    """['part.key=1,2', ...] as a mapping."""
    vary: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals or "." not in name:
            raise InputError(
                f"--vary {pair}: write it as part.key=value,value, for example network.hidden=50,100"
            )
        if name.strip() in vary:
            raise InputError(f"--vary {name} is given twice; list all its values once: {name}=1,2,3")
        vary[name.strip()] = [value.strip() for value in values.split(",") if value.strip()]
    return vary
