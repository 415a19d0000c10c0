"""What commands on many runs understand, and the arguments that commands share."""

from __future__ import annotations

import argparse


def add_set(parser: argparse.ArgumentParser) -> None:
    """The argument --set of all commands that describe a chip."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PART.KEY=VALUE",
        help="change a parameter (repeatable); device=NAME|FILE takes a cell, write=SCHEME a named way to write it",
    )


def add_base(parser: argparse.ArgumentParser) -> None:
    """What all designs of a grid share."""
    parser.add_argument("--stream", metavar="NAME|PATH", help="a known stream, an .npz file or a folder")
    parser.add_argument("--seeds", metavar="N|LIST", help="how many seeds, or which: 0,3,5 (default 1)")
    add_set(parser)
    parser.add_argument("--name", metavar="NAME", help="of the study (default: chip, stream and what varies)")
    parser.set_defaults(on=None)


def add_sweep(parser: argparse.ArgumentParser, out: str) -> None:
    """Arguments of commands that run many experiments."""
    parser.add_argument("--out", metavar="DIR", help=out)
    parser.add_argument(
        "--data", metavar="DIR", help="folder of data files (default: CIMLEARN_DATA, then the cache)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="experiments side by side (default: one per core)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def add_rows(parser: argparse.ArgumentParser) -> None:
    """Arguments of commands that make one page of many runs."""
    parser.add_argument(
        "--over", metavar="PART.KEY,...", help="average over these parameters as over seeds (Monte Carlo)"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON object, nothing else")


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Arguments of `reproduce`."""
    parser.add_argument("paper", metavar="PAPER", help="m2ru or sas-mram")
    parser.add_argument(
        "figures",
        nargs="*",
        metavar="FIGURE",
        help="m2ru: 4a ... 5d, 4, 5, kwta, ageing, table, twins, sensitivity; "
        "sas-mram: accuracy, learners, shared, mobile, write, technologies, parts, faults, retention, anchors "
        "(default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="short streams, one seed: minutes, not an hour")
    add_sweep(parser, "new or earlier folder (default reproduced/PAPER); finished runs are used again")


def add_panel(parser: argparse.ArgumentParser) -> None:
    """Arguments of `panel`."""
    parser.add_argument(
        "cells",
        nargs="*",
        metavar="CELL|FILE.toml",
        help="cells by name, files of your own, or published (default) for all published cells",
    )
    parser.add_argument(
        "--schemes",
        metavar="NAME,...",
        help="write schemes (default: all; with --quick of a published cell blind and the recommended one)",
    )
    parser.add_argument(
        "--streams", metavar="NAME,...", help="streams (default: permuted-mnist,split-cifar10)"
    )
    parser.add_argument("--seeds", metavar="N|LIST", help="how many seeds, or which: 0,3,5 (default 1)")
    parser.add_argument("--quick", action="store_true", help="one short stream: minutes, not hours")
    add_set(parser)
    add_sweep(
        parser, "new or earlier folder (default panel); finished runs are used again, and stay on the page"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_explore(parser: argparse.ArgumentParser) -> None:
    """Arguments of `explore`."""
    parser.add_argument("chip", metavar="CHIP|FILE.toml", help="a chip such as m2ru, or a whole experiment")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="PART.KEY=VALUE,...",
        help="values of a parameter (repeatable)",
    )
    add_base(parser)
    add_sweep(parser, "new or earlier folder (default studied/NAME); finished runs are used again")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_study(parser: argparse.ArgumentParser) -> None:
    """Arguments of `sweep`."""
    _add_machine(parser)
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on this Dask cluster, such as tcp://host:8786"
    )
    parser.add_argument(
        "--states",
        metavar="DIR",
        help="with --scheduler: folder that all workers share, for states of runs (default: the scheduler keeps them)",
    )


def add_search(parser: argparse.ArgumentParser) -> None:
    """Arguments of `search`."""
    _add_machine(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database of the trials, of any number of machines (default: search.db in the folder)",
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    """What `sweep` and `search` share."""
    parser.add_argument(
        "study", metavar="STUDY.toml", help="an experiment and what varies; see docs/studies.md"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="new or earlier folder (default studied/NAME); finished runs are used again",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes of this machine (default: one per core)"
    )
    parser.add_argument(
        "--timeout", type=float, metavar="S", help="give a run up after so many seconds, and try it again"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Arguments of `watch`."""
    parser.add_argument("study", metavar="STUDY", help="folder of the study, or its STUDY.toml")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="of 127.0.0.1 (default: any free one)"
    )


def add_query(parser: argparse.ArgumentParser) -> None:
    """Arguments of `query`."""
    parser.add_argument("study", metavar="STUDY", help="folder of a study, or a Parquet file")
    parser.add_argument("sql", metavar="SQL", help='such as "select seed, accuracy from results where final"')
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list of rows")
    form.add_argument("--csv", action="store_true", help="print CSV")


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `compare`: run folders, or devices."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="finished runs, or folders that hold some")
    parser.add_argument("--chip", metavar="CHIP", help="with --devices: sas-mram (default) or m2ru")
    parser.add_argument(
        "--devices",
        metavar="NAME,...",
        help="run sas-mram, sot-mram, stt-mram, rram, sram; for m2ru continuous, levels, vteam, ideal",
    )
    add_base(parser)
    add_sweep(
        parser, "folder of the page (default compared); with --devices of the study (default studied/NAME)"
    )
    add_rows(parser)
