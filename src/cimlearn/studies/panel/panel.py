"""The runs of a panel, and running them: what is finished stays finished.

PANEL/panel.json    every run that the panel has had: name -> cell, scheme, stream, seed, folder
PANEL/runs/...      a run folder for each
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cimlearn import chips
from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment
from cimlearn.experiments.file import first_stream
from cimlearn.runfolder.files import make, write_json
from cimlearn.studies.panel.schemes import BLIND, Scheme, schemes
from cimlearn.studies.sweep import Outcome, Point, Retried, Tell, run_points
from cimlearn.untrusted.text import read_json

CHIP: Final = "m2ru-lowohmic"  # the circuit that takes any cell
IDEAL: Final = "ideal"  # the cell that all others are compared with
APART: Final = (IDEAL, "pulsed", "vteam")  # kinds that are no published cell
WORD: Final = "published"  # stands for all published cells, the ten-level table among them
ASSUMED: Final = (
    "continuous"  # one of them whose numbers nobody measured: not in a quick panel unless it is named
)
STREAMS: Final = ("permuted-mnist", "split-cifar10")
QUICK: Final[Mapping[str, Any]] = {"stream.examples": 1000, "stream.held_out": 300}
SHARED: Final = {"rule.suited": False}  # the same batch and rates for every number of examples
FILE: Final = "panel.json"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """Cells, schemes and streams, and what all runs share."""

    cells: Sequence[str] = ()  # names and files; none = all
    schemes: Sequence[
        str
    ] = ()  # none = all, or of a published cell in a quick panel blind and the recommended one
    streams: Sequence[str] = ()  # none = both, or of a quick one the best that needs no download
    seeds: Sequence[int] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None
    quick: bool = False

    @property
    def folder(self) -> Path:
        """Where it is kept unless told otherwise."""
        return Path("panel-quick" if self.quick else "panel")

    def points(self) -> dict[str, tuple[Point, Entry]]:
        """Every run by its name, with what it is; the ideal cell first.

        Raises
        ------
        InputError
            For an unknown cell, scheme or stream, two files of one name, and settings that no cell can have.
        """
        if "device.kind" in self.settings:
            raise InputError(
                "--set device: name cells in front of the options, as cimlearn panel mycell.toml"
            )
        cells, found = _labelled(self.cells), {}
        if self.quick and not self.cells:
            del cells[ASSUMED]
        pairs = [(IDEAL, IDEAL, schemes((BLIND,))[0]), *_pairs(cells, self._schemes)]
        for stream, settings in self._streams():
            for label, cell, scheme in pairs:
                for seed in self.seeds:
                    name = f"{stream}/{label}/{scheme.name}/seed={seed}"
                    own = {"device.kind": cell, **SHARED, **scheme.settings, **settings}
                    experiment = Experiment(CHIP, stream, "chip", (seed,), own, self.data)
                    if label == IDEAL or scheme.name == BLIND:
                        _ = experiment.parameters, experiment.prices  # wrong for every scheme: an error now
                    entry = {"cell": label, "scheme": scheme.name, "stream": stream, "seed": seed}
                    found[name] = (Point(name, experiment), entry)
        return found

    def _schemes(self, cell: str) -> Sequence[Scheme]:
        """The schemes that a cell is run with; blind writes of another kind of cell are kernels for one quick row."""
        every = schemes(self.schemes)
        if self.schemes or not self.quick:
            return every
        if cell not in published():
            return every
        return [one for one in every if cell in one.cells or (one.name == BLIND and _is_pulsed(cell))]

    def _streams(self) -> list[tuple[str, dict[str, Any]]]:
        """Each stream with the settings of its runs."""
        size = dict(QUICK) if self.quick else {}
        if self.streams or not self.quick:
            return [(name, size | dict(self.settings)) for name in self.streams or STREAMS]
        name, own = first_stream(CHIP, dict(self.settings), self.data)
        return [(name, size | own)]


def run_panel(
    panel: Panel,
    folder: Path | None = None,
    *,
    workers: int | None = None,
    tell: Tell | None = None,
    retried: Retried | None = None,
) -> tuple[Outcome, dict[str, Entry]]:
    """Run what is not finished in `folder`; what became of it, and every finished run that the folder has by name.

    Raises
    ------
    InputError
        As `Panel.points` and `run_points`.
    """
    points = panel.points()
    root = folder or panel.folder
    make(root, exist_ok=True)
    before = _entries(root)
    order = kinds_first([point for point, _ in points.values()])
    outcome = run_points(order, root / "runs", workers=workers, tell=tell, retried=retried)
    now = {
        name: {**entry, "folder": outcome.folders[name].relative_to(root).as_posix()}
        for name, (_, entry) in points.items()
        if name in outcome.folders
    }
    write_json(root / FILE, before | now)
    return outcome, before | now


def kinds_first(points: Sequence[Point]) -> list[Point]:
    """The points with one of each kind of kernels in front: workers that begin together compile different ones."""
    firsts: dict[tuple[str, str], Point] = {}
    for point in points:
        p = point.experiment.parameters[0]
        cell = "pulsed" if _is_pulsed(p["device.kind"]) else p["device.kind"]
        firsts.setdefault((cell, p["write.scheme"]), point)
    first = {point.name for point in firsts.values()}
    return [*firsts.values(), *(point for point in points if point.name not in first)]


def _entries(root: Path) -> dict[str, Entry]:
    """The runs of earlier calls whose folders are still there."""
    file = root / FILE
    if not file.exists():
        return {}
    found = read_json(file)
    if not isinstance(found, dict):
        raise InputError(f"{file} is no list of runs; remove it, or name another folder with --out")
    return {
        name: entry
        for name, entry in found.items()
        if isinstance(entry, dict) and (root / str(entry.get("folder")) / "records.jsonl").exists()
    }


def published() -> tuple[str, ...]:
    """The cells that are known by name: those that were published, and the continuous one that is assumed."""
    known = chips.parameters(CHIP).entry("device.kind").choices or ()
    return tuple(name for name in known if name not in APART)


def _labelled(cells: Sequence[str]) -> dict[str, str]:
    """Name of each row -> cell."""
    given = [name for cell in cells or (WORD,) for name in (published() if cell == WORD else (cell,))]
    found: dict[str, str] = {}
    for cell in given:
        label = Path(cell).stem if cell.endswith(".toml") else cell
        if found.setdefault(label, cell) != cell:
            raise InputError(
                f"two cells are called {label}: {found[label]} and {cell}; rename one of the files"
            )
    found.pop(IDEAL, None)
    return found


def _pairs(
    cells: Mapping[str, str], chosen: Callable[[str], Sequence[Scheme]]
) -> list[tuple[str, str, Scheme]]:
    """Each cell with each of its schemes that it can be written by."""
    return [
        (label, cell, scheme)
        for label, cell in cells.items()
        for scheme in chosen(cell)
        if "write.scheme" not in scheme.settings or not _goes_one_way(cell)
    ]


def _is_pulsed(cell: str) -> bool:
    """Whether the cell is written by whole pulses: one program of kernels, whatever its law."""
    return chips.parameters(CHIP, {"device.kind": cell}).get("device.law") is not None


def _goes_one_way(cell: str) -> bool:
    """Whether pulses move the cell up alone: it brings its own `write.scheme`, one-sided pairs."""
    return bool(chips.parameters(CHIP, {"device.kind": cell}).get("device.way") == "up")
