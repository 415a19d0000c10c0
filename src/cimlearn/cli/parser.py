"""What the command line understands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from cimlearn._version import __version__
from cimlearn.cli import words


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
        epilog="First run: cimlearn run m2ru",
    )
    parser.add_argument("--version", action="version", version=f"cimlearn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(
        commands.add_parser("run", help="learn a stream of tasks and write a run folder", epilog=_RUN_EPILOG)
    )
    _add_show(commands.add_parser("show", help="every parameter with value, unit, origin and source"))
    _add_price(commands.add_parser("price", help="what a design costs, without training it"))
    _add_data(commands.add_parser("data", help="list, fetch and verify data files"))
    _add_report(
        commands.add_parser("report", help="write the page of a run, or of a whole study, from records")
    )
    _add_reproduce(commands.add_parser("reproduce", help="redo the figures and claims of a paper"))
    _add_explore(commands.add_parser("explore", help="accuracy, energy and lifetime over a grid of designs"))
    _add_device(
        commands.add_parser(
            "device", help="figures of a digital memory cell; device fit: a cell from measured pulses"
        )
    )
    _add_study(
        commands.add_parser("sweep", help="run a study: grids, random draws, Monte Carlo, on any workers")
    )
    _add_search(
        commands.add_parser("search", help="choose designs with Optuna: accuracy, energy, lifetime, area")
    )
    _add_export(
        commands.add_parser("export", help="arrays of a run as SPICE netlists, for a circuit simulator")
    )
    _add_query(commands.add_parser("query", help="SQL over the results of a study"))
    _add_watch(
        commands.add_parser("watch", help="a page on this machine that follows a running sweep or search")
    )
    _add_completion(
        commands.add_parser("completion", help="a script that completes commands and options in your shell")
    )
    _add_compare(
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
    _add_set(parser)
    parser.add_argument("--out", metavar="DIR", help="new run folder (default runs/CHIP-STREAM-ON-N)")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of data files (default: CIMLEARN_DATA, then the cache)"
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this folder")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="seeds side by side (default: as many as fit)"
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
    parser.add_argument("--stream", metavar="NAME|PATH", help="also show this stream's parameters")
    _add_set(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_price(parser: argparse.ArgumentParser) -> None:
    """Arguments of `price`."""
    parser.add_argument("chip", metavar="CHIP", help="a chip such as m2ru")
    parser.add_argument(
        "--stream",
        metavar="NAME",
        help="a known stream, for the shape of its examples (default: permuted-mnist, sas-mram: split-mnist-domain)",
    )
    _add_set(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_set(parser: argparse.ArgumentParser) -> None:
    """The argument --set of all commands that describe a chip."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="PART.KEY=VALUE", help="change a parameter (repeatable)"
    )


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
    _add_rows(parser)


def _add_rows(parser: argparse.ArgumentParser) -> None:
    """Arguments of commands that make one page of many runs."""
    parser.add_argument(
        "--over", metavar="PART.KEY,...", help="average over these parameters as over seeds (Monte Carlo)"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON object, nothing else")


def _add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Arguments of `reproduce`."""
    parser.add_argument("paper", metavar="PAPER", help="m2ru or sas-mram")
    parser.add_argument(
        "figures",
        nargs="*",
        metavar="FIGURE",
        help="m2ru: 4a ... 5d, 4, 5, kwta, ageing, table, twins, sensitivity; "
        "sas-mram: accuracy, technologies, parts, faults, retention, anchors (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="short streams, one seed: minutes, not an hour")
    _add_sweep(parser, "new or earlier folder (default reproduced/PAPER); finished runs are used again")


def _add_explore(parser: argparse.ArgumentParser) -> None:
    """Arguments of `explore`."""
    parser.add_argument("chip", metavar="CHIP|FILE.toml", help="a chip such as m2ru, or a whole experiment")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="PART.KEY=VALUE,...",
        help="values of a parameter (repeatable)",
    )
    _add_base(parser)
    _add_sweep(parser, "new or earlier folder (default studied/NAME); finished runs are used again")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _add_study(parser: argparse.ArgumentParser) -> None:
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


def _add_search(parser: argparse.ArgumentParser) -> None:
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


def _add_watch(parser: argparse.ArgumentParser) -> None:
    """Arguments of `watch`."""
    parser.add_argument("study", metavar="STUDY", help="folder of the study, or its STUDY.toml")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="of 127.0.0.1 (default: any free one)"
    )


def _add_completion(parser: argparse.ArgumentParser) -> None:
    """Arguments of `completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads the script")


def _add_query(parser: argparse.ArgumentParser) -> None:
    """Arguments of `query`."""
    parser.add_argument("study", metavar="STUDY", help="folder of a study, or a Parquet file")
    parser.add_argument("sql", metavar="SQL", help='such as "select seed, accuracy from results where final"')
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list of rows")
    form.add_argument("--csv", action="store_true", help="print CSV")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `compare`: run folders, or devices."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="finished runs, or folders that hold some")
    parser.add_argument("--chip", metavar="CHIP", help="with --devices: sas-mram (default) or m2ru")
    parser.add_argument(
        "--devices",
        metavar="NAME,...",
        help="run sas-mram, sot-mram, stt-mram, rram, sram; for m2ru continuous, levels, vteam, ideal",
    )
    _add_base(parser)
    _add_sweep(
        parser, "folder of the page (default compared); with --devices of the study (default studied/NAME)"
    )
    _add_rows(parser)


def _add_base(parser: argparse.ArgumentParser) -> None:
    """What all designs of a grid share."""
    parser.add_argument("--stream", metavar="NAME|PATH", help="a known stream, an .npz file or a folder")
    parser.add_argument("--seeds", metavar="N|LIST", help="how many seeds, or which: 0,3,5 (default 1)")
    _add_set(parser)
    parser.add_argument("--name", metavar="NAME", help="of the study (default: chip, stream and what varies)")
    parser.set_defaults(on=None)


def _add_device(parser: argparse.ArgumentParser) -> None:
    """Arguments of `device`."""
    parser.add_argument(
        "technology",
        metavar="TECHNOLOGY|fit",
        help="sas-mram, sot-mram, stt-mram, rram or sram; or fit, and a table",
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
    _add_set(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder of the figures (default devices/TECHNOLOGY); with fit: the TOML file",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object; draw only with --out")


def _add_sweep(parser: argparse.ArgumentParser, out: str) -> None:
    """Arguments of commands that run many experiments."""
    parser.add_argument("--out", metavar="DIR", help=out)
    parser.add_argument(
        "--data", metavar="DIR", help="folder of data files (default: CIMLEARN_DATA, then the cache)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="experiments side by side (default: one per core)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
