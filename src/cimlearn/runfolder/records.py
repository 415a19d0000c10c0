"""A run folder as plain, frozen values: what a report may know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.runfolder.files import check_digest, read_timing, sealed
from cimlearn.runfolder.seals import opened_line
from cimlearn.untrusted import text
from cimlearn.untrusted.files import read_bytes
from cimlearn.untrusted.limits import most_bytes

FORMAT = 1
_REQUIRED = ("chip", "on", "stream", "scenario", "seeds", "tasks", "parameters")
SEEDS = "the folders seed-N"
MEASURED: Final = ("mse", "smape", "r2")  # of a regression


@dataclass(frozen=True)
class ArrayWrites:
    """What the cells of one array have seen since the start of a seed."""

    cells: int
    total: int  # writes, all cells together
    mean: float  # writes per cell
    max: int  # writes of the most written cell
    worn: int  # cells that no longer change
    edges: tuple[float, ...] = ()  # (n + 1,) writes, borders of the histogram's bins
    counts: tuple[int, ...] = ()  # (n,) cells in each bin
    rows: int = 0
    columns: int = 0
    block: tuple[int, int] = (1, 1)  # rows, columns of weights that one value of `map` averages
    map: tuple[tuple[float, ...], ...] = ()  # (ceil(rows / block), ceil(columns / block)) mean writes

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ArrayWrites:
        """The entry of one array in the `writes` of a record."""
        histogram, drawn = data.get("histogram") or {}, data.get("map") or {}
        return cls(
            cells=int(data["cells"]),
            total=int(data["total"]),
            mean=float(data["mean"]),
            max=int(data["max"]),
            worn=int(data["worn"]),
            edges=tuple(float(e) for e in histogram.get("edges", ())),
            counts=tuple(int(c) for c in histogram.get("counts", ())),
            rows=int(drawn.get("rows", 0)),
            columns=int(drawn.get("columns", 0)),
            block=(int(drawn["block"][0]), int(drawn["block"][1])) if "block" in drawn else (1, 1),
            map=tuple(tuple(float(v) for v in row) for row in drawn.get("mean", ())),
        )


@dataclass(frozen=True)
class Record:
    """One line of records.jsonl: where one seed stands after learning one task."""

    seed: int
    task: int  # counts from 0
    task_name: str
    accuracy: tuple[
        float, ...
    ]  # (task + 1,) share right on the held-out set of each task so far; regression: R2
    examples: int  # learned in this task
    counts: dict[str, dict[str, dict[str, int]]]  # phase -> part -> action -> count since the seed's start
    conductance_on: dict[str, dict[str, float]]  # phase -> array -> conductance switched on [S]
    writes: dict[str, ArrayWrites]  # by array; empty for a software twin
    balanced: tuple[
        float, ...
    ] = ()  # (task + 1,) as accuracy, every class counting alike; empty in older records
    never_right: tuple[int, ...] = ()  # classes that were tested, and never answered right
    confusion: tuple[
        tuple[int, ...], ...
    ] = ()  # (classes, answers) held-out examples of all tasks; last task alone
    rested: tuple[float, ...] = ()  # (task + 1,) as accuracy, after the rest that follows; empty without one
    errors: tuple[
        Mapping[str, Any], ...
    ] = ()  # (task + 1,) of a regression: mse, smape, r2 and those of predictors

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """A record from its JSON object. Raises KeyError, TypeError or ValueError if it is not one."""
        task, ledger = int(data["task"]), data["ledger"]
        errors = tuple(_errors(one) for one in data.get("errors", ()))
        key = "errors" if errors else "accuracy"
        accuracy = tuple(one["r2"] for one in errors) or tuple(float(a) for a in data["accuracy"])
        if len(accuracy) != task + 1:
            raise ValueError(f"'{key}' has {len(accuracy)} values, task {task} needs {task + 1}")
        if not all(a <= 1 and (a >= 0 or errors) for a in accuracy):
            raise ValueError(f"'{key}' has a value outside {'-inf to 1' if errors else '0 to 1'}")
        return cls(
            seed=int(data["seed"]),
            task=task,
            task_name=str(data["task_name"]),
            accuracy=accuracy,
            examples=int(data["examples"]),
            counts={
                str(phase): {
                    str(part): {str(a): int(n) for a, n in acts.items()} for part, acts in parts.items()
                }
                for phase, parts in ledger["counts"].items()
            },
            conductance_on={
                str(phase): {str(array): float(g) for array, g in arrays.items()}
                for phase, arrays in ledger.get("conductance_on_S", {}).items()
            },
            writes={str(name): ArrayWrites.from_json(w) for name, w in data["writes"].items()},
            balanced=tuple(float(a) for a in data.get("balanced_accuracy", ())),
            never_right=tuple(int(c) for c in data.get("never_right", ())),
            confusion=tuple(tuple(int(n) for n in row) for row in data.get("confusion", ())),
            rested=tuple(float(a) for a in data.get("rested_accuracy", ())),
            errors=errors,
        )


def _errors(data: Mapping[str, Any]) -> dict[str, Any]:
    """The errors on one held-out set, and those of simple predictors by name. Raises KeyError or ValueError."""
    own: dict[str, Any] = {key: float(data[key]) for key in MEASURED}
    if not all(math.isfinite(value) for value in own.values()):
        raise ValueError("'errors' has a value that is not finite")
    return own | {
        str(name): {key: float(one[key]) for key in MEASURED} for name, one in data.items() if name not in own
    }


@dataclass(frozen=True)
class RunParameter:
    """One parameter as the run used it."""

    value: Any
    unit: str
    origin: str
    source: str
    help: str = ""
    changed: bool = False  # set by the user


@dataclass(frozen=True)
class Run:
    """A run folder, read. It may be incomplete: seeds that stopped early, or no record at all."""

    folder: Path
    config: Mapping[str, Any]  # run.json
    records: tuple[Record, ...]
    timing: Mapping[str, Mapping[str, Mapping[str, float]]] = field(
        default_factory=dict
    )  # seed -> task -> ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were asked for."""
        return tuple(self.config["seeds"])

    @property
    def costs(self) -> str | None:
        """How the chip is priced (costs/models.py); run folders from before run.json said so are of two chips."""
        if "costs" in self.config:
            return self.config["costs"]
        return {"m2ru": "crossbar", "sas-mram": "bitserial"}.get(self.config["chip"])

    @property
    def numbers(self) -> bool:
        """Whether it answers with numbers (regression); what stands for accuracy is then R2."""
        return bool(self.config.get("targets"))

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks that were asked for, in order."""
        return tuple(str(task["name"]) for task in self.config["tasks"])

    @property
    def parameters(self) -> dict[str, RunParameter]:
        """Every parameter of chip and stream by name 'part.key'."""
        return _entries(self.config["parameters"])

    @property
    def prices(self) -> dict[str, RunParameter]:
        """Every price by name 'part.key'; empty in folders from before prices were kept."""
        return _entries(self.config.get("prices", {}))

    def of_seed(self, seed: int) -> tuple[Record, ...]:
        """The records of one seed, in task order."""
        return tuple(r for r in self.records if r.seed == seed)

    @property
    def learned(self) -> int:
        """Tasks learned by the seeds that got furthest."""
        return max((r.task + 1 for r in self.records), default=0)

    @property
    def counted_seeds(self) -> tuple[int, ...]:
        """The seeds that got furthest; all figures are taken over them. All seeds, once a run is complete."""
        return tuple(r.seed for r in self.records if r.task + 1 == self.learned)

    @property
    def complete(self) -> bool:
        """Whether every seed has learned every task."""
        return len(self.records) == len(self.seeds) * len(self.task_names)

    def matrices(self) -> list[list[tuple[float, ...]]]:
        """One accuracy matrix per counted seed: row i is (i + 1,) accuracies after task i."""
        return [[r.accuracy for r in self.of_seed(seed)] for seed in self.counted_seeds]

    def last(self) -> Record | None:
        """The last record of the first counted seed, None if there is none."""
        return self.of_seed(self.counted_seeds[0])[-1] if self.records else None


def _entries(group: Mapping[str, Mapping[str, Any]]) -> dict[str, RunParameter]:
    """A group of parameters of run.json."""
    known = RunParameter.__dataclass_fields__
    return {
        name: RunParameter(**{k: v for k, v in entry.items() if k in known}) for name, entry in group.items()
    }


def _records(file: Path, config: Mapping[str, Any]) -> tuple[Record, ...]:
    """The records in `file`, checked for order: each seed's tasks count up from 0."""
    records: list[Record] = []
    done: dict[int, int] = dict.fromkeys(config["seeds"], 0)
    for n, line in enumerate(read_bytes(file, most_bytes()).splitlines(), start=1):
        try:
            record = Record.from_json(opened_line(line, "it", must=sealed(config)))
            if record.seed not in done:
                raise ValueError(f"seed {record.seed} is not in run.json")
            if record.task != done[record.seed] or record.task >= len(config["tasks"]):
                raise ValueError(
                    f"task {record.task} of seed {record.seed} where task {done[record.seed]} was due"
                )
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            good = f"the last good record is line {n - 1}; " if n > 1 else ""
            raise InputError(
                f"{file}: line {n} is broken ({what}); {good}restore the file, of which {SEEDS} hold the same lines, "
                "or start a new run"
            ) from None
        done[record.seed] += 1
        records.append(record)
    return tuple(records)


def read_run(folder: Path | str) -> Run:
    """Read a run folder; an incomplete run is fine.

    Raises
    ------
    InputError
        If it is not a run folder, was written in another format, or a file or line is broken.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise InputError(
            f"{folder} is not a run folder: it has no run.json; give the folder that a run wrote"
        )
    config = text.read_json(folder / "run.json")
    found = config.get("format") if isinstance(config, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{folder}: run.json has format {found!r}, this version reads format {FORMAT}; run it again"
        )
    if missing := [key for key in _REQUIRED if key not in config]:
        raise InputError(f"{folder}: run.json lacks {', '.join(missing)}; run it again")
    check_digest(config, folder / "run.json")
    lines = folder / "records.jsonl"
    records = _records(lines, config) if lines.is_file() else ()
    return Run(folder, config, records, read_timing(folder))
