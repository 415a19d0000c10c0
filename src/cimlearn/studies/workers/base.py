"""What a sweep asks of its workers: take jobs, say how each attempt ended. A job is plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cimlearn.errors import InputError
from cimlearn.experiments.experiment import Experiment

Plain = dict[str, Any]  # what JSON can hold


@dataclass(frozen=True)
class Job:
    """One run that is wanted, and where it goes."""

    name: str
    experiment: Experiment
    folder: Path
    floors: tuple[float, ...] = ()  # it ends after task k with an accuracy so far (0 to 1) below floors[k]


@dataclass(frozen=True)
class Ended:
    """A job ran to its end, or can't be run.

    `files` (name -> text) is the finished run where the worker has written it elsewhere than in the job's folder.
    """

    name: str
    reason: str | None = None  # why it can't be run; trying again would not help
    files: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Lost:
    """A worker died or hung over a job, so nothing is known; it may be tried again.

    `further` says that the job has come further than before, and what it saved is kept: going on is no new attempt.
    """

    name: str
    reason: str
    further: bool = False


class Workers(Protocol):
    """Some number of workers. `submit` returns at once; `next` waits until one submitted job ends in some way."""

    def submit(self, job: Job) -> None:
        """Take a job; the same one again after it was lost."""

    def next(self) -> Ended | Lost:
        """How one of the submitted jobs ended. Each submission is answered once.

        Raises
        ------
        InputError
            If no job can be run any more: the cluster is gone, or its workers have another version.
        """

    def close(self) -> None:
        """Stop what is running as soon as it has saved where it stands, and let go of all workers."""


def plain(experiment: Experiment) -> Plain:
    """An experiment as it travels. Raises InputError for a stream made from arrays, which can't."""
    if not isinstance(experiment.stream, str):
        raise InputError(
            f"the stream {experiment.stream.name} was made from arrays, so no other process can open it; "
            "save it as an .npz file and give its path"
        )
    return {
        "chip": experiment.chip,
        "stream": experiment.stream,
        "on": experiment.on,
        "seeds": list(experiment.seeds),
        "settings": {k: list(v) if isinstance(v, tuple) else v for k, v in experiment.settings.items()},
        "data": experiment.data,
    }


def experiment_of(travelled: Mapping[str, Any]) -> Experiment:
    """The experiment that `plain` made this of."""
    return Experiment(**{**travelled, "seeds": tuple(travelled["seeds"])})
