"""An experiment: a frozen description (chip, stream, seeds, settings); `run` turns it into a run folder."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cimlearn import chips, extensions, streams
from cimlearn._version import __version__
from cimlearn.chips.base import Chip, Threaded
from cimlearn.costs import prices
from cimlearn.costs.prices import for_chip, is_price
from cimlearn.errors import InputError, nearest
from cimlearn.experiments.scheduler import Progress, run_seeds
from cimlearn.parameters import ParameterSet
from cimlearn.runfolder.files import FORMAT, create, locked, read_configuration, write_configuration
from cimlearn.streams.base import Stream

DEVICES = ("cpu", "cuda")  # where chips are simulated
SAMPLE = 200  # examples of the first task by which parameters are made to suit the stream
TOLD = "task-incremental"  # the scenario of a chip that is told the task


@dataclass(frozen=True)
class Experiment:
    """What to run. Two equal experiments write the same records."""

    chip: str
    stream: str | Stream  # a known name, a file or folder, or a stream of one's own
    on: str = "chip"  # chip | float | adam
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Any] = field(default_factory=dict)  # 'part.key' -> value that the user wants
    data: str | None = None  # folder of the data files; None = look in the usual places
    on_device: str = "cpu"  # cpu | cuda: what simulates the chips

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise InputError(
                f"seeds = {list(self.seeds)}: give different whole numbers from 0 on, at least one"
            )
        if self.on_device not in DEVICES:
            raise InputError(f"on_device = {self.on_device}: give {' or '.join(DEVICES)}")

    @cached_property
    def parameters(self) -> tuple[ParameterSet, ParameterSet]:
        """The parameters of the chip and of the stream, with the settings put in."""
        of_stream = streams.parameters(self.stream) if isinstance(self.stream, str) else ParameterSet({})
        mine = {name: value for name, value in self.settings.items() if name.startswith("stream.")}
        if mine and not isinstance(self.stream, str):
            raise InputError(f"{min(mine)} can't be set: the stream was made from arrays; change it there")
        others = {name: value for name, value in self.settings.items() if name not in mine}
        rest = for_chip(others, chips.parameters(self.chip, {}))
        try:
            return chips.parameters(self.chip, rest), of_stream.replace(mine)
        except InputError:
            known = prices.parameters({}, chips.kind(self.chip).costs)
            _check_names(rest, chips.parameters(self.chip, {}), of_stream.merged(known))
            raise

    @cached_property
    def prices(self) -> ParameterSet:
        """What things cost, with the settings put in; prices never change a record."""
        own = {name: value for name, value in self.settings.items() if is_price(name)}
        kind = chips.kind(self.chip)
        return prices.parameters(own, kind.costs, kind.prices)

    def open_stream(self, seed: int) -> Stream:
        """The stream of one seed."""
        if not isinstance(self.stream, str):
            return self.stream
        return streams.open_stream(self.stream, seed=seed, data=self.data, settings=self.parameters[1])

    def chip_parameters(self, stream: Stream) -> ParameterSet:
        """The parameters of the chip, what the user left open made to suit the stream: alike for all seeds.

        The sample is of seed 0, whatever seed `stream` has, so a seed learns alike alone and among others.
        """

        def sample() -> Any:
            first = next(iter(self.open_stream(0).chunks(0, SAMPLE)), None)
            return None if first is None or len(first.y) == 0 else first.x

        if "_suited" not in self.__dict__:  # kept: a stream of a table is read for it
            examples = sum(task.examples for task in stream.tasks)
            given = tuple(self.settings)
            found = chips.suited(self.chip, self.parameters[0], stream.shape, examples, sample, given)
            self.__dict__["_suited"] = found
        suited: ParameterSet = self.__dict__["_suited"]
        return suited

    def build(self, seed: int) -> tuple[Stream, Chip]:
        """The stream and the new chip of one seed."""
        stream = self.open_stream(seed)
        if chips.told_tasks(self.chip, self.parameters[0]) and streams.described(stream).get("label_delay"):
            raise InputError(
                "stream.label_delay makes the last examples of a task arrive in the next one, but "
                f"{self.chip} with network.tasks = own learns each task by itself; set network.tasks = shared"
            )
        if stream.shape.numbers and self.on_device != "cpu":
            raise InputError(f"{stream.name} asks for numbers, which no GPU learns; leave --on-device away")
        p = self.chip_parameters(stream)
        chip = chips.build(self.chip, self.on, parameters=p, shape=stream.shape, seed=seed)
        return stream, chip

    def configuration(self, stream: Stream, chip: Chip) -> dict[str, Any]:
        """The run.json of this experiment on its opened `stream` and new `chip`."""
        from cimlearn.compiled import compiled_for  # a compiler, which prices don't need

        entries = all_parameters(self)
        return {
            "format": FORMAT,
            "cimlearn": __version__,
            "chip": self.chip,
            "on": self.on,
            **({} if self.on_device == "cpu" else {"on_device": self.on_device}),
            "costs": chips.kind(self.chip).costs,
            "stream": stream.name,
            "opened": self.stream if isinstance(self.stream, str) else None,
            "scenario": TOLD if chips.told_tasks(self.chip, self.parameters[0]) else stream.scenario,
            "seeds": list(self.seeds),
            "shape": stream.shape._asdict(),
            "tasks": [task._asdict() for task in stream.tasks],
            **streams.described(stream),
            "parameters": _owned(self.chip_parameters(stream).merged(self.parameters[1])),
            **({"suited": suited} if (suited := self._suited_names(stream)) else {}),
            "prices": _owned(self.prices),
            "inventory": chip.inventory(),
            "cell": chip.figures(),
            "settings": {name: entries[name] for name in sorted(self.settings)},
            "data": dict(sorted(stream.checksums.items())),
            **({"outside": outside} if (outside := _outside(self)) else {}),
            "data_folder": self.data,
            "command": self._command(),
            "compiled": compiled_for() | self._card(),
            "versions": _versions(
                (*chips.kind(self.chip).packages.get(self.on, ()), *(("numba-cuda",) if self._card() else ()))
            ),
        }

    def _suited_names(self, stream: Stream) -> list[str]:
        """Parameters whose values the stream decided."""
        of_chip = self.parameters[0]
        return [name for name, value in self.chip_parameters(stream).items() if value != of_chip[name]]

    def _card(self) -> dict[str, str]:
        """The GPU that simulates the chips; nothing on a CPU."""
        if self.on_device == "cpu":
            return {}
        from cimlearn.gpu.monte_carlo import card_name

        return {"card": card_name()}

    def _check_device(self) -> None:
        """Raise InputError where the chips can't be simulated where they shall be."""
        if self.on_device != "cpu":
            from cimlearn.gpu import monte_carlo

            monte_carlo.check(self.chip, self.parameters[0], on=self.on)

    def _placed(self, chip: Chip, threads: int) -> tuple[Callable[[int], tuple[Stream, Chip]], int]:
        """How the chips of all seeds are built where they are simulated, and how many run side by side."""
        if self.on_device == "cpu":
            side = min(threads, len(self.seeds))
            return partial(self._threaded, threads // side), side
        from cimlearn.gpu import monte_carlo

        together = monte_carlo.side_by_side(chip, len(self.seeds))
        return monte_carlo.on_card(self.build, together), together

    def _threaded(self, threads: int, seed: int) -> tuple[Stream, Chip]:
        """Stream and chip of a seed; the chip uses `threads` threads if it can."""
        stream, chip = self.build(seed)
        if isinstance(chip, Threaded) and threads > 1:
            chip.use_threads(threads)
        return stream, chip

    def _command(self) -> list[str]:
        """The command line that runs this experiment again; for a stream of arrays, without the stream."""
        words = ["cimlearn", "run", self.chip]
        words += ["--stream", self.stream] if isinstance(self.stream, str) else []
        words += ["--on", self.on, "--seeds", ",".join(str(seed) for seed in self.seeds) + ","]
        words += ["--data", self.data] if self.data is not None else []
        words += ["--on-device", self.on_device] if self.on_device != "cpu" else []
        entries = all_parameters(self)
        for name in sorted(self.settings):
            words += ["--set", f"{name}={_text(entries[name])}"]
        return words

    def run(
        self,
        out: str | Path | None = None,
        *,
        resume: str | Path | None = None,
        progress: Callable[[Progress], None] | None = None,
        threads: int = 1,
        checkpoint_seconds: float = 30.0,
    ) -> Path:
        """Run every seed, or go on with the run in the folder `resume`; returns the run folder.

        `progress` is called in this thread after each chunk and each task. More threads and other moments of
        saving give the same bytes.

        Raises
        ------
        InputError
            If the experiment can't be run as described, or is not the one in `resume`.
        Stopped
            On Ctrl-C, once every running seed has saved where it stands.
        """
        if resume is not None and out is not None:
            raise InputError(f"give either a new folder ({out}) or one to go on with ({resume}), not both")
        if threads < 1:
            raise InputError(f"threads = {threads}: give a whole number from 1 on")
        before = read_configuration(Path(resume)) if resume is not None else None
        self._check_device()
        stream, chip = self.build(self.seeds[0])  # so that what can't be built leaves no folder behind
        configuration = self.configuration(stream, chip)
        if resume is not None and before is not None:
            folder = Path(resume)
            _refuse_other(before, configuration, folder)
        else:
            folder = create(out, f"{self.chip}-{stream.name}-{self.on}")
            write_configuration(folder, configuration)
        tasks = tuple(stream.tasks)
        build, side = self._placed(chip, threads)
        del stream, chip
        with locked(folder):
            run_seeds(self.seeds, tasks, build, folder, progress, side, checkpoint_seconds)
        return folder


def all_parameters(experiment: Experiment) -> ParameterSet:
    """Those of chip and stream, and the prices."""
    of_chip, of_stream = experiment.parameters
    return of_chip.merged(of_stream).merged(experiment.prices)


def shown_parameters(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Every parameter of chip and stream, and every price, by name with its owner, as plain values."""
    of_chip, of_stream = experiment.parameters
    return _owned(of_chip.merged(of_stream)) | _owned(experiment.prices)


def _outside(experiment: Experiment) -> dict[str, str]:
    """Everything that lives outside this package: its name, and a digest of its source."""
    found = {}
    if (digest := chips.source(experiment.chip)) is not None:
        found[experiment.chip] = digest
    if isinstance(experiment.stream, str) and (digest := streams.source(experiment.stream)) is not None:
        found[experiment.stream] = digest
    for entry in experiment.parameters[0].entries().values():
        if entry.elsewhere and extensions.is_outside(str(entry.value), entry.elsewhere):
            found[entry.value] = extensions.source(entry.value, entry.elsewhere)
    return dict(sorted(found.items()))


def _owned(parameters: ParameterSet) -> dict[str, dict[str, Any]]:
    """Parameters by name with their owners, as plain values."""
    fields = ("value", "unit", "origin", "source", "help", "changed")
    entries = sorted(parameters.entries().items())
    return {name: {field: getattr(entry, field) for field in fields} for name, entry in entries}


def same_experiment(before: Mapping[str, Any], now: Experiment) -> bool:
    """Whether the run.json `before` describes the experiment `now` (chip, stream, placement, seeds, parameters)."""
    told = (before["chip"], before["opened"], before["on"], tuple(before["seeds"]))
    if told != (now.chip, now.stream, now.on, now.seeds) or before.get("outside", {}) != _outside(now):
        return False
    old = {name: entry["value"] for name, entry in before["parameters"].items()}
    new = now.parameters[0].merged(now.parameters[1])
    for name in before.get("suited", ()):  # follows from the stream, where nobody set it
        if name in new and name not in now.settings:
            old[name] = list(new[name]) if isinstance(new[name], tuple) else new[name]
    later = [
        name for name in new if name not in old
    ]  # parameters that the run didn't know have their defaults
    if any(new.entry(name).changed for name in later):
        return False
    return old == {
        name: list(v) if isinstance(v, tuple) else v for name, v in new.items() if name not in later
    }


def _text(value: Any) -> str:
    """A parameter's value as --set takes it."""
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return "none" if value is None else str(value)


def described_in(folder: Path) -> Experiment:
    """The experiment whose run is in `folder`; streams made from arrays have to be given again."""
    run = read_configuration(folder)
    if run["opened"] is None:
        raise InputError(
            f"{folder} learned a stream made from arrays; go on from Python: cimlearn.run(..., resume=...)"
        )
    return Experiment(
        run["chip"],
        run["opened"],
        run["on"],
        tuple(run["seeds"]),
        run["settings"],
        run["data_folder"],
        run.get("on_device") or "cpu",
    )


def _check_names(settings: Mapping[str, Any], of_chip: ParameterSet, others: ParameterSet) -> None:
    """Raise InputError for an unknown setting nearest to one of `others`, which a chip can't know."""
    names = [*of_chip, *others]
    for name in settings:
        close = get_close_matches(name, names, n=1, cutoff=0.5)
        if name not in of_chip and close and close[0] in list(others):
            raise InputError(f"unknown parameter '{name}'; {nearest(name, names)}")


def _refuse_other(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Raise InputError if run.json holds another experiment, or other data, than the one to go on with."""
    for file in sorted(before["data"].keys() | now["data"].keys()):
        if before["data"].get(file) != now["data"].get(file):
            raise InputError(
                f"data file {file} is not what the run in {folder} began with; restore it or start anew"
            )
    for name in sorted(before.get("outside", {}).keys() & now.get("outside", {}).keys()):
        if before["outside"][name] != now["outside"][name]:
            raise InputError(
                f"{name} is not what the run in {folder} began with; restore its source or start anew"
            )
    for key in ("chip", "on", "seeds"):
        _refuse_change(key, before[key], now[key], folder)
    _refuse_change("on_device", before.get("on_device") or "cpu", now.get("on_device", "cpu"), folder)
    _refuse_change("stream", Path(before["stream"]).name, Path(now["stream"]).name, folder)  # files may move
    for name in sorted(before["parameters"].keys() | now["parameters"].keys()):
        if name not in before["parameters"] and not now["parameters"][name]["changed"]:
            continue  # a parameter that came later has its default
        old, new = (run["parameters"].get(name, {}).get("value") for run in (before, now))
        _refuse_change(name, old, list(new) if isinstance(new, tuple) else new, folder)
    for key in ("scenario", "shape", "tasks"):
        _refuse_change(key, before[key], now[key], folder)
    _tell_processor(before.get("compiled", {}), now["compiled"], folder)


def _tell_processor(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with kernels of the other kind; warn where another processor may give other last bits."""
    from cimlearn.compiled import STRICTLY

    if before.get("strict", now["strict"]) != now["strict"]:
        word = f"set {STRICTLY}=1" if before["strict"] else f"unset {STRICTLY}"
        kinds = {True: "strict", False: "ordinary"}
        raise InputError(
            f"the run in {folder} began with {kinds[before['strict']]} kernels, "
            f"these are {kinds[now['strict']]}; {word}"
        )
    if not now["strict"] and before.get("features", now["features"]) != now["features"]:
        warnings.warn(
            f"the run in {folder} began on a processor {before.get('cpu')!s}, this is {now['cpu']}: "
            "the last bits may be others than those of a run on one of them",
            stacklevel=2,
        )


def _refuse_change(key: str, old: Any, new: Any, folder: Path) -> None:
    """Raise InputError if `key` has changed since the run in `folder` began."""
    if old != new:
        raise InputError(
            f"{key} = {new} here, but {old} in {folder}; go on unchanged with: "
            f"cimlearn run --resume {folder}, or start a new run with --out"
        )


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of what computes the result: `packages` beside those that every chip needs."""
    found = {"python": platform.python_version(), "cimlearn": __version__}
    for package in ("numpy", "numba", "llvmlite", *packages):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
