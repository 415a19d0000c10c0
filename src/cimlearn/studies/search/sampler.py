"""Optuna's samplers, seeded anew for each trial and parameter.

So the choice depends on the seed, the trial's number and the finished trials alone, not on whether the search was
killed and called again in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cimlearn import random
from cimlearn.studies.search.backend import optuna

_STARTUP: Final = 10  # trials of "tpe" that are random, Optuna's default
_POPULATION: Final = 20  # trials of a generation of "nsga2"; Optuna's 50 would need hundreds of runs

Distributions = dict[str, optuna.distributions.BaseDistribution]


class Seeded(optuna.samplers.BaseSampler):
    """The sampler called `kind` (tpe, nsga2 or random)."""

    def __init__(self, kind: str, seed: int) -> None:
        self._kind, self._seed = kind, seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> Distributions:
        """What is chosen together."""
        return self._make(trial, "together").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: Distributions
    ) -> dict[str, Any]:
        """Choose parameters together."""
        inner = self._make(trial, "together")
        inner.infer_relative_search_space(study, trial)  # some samplers keep what it finds
        return inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: optuna.distributions.BaseDistribution,
    ) -> Any:
        """Choose one parameter."""
        inner = self._make(trial, param_name)
        return inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """What the sampler notes about a trial that begins."""
        self._make(trial, "before").before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        state: optuna.trial.TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """What the sampler notes about a trial that ends."""
        self._make(trial, "after").after_trial(study, trial, state, values)

    def _make(self, trial: optuna.trial.FrozenTrial, name: str) -> optuna.samplers.BaseSampler:
        """A new sampler for one use."""
        seed = int(random.generator(self._seed, "search", str(trial.number), name).integers(2**32))
        if self._kind == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if self._kind == "nsga2":
            return optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=seed)
        return optuna.samplers.TPESampler(n_startup_trials=_STARTUP, seed=seed)
