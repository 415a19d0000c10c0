"""The table [search] of a study file: what is chosen, what is aimed at, and what is not worth a run.

[search]
trials = 20
objectives = ["accuracy", "learning_J"]
network.hidden = {low = 20, high = 200, step = 20}
rule.rate_bias = {low = 0.01, high = 1.0, log = true}
limit.area_m2 = 2e-6
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cimlearn.errors import InputError, nearest
from cimlearn.experiments.experiment import all_parameters
from cimlearn.report.measures import LEARNED, MEASURE, PRICED, larger
from cimlearn.studies.search.goals import FEWEST
from cimlearn.studies.search.space import FORMS, Dimension, dimension_of
from cimlearn.studies.study import Study
from cimlearn.studies.sweep import Point
from cimlearn.studies.tables import flat, whole

SAMPLERS: Final = ("tpe", "nsga2", "random")
_OWN: Final = ("trials", "objectives", "sampler", "seed", "storage", "margin", "train", "limit")


@dataclass(frozen=True)
class Search:
    """A study of designs that are chosen one after the other."""

    study: Study
    trials: int  # in all, however often and on however many machines it is called
    objectives: tuple[str, ...]
    space: tuple[Dimension, ...]
    limits: Mapping[str, float]  # column -> largest value, or smallest where larger is better
    sampler: str = "tpe"
    seed: int = 0
    storage: str | None = None  # URL of a database; None: a file in the study's folder
    margin: float | None = 0.05  # accuracy; None: every run goes to its end
    train: bool = True  # False: designs are priced, not run

    @property
    def goals(self) -> dict[str, bool]:
        """Whether larger is better, for each objective."""
        return larger(self.objectives)

    @property
    def varied(self) -> tuple[str, ...]:
        """What differs between runs, besides the seed."""
        return (*(dimension.name for dimension in self.space), *self.study.of_chips)

    def points(self, number: int, chosen: Mapping[str, Any]) -> tuple[Point, ...]:
        """The runs of trial `number`, one a seed: 'm2ru/trial=17/seed=0'."""
        start = f"{self.study.base.chip}/trial={number}"
        return tuple(self.study.point(f"{start}/seed={s}", chosen, s) for s in self.study.seeds)

    def described(self) -> dict[str, str]:
        """What must not change while a search goes on."""
        base = self.study.base
        return {
            "objectives": ", ".join(self.objectives),
            "chip, stream, on": f"{base.chip}, {base.stream}, {base.on}",
            "settings": ", ".join(f"{name} = {value}" for name, value in sorted(base.settings.items())),
            "seeds": ", ".join(map(str, self.study.seeds)),
            "drawn for each chip": ", ".join(f"{n}: {s}" for n, s in sorted(self.study.of_chips.items())),
            "limits": ", ".join(f"{name} = {value:g}" for name, value in sorted(self.limits.items())),
            "train": str(self.train),
            **{dimension.name: dimension.described() for dimension in self.space},
        }


def search_of(study: Study) -> Search:
    """The search that a study describes; every range is checked now, and nothing runs.

    Raises
    ------
    InputError
        If there is no [search], another table varies something too, or a key, range, objective or limit is wrong.
    """
    table = study.search
    if not table:
        raise InputError(
            f"study {study.name} has no [search]; say what is chosen: trials = 20 and part.key = {FORMS}"
        )
    for name, other in (("grid", study.grid), ("zip", study.zipped), ("random", study.random)):
        if other:
            raise InputError(f"study {study.name}: [{name}] and [search]; keep one of them in the file")
    try:
        return _search(study, table)
    except InputError as error:
        raise InputError(f"study {study.name}, [search]: {error}") from None


def _search(study: Study, table: Mapping[str, Any]) -> Search:
    """The search in `table`."""
    if "trials" not in table:
        raise InputError("how many designs? write trials = 20")
    train = table.get("train", True)
    if not isinstance(train, bool):
        raise InputError(f"train = {train!r} is neither true nor false")
    storage = table.get("storage")
    if storage is not None and not isinstance(storage, str):
        raise InputError(f"storage = {storage!r} must be a text such as postgresql://user@host/database")
    sampler = table.get("sampler", SAMPLERS[0])
    if sampler not in SAMPLERS:
        raise InputError(f"unknown sampler {sampler!r}; {nearest(str(sampler), SAMPLERS)}")
    return Search(
        study,
        whole(table, "trials", 1),
        _objectives(table.get("objectives", list(FEWEST)), study.base.on, train=train),
        _space(study, table),
        _limits(table.get("limit", {})),
        sampler,
        whole({"seed": 0, **table}, "seed", 0),
        storage,
        _margin(table.get("margin", 0.05)),
        train,
    )


def _space(study: Study, table: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """What is chosen; the ends of every range are tried on the base design."""
    entries, space = all_parameters(study.base), []
    for name, given in flat({key: value for key, value in table.items() if key not in _OWN}).items():
        if "." not in name:
            raise InputError(f"unknown key '{name}'; {nearest(name, _OWN)}")
        dimension = dimension_of(name, given, entries)
        for end in dimension.ends():
            study.point(f"{name} = {end}", {name: end}, study.seeds[0])
        space.append(dimension)
    if not space:
        raise InputError(f"nothing is chosen; give at least one part.key = {FORMS}")
    twice = next((dimension.name for dimension in space if dimension.name in study.of_chips), None)
    if twice is not None:
        raise InputError(f"{twice} is drawn in [monte_carlo] too; keep one of them")
    return tuple(space)


def _objectives(given: Any, on: str, *, train: bool) -> tuple[str, ...]:
    """One or more known columns."""
    if not isinstance(given, list) or not given:
        raise InputError(
            f'objectives = {given!r} is not a list of at least one; such as ["accuracy", "area_m2"]'
        )
    for name in given:
        if name not in MEASURE:
            raise InputError(f"unknown objective {name!r}; {nearest(str(name), MEASURE)}")
        if name in PRICED and on != "chip":
            raise InputError(f'a software twin has no {name}; search the chip (on = "chip")')
        if name in LEARNED and not train:
            raise InputError(f"{name} is known after a run only, but train = false; remove one of them")
    if len(set(given)) != len(given):
        raise InputError(f"objectives = {given} holds one twice; remove it")
    return tuple(given)


def _limits(given: Any) -> dict[str, float]:
    """Known costs with their limits."""
    if not isinstance(given, Mapping):
        raise InputError(f"limit = {given!r}: name the column, such as limit.area_m2 = 2e-6")
    for name, value in given.items():
        if name not in PRICED:
            known = "is known after a run only" if name in LEARNED else "is no cost"
            raise InputError(f"limit.{name}: {name} {known}; {nearest(name, PRICED)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise InputError(f"limit.{name} = {value!r}: give a number above 0, in {PRICED[name].unit}")
    return {name: float(value) for name, value in given.items()}


def _margin(given: Any) -> float | None:
    """Accuracy from 0 to 1, or none."""
    if given == "none":
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise InputError(
            f'margin = {given!r}: give an accuracy from 0 to 1, or "none" to run all to their end'
        )
    return float(given)
