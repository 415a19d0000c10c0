"""What the command line understands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from cimlearn._version import __version__
from cimlearn.cli import words
from cimlearn.cli.parser_studies import (
    add_compare,
    add_explore,
    add_panel,
    add_query,
    add_reproduce,
    add_rows,
    add_search,
    add_set,
    add_study,
    add_watch,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """What the words say; one that nothing takes is named, with the one that was probably meant."""
        given = list(sys.argv[1:] if args is None else args)
        first = next((word for word in given if not word.startswith("-")), None)
        if first is not None and first not in (known := {c.name for c in words.commands(self)}) and known:
            self.error(words.unknown_command(self, first))
        found, rest = self.parse_known_args(given, namespace)
        if rest:
            self.prog = f"{self.prog} {found.command}"
            self.error(words.unknown_words(self, found.command, rest))
        return found

    def error(self, message: str) -> NoReturn:
        """Print the error and how to get help; exit status 2."""
        print(f"cimlearn: error: {message}; see: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the chosen one is in `command`."""
    parser = _Parser(
        prog="cimlearn",
        description="Simulate continual learning on compute-in-memory hardware.",
        epilog="First run: cimlearn run m2ru. Files to try the rest with: cimlearn example",
    )
    parser.add_argument("--version", action="version", version=f"cimlearn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(
        commands.add_parser("run", help="learn a stream of tasks and write a run folder", epilog=_RUN_EPILOG)
    )
    _add_show(commands.add_parser("show", help="every parameter with value, unit, origin and source"))
    _add_price(commands.add_parser("price", help="what a design costs, without training it"))
    _add_example(
        commands.add_parser("example", help="small files to try every door with: pulses, a log, a model")
    )
    _add_data(commands.add_parser("data", help="list, fetch and verify data files"))
    _add_report(
        commands.add_parser("report", help="write the page of a run, or of a whole study, from records")
    )
    add_reproduce(commands.add_parser("reproduce", help="redo the figures and claims of a paper"))
    add_explore(commands.add_parser("explore", help="accuracy, energy and lifetime over a grid of designs"))
    add_panel(
        commands.add_parser("panel", help="memory cells, published and your own, with every write scheme")
    )
    _add_device(
        commands.add_parser(
            "device", help="figures of a memory cell; device fit: a cell from measured pulses"
        )
    )
    add_study(
        commands.add_parser("sweep", help="run a study: grids, random draws, Monte Carlo, on any workers")
    )
    add_search(
        commands.add_parser("search", help="choose designs with Optuna: accuracy, energy, lifetime, area")
    )
    _add_export(
        commands.add_parser("export", help="arrays of a run as SPICE netlists, for a circuit simulator")
    )
    add_query(commands.add_parser("query", help="SQL over the results of a study"))
    add_watch(
        commands.add_parser("watch", help="a page on this machine that follows a running sweep or search")
    )
    _add_completion(
        commands.add_parser("completion", help="a script that completes commands and options in your shell")
    )
    add_compare(
        commands.add_parser("compare", help="runs side by side in one page; or one chip on several memories")
    )
    return parser


_RUN_EPILOG = "Settings of the command line win over those of a TOML file. `cimlearn show CHIP` lists them."


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Arguments of `run`."""
    parser.add_argument(
        "chip", nargs="?", metavar="CHIP|FILE.toml", help="a chip such as m2ru, or a whole experiment"
    )
    parser.add_argument(
        "--stream",
        metavar="NAME|PATH",
        help="a known stream, data sets in a row (mnist+cifar10), a .csv, .parquet or .npz file, or a folder",
    )
    parser.add_argument(
        "--on", metavar="PLACEMENT", help="chip (default), or a software twin of it: float, adam"
    )
    parser.add_argument(
        "--on-device",
        choices=("cpu", "cuda"),
        help="cuda: the chips of all seeds side by side on a GPU (m2ru; needs cimlearn[cuda])",
    )
    parser.add_argument("--seeds", metavar="N|LIST", help="how many seeds, or which: 0,3,5 (default 1)")
    add_set(parser)
    parser.add_argument("--out", metavar="DIR", help="new run folder (default runs/CHIP-STREAM-ON-N)")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of data files (default: CIMLEARN_DATA, then the cache)"
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this folder")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="seeds side by side, then inside each chip (default: one a seed, two where cores are idle)",
    )
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="KIND=PLACE",
        help="also log to tensorboard=DIR or mlflow=URI (repeatable)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    parser.add_argument("--no-report", action="store_true", help="write no report.html")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run folder of m2ru")
    parser.add_argument(
        "--spice", metavar="DIR", required=True, help="folder of the netlists; made if missing"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed to export (default: the first of the run)"
    )
    parser.add_argument("--array", choices=("hidden", "output"), help="one array only (default: both)")
    parser.add_argument(
        "--input",
        metavar="LIST",
        help="inputs of all rows in -1 .. 1, as 0.5,-1,... (default: evenly spaced from -1 to 1)",
    )


def _add_show(parser: argparse.ArgumentParser) -> None:
    """Arguments of `show`."""
    parser.add_argument("chip", metavar="CHIP", help="a chip such as m2ru")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these: a part (rule) or a parameter (rule.batch)"
    )
    parser.add_argument("--stream", metavar="NAME|PATH", help="also show this stream's parameters")
    add_set(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_price(parser: argparse.ArgumentParser) -> None:
    """Arguments of `price`."""
    parser.add_argument("chip", metavar="CHIP", help="a chip such as m2ru")
    parser.add_argument(
        "--stream",
        metavar="NAME",
        help="a known stream, for the shape of its examples (default: permuted-mnist, sas-mram: split-mnist-domain)",
    )
    add_set(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_example(parser: argparse.ArgumentParser) -> None:
    """Arguments of `example`."""
    parser.add_argument("--out", metavar="DIR", default=".", help="folder of the files (default: this one)")


def _add_data(parser: argparse.ArgumentParser) -> None:
    """Arguments of `data`."""
    parser.add_argument("action", choices=("list", "get", "verify"), help="what to do")
    parser.add_argument("names", nargs="*", metavar="NAME", help="sources; none = all, except for get")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of data files (default: CIMLEARN_DATA, then the cache)"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    """Arguments of `report`."""
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="DIR",
        help="run folders, or one folder that holds runs: its page is DIR/index.html",
    )
    parser.add_argument(
        "--compare",
        metavar="FILE.png",
        help="also draw the accuracy of all the runs on one axis in this file",
    )
    parser.add_argument("--runs", action="store_true", help="of a study: write the page of each run too")
    add_rows(parser)


def _add_completion(parser: argparse.ArgumentParser) -> None:
    """Arguments of `completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads the script")


def _add_device(parser: argparse.ArgumentParser) -> None:
    """Arguments of `device`."""
    parser.add_argument(
        "technology",
        metavar="CELL|fit",
        help="a digital memory (sas-mram, sot-mram, stt-mram, rram, sram), an analog cell (ecram, a .toml file, "
        "mydevice.py:CELL); or fit, and a table",
    )
    parser.add_argument(
        "file", nargs="?", metavar="PULSES.csv", help="with fit: measured conductance against pulses"
    )
    parser.add_argument("--law", metavar="LAW", help="with fit: this law (default: the likeliest of all)")
    parser.add_argument(
        "--unit", metavar="UNIT", help="with fit: unit of columns that name none, such as uS or kohm"
    )
    parser.add_argument(
        "--window", metavar="LOW,HIGH", help="with fit: window of weights [S] (default: the data's)"
    )
    add_set(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder of the figures (default devices/CELL); with fit: the TOML file",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object; draw only with --out")
