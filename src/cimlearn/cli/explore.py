"""`cimlearn explore`: a study made from the command line; a table, a CSV file, a Pareto plot and a page."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from cimlearn.cli.comparing import show
from cimlearn.cli.sweep_progress import shown_points
from cimlearn.cli.wanted import wanted
from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.report.compare.files import write_designs
from cimlearn.report.compare.read import read_study
from cimlearn.runfolder.files import to_json
from cimlearn.studies.compose import grid_study
from cimlearn.studies.results import has_arrow
from cimlearn.studies.run import Studied, run_study
from cimlearn.studies.tables import VARIED_WORDS

_FAILED = 1  # exit status: the study is done, but some designs failed


def command(arguments: Namespace) -> int:
    """Run what isn't finished, then write results, designs.csv, pareto.png and index.html; 1 if a run failed."""
    return explore(arguments, _varied(arguments.vary), arguments.name)


def explore(arguments: Namespace, vary: Mapping[str, Sequence[str]], name: str | None) -> int:
    """Run every combination of the values in `vary`; the study is called `name`."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: give a whole number from 1 on")
    given = wanted(arguments)
    if "chip" not in given:
        raise InputError("name a chip (cimlearn explore m2ru --vary ...) or a TOML file")
    study = grid_study(given, vary, name=name)
    with shown_points(arguments.quiet) as shown:
        done = run_study(
            study,
            Path(arguments.out) if arguments.out is not None else None,
            workers=arguments.workers,
            results=has_arrow(),
            tell=shown.tell,
            retried=shown.retried,
        )
    if done.results is None:
        print(
            f"results.parquet is not written: it needs pyarrow ({install('study')}); "
            "the same command adds it without running anything again",
            file=sys.stderr,
        )
    _present(done, as_json=arguments.json)
    return _FAILED if done.outcome.failures else 0


def _present(done: Studied, *, as_json: bool) -> None:
    """Write and name everything that the finished runs give."""
    failures = dict(done.outcome.failures)
    results = None if done.results is None else str(done.results)
    facts = {"folder": str(done.folder), "results": results, "failures": failures}
    if not done.outcome.folders:
        if as_json:
            print(to_json({**facts, "designs": [], "runs": []}, indent=2))
            return
        _tell(failures)
        print("no design could be run; the reasons stand above")
        return
    compared = read_study(done.folder)
    written = write_designs(compared, done.folder)
    if as_json:
        show(compared, done.folder, as_json=True, facts=facts)
        return
    _tell(failures)
    show(compared, done.folder)
    for word, file in {"table": written.table, "picture": written.picture, "results": done.results}.items():
        if file is not None:
            print(f"{word}: {file}")
    if done.results is not None:
        print(f'look: cimlearn query {done.folder} "select run, accuracy from results where final"')


def _tell(failures: Mapping[str, str]) -> None:
    """Why runs failed."""
    for name, why in failures.items():
        print(f"failed: {name}: {why}")


def _varied(pairs: list[str]) -> dict[str, list[str]]:
    """['part.key=1,2', ...] as a mapping."""
    vary: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        name = name.strip()
        if not equals or ("." not in name and name not in VARIED_WORDS):
            raise InputError(
                f"--vary {pair}: write it as part.key=value,value, for example network.hidden=50,100"
            )
        if name in vary:
            raise InputError(f"--vary {name} is given twice; list all its values once: {name}=1,2,3")
        vary[name] = [value.strip() for value in values.split(",") if value.strip()]
    return vary
