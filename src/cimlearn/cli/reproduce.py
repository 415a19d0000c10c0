"""`cimlearn reproduce`: redo the figures and claims of a paper."""

from __future__ import annotations

import os
from argparse import Namespace

from cimlearn.cli.sweep_progress import shown_points
from cimlearn.errors import InputError
from cimlearn.papers.reproduce import reproduce


def command(arguments: Namespace) -> None:
    """Run what is not finished, then write figures and page; a line on stderr for each experiment."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: give a whole number from 1 on")
    if arguments.data is not None:
        os.environ["CIMLEARN_DATA"] = arguments.data  # for the workers too
    with shown_points(arguments.quiet) as shown:
        made = reproduce(
            arguments.paper,
            arguments.figures,
            out=arguments.out,
            quick=arguments.quick,
            workers=arguments.workers,
            tell=shown.tell,
        )
    for claim in made.claims:
        print(f"{claim.verdict:15}  {claim.text}: {claim.ours} (published: {claim.published})")
    for name, why in made.missing.items():
        print(f"not made         {name}: {why}")
    print(f"page: {made.page}")
