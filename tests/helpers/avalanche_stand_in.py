"""As much of Avalanche's interface as `cimlearn.avalanche` uses, where the package can't be installed.

It holds our side of the contract only: which hooks are called in which order, what experiences have. What the real
package does is tested by tests/doors/test_avalanche.py where it is installed.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


class Plugin:
    """A base class of plugins."""


class Accuracy(Plugin):
    """An evaluator that gathers answers of each evaluated experience."""

    def __init__(self) -> None:
        self.seen: dict[int, list[bool]] = {}

    def before_eval_exp(self, strategy: Any) -> None:
        """A new experience."""
        self.seen[strategy.experience.current_experience] = []

    def after_eval_iteration(self, strategy: Any) -> None:
        """A minibatch was answered."""
        right = strategy.mb_output.argmax(1) == strategy.mb_y
        self.seen[strategy.experience.current_experience] += right.tolist()

    def get_last_metrics(self) -> dict[int, float]:
        """Share of right answers of each experience that was evaluated last."""
        return {k: sum(found) / len(found) for k, found in self.seen.items()}


class Template:
    """Trains and evaluates experience after experience."""

    def __init__(self, *, model: Any, device: str, plugins: Any) -> None:
        self.model, self.device, self.plugins = model, device, list(plugins or [])
        self.experience: Any = None

    def train(self, experiences: Any, eval_streams: Any, **kwargs: Any) -> None:
        """Each of one or several experiences."""
        for self.experience in experiences if isinstance(experiences, list) else [experiences]:
            self._train_exp(self.experience, eval_streams, **kwargs)  # type: ignore[attr-defined]

    def eval(self, experiences: Any, **kwargs: Any) -> None:
        """Each of one or several experiences."""
        for self.experience in experiences if isinstance(experiences, list) else [experiences]:
            self._before_eval_exp(**kwargs)
            self._eval_exp(**kwargs)  # type: ignore[attr-defined]

    def _before_eval_exp(self, **kwargs: Any) -> None:
        triggered(self, "before_eval_exp")


def triggered(strategy: Any, event: str, **_: Any) -> None:
    """Tell every plugin that has a hook of this name."""
    for plugin in strategy.plugins:
        getattr(plugin, event, lambda _: None)(strategy)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let `import avalanche...` find these."""
    members = {
        "avalanche": {},
        "avalanche.core": {"BaseSGDPlugin": Plugin},
        "avalanche.training": {},
        "avalanche.training.plugins": {"EvaluationPlugin": Accuracy},
        "avalanche.training.plugins.clock": {"Clock": Plugin},
        "avalanche.training.plugins.evaluation": {"default_evaluator": Accuracy},
        "avalanche.training.templates": {},
        "avalanche.training.templates.base": {"BaseTemplate": Template},
        "avalanche.training.utils": {"trigger_plugins": triggered},
    }
    for name, held in members.items():
        module = ModuleType(name)
        module.__dict__.update(held)
        patch.setitem(sys.modules, name, module)
    patch.delitem(sys.modules, "cimlearn.avalanche", raising=False)


class Labelled(torch.utils.data.TensorDataset):
    """Images with the targets that Avalanche's data sets have."""

    @property
    def targets(self) -> list[int]:
        """A label for each image."""
        return self.tensors[1].tolist()


def benchmark(parts: list[tuple[Any, Any, Any, Any]]) -> SimpleNamespace:
    """Streams of experiences from (x_train, y_train, x_test, y_test) of each task, x (images, 1, 8, 8)."""
    streams: list[list[Any]] = [[], []]
    for k, (x, y, xt, yt) in enumerate(parts):
        for stream, pair in zip(streams, ((x, y), (xt, yt)), strict=True):
            dataset = Labelled(*(torch.from_numpy(one) for one in pair))
            stream.append(
                SimpleNamespace(dataset=dataset, current_experience=k, task_labels=[0], origin_stream=stream)
            )
    return SimpleNamespace(train_stream=streams[0], test_stream=streams[1])
