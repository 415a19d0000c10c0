"""Benchmarks of Avalanche (https://avalanche.continualai.org) as our streams; our chips as Avalanche strategies.

stream = stream_from_avalanche(SplitMNIST(5), seed=0)
cimlearn.run("m2ru", stream=stream)

strategy = CimlearnStrategy(chip="m2ru", classes=10, evaluator=evaluator)
for experience in benchmark.train_stream:
    strategy.train(experience)
    strategy.eval(benchmark.test_stream)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cimlearn import chips
from cimlearn.chips.base import Chip, Kind
from cimlearn.errors import InputError, nearest
from cimlearn.streams import cutting
from cimlearn.streams.base import StreamShape
from cimlearn.streams.checking import check_shape
from cimlearn.streams.datasets import DatasetStream
from cimlearn.streams.mapstyle import Part, Range, looked_at, make_part, read_example, read_examples

try:
    import torch
    from avalanche.core import BaseSGDPlugin
    from avalanche.training.plugins import EvaluationPlugin
    from avalanche.training.plugins.clock import Clock
    from avalanche.training.plugins.evaluation import default_evaluator
    from avalanche.training.templates.base import BaseTemplate
    from avalanche.training.utils import trigger_plugins
except ImportError:
    raise InputError("cimlearn.avalanche needs Avalanche: pip install avalanche-lib") from None

_CHUNK = 500  # examples learned with one call; never changes a result


def stream_from_avalanche(benchmark: Any, *, seed: int, **settings: Any) -> DatasetStream:
    """A stream with a task per experience of a benchmark.

    A benchmark with a single test experience for several training ones is tested, after each task, on those of its
    examples whose classes the task has.

    Parameters
    ----------
    benchmark
        Anything with `train_stream` and `test_stream` of experiences with a `dataset`.
    seed
        Seed of the order of training examples.
    settings
        As in DatasetStream: full_scale (3.0 for normalised images), clip, classes, examples, held_out, ...

    Raises
    ------
    InputError
        If the numbers of experiences don't fit, or `DatasetStream` refuses the data.
    """
    train = [experience.dataset for experience in benchmark.train_stream]
    test = [experience.dataset for experience in benchmark.test_stream]
    if len(test) == 1 and len(train) > 1:
        test = [_of_classes(test[0], set(map(int, part.targets))) for part in train]
    if len(train) != len(test):
        raise InputError(
            f"the benchmark has {len(train)} training and {len(test)} test experiences; needed: as many, or one test"
        )
    tasks = list(zip(train, test, strict=True))
    return DatasetStream(tasks, seed=seed, **{"name": "avalanche", **settings})


def _of_classes(dataset: Any, classes: set[int]) -> Any:
    """The examples of a data set that have one of the classes."""
    labels = np.array([int(label) for label in dataset.targets])
    return dataset.subset(np.flatnonzero(np.isin(labels, list(classes))).tolist())


class _Answering(torch.nn.Module):
    """A chip as Avalanche's model: images in, one-hot answers out. It has no weights that PyTorch could train."""

    def __init__(self) -> None:
        super().__init__()
        self.chip: Chip | None = None
        self.classes = 0

    def answer(self, x: np.ndarray, task: int) -> Any:
        """(examples, classes) 1 for the class that the chip names, else 0."""
        assert self.chip is not None
        named = torch.from_numpy(self.chip.predict(x, task))
        return torch.nn.functional.one_hot(named, self.classes).float()


class CimlearnStrategy(BaseTemplate):
    """A chip that learns experiences as they come and answers on others, with Avalanche's plugins and metrics.

    Each training example is shown `train_epochs` times, in the order in which `stream_from_avalanche` would show it.
    The chip has its own replay and knows no gradients, so plugins that change losses or gradients do nothing. Metrics
    are fed while evaluating; while learning a chip gives no answers, so metrics of training minibatches stay empty.

    Parameters
    ----------
    chip, on, seed, settings
        As in `cimlearn.run`: the chip, 'chip' or a software twin, its seed, changed parameters. A PyTorch model of
        one's own that learns in situ is 'mymodel.py:CHIP', or what `cimlearn.torch.model_chip(build)` returned.
    classes
        Outputs; None: as many as the benchmark has.
    full_scale, clip, signed, steps
        As in DatasetStream.
    train_epochs
        Times that an experience's examples are shown.
    eval_mb_size
        Examples answered together, as metrics and loggers see them.
    evaluator, plugins
        Avalanche's; evaluator None: no metrics.

    Raises
    ------
    cimlearn.InputError
        If the chip or a setting is unknown, or the examples don't suit the chip.
    """

    PLUGIN_CLASS = BaseSGDPlugin

    def __init__(
        self,
        *,
        chip: str | Kind = "m2ru",
        on: str = "chip",
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        classes: int | None = None,
        full_scale: float = 1.0,
        clip: bool = False,
        signed: bool | None = None,
        steps: int | None = None,
        train_epochs: int = 1,
        eval_mb_size: int = 100,
        evaluator: Any = default_evaluator,
        plugins: Sequence[Any] | None = None,
    ) -> None:
        super().__init__(model=_Answering(), device="cpu", plugins=plugins)
        kind = chips.kind(chip) if isinstance(chip, str) else chip
        if on not in kind.placements:
            raise InputError(f"unknown placement '{on}' of {kind.name}; {nearest(on, kind.placements)}")
        self.parameters = kind.parameters(dict(settings or {}))
        self._kind, self._on = kind, on
        self.seed, self.classes, self.steps = seed, classes, steps
        self._scale = (full_scale, clip, signed)
        self.range = Range(full_scale, clip, bool(signed))
        self.shape: StreamShape | None = None
        self.train_epochs, self.train_mb_size, self.eval_mb_size = train_epochs, _CHUNK, eval_mb_size
        made = EvaluationPlugin() if evaluator is None else evaluator
        self.evaluator = made() if callable(made) else made
        self.clock = Clock()
        self.plugins += [self.evaluator, self.clock]  # the clock is last, as Avalanche wants it
        self.dataloader: Sequence[Any] = []
        self.mb_y: Any = None
        self.mb_output: Any = None
        self.mb_task_id: Any = None

    def train(self, experiences: Any, eval_streams: Any = None, **kwargs: Any) -> Any:
        """Learn one experience or several in order; the last value of each metric.

        `eval_streams`: what to evaluate after each experience; None or []: nothing.
        """
        super().train(experiences, [] if eval_streams is None else eval_streams, **kwargs)
        return self.evaluator.get_last_metrics()

    def eval(self, experiences: Any, **kwargs: Any) -> Any:
        """Answer on one experience or several; the last value of each metric."""
        if self.model.chip is None:
            raise InputError("the chip has learned nothing yet, so it has no size; train it first")
        super().eval(experiences, **kwargs)
        return self.evaluator.get_last_metrics()

    def _train_exp(self, experience: Any, eval_streams: Any, **kwargs: Any) -> None:
        """Show the examples of an experience to the chip, then evaluate on `eval_streams`."""
        number = experience.current_experience
        part = make_part(experience.dataset, None, f"training experience {number}")
        chip = self._chip(part, experience)
        chip.start_task(_task(experience))
        order = cutting.train_order(
            part.which, len(part.which), number, seed=self.seed, passes=self.train_epochs
        )
        for span in cutting.spans(len(order), self.train_mb_size):
            which = order[span]
            chip.learn(self._examples(part, which), part.y[which])
        chip.end_task()
        for stream in eval_streams:
            self.eval(stream, **kwargs)

    def _chip(self, part: Part, experience: Any) -> Chip:
        """The chip; it is built when the first examples show their size."""
        if self.model.chip is None:
            samples = [read_example(part, k) for k in looked_at(len(part.y))]
            full_scale, clip, signed = self._scale
            signed = any(x.min() < 0 for x in samples) if signed is None else signed
            classes = self.classes or _classes(experience)
            self.range = Range(full_scale, clip, signed)
            self.shape = StreamShape(*check_shape("avalanche", samples[0].shape, self.steps), classes, signed)
            self.model.chip = self._kind.build(
                self._on, parameters=self.parameters, shape=self.shape, seed=self.seed
            )
            self.model.classes = classes
        return self.model.chip

    def _examples(self, part: Part, which: Any) -> Any:
        """(examples, steps, features) of the shape that the chip was built for."""
        assert self.shape is not None
        x = read_examples(part, which, self.range)
        x = x if x.ndim == 3 else cutting.cut(x, self.shape.steps)
        if x.shape[1:] != self.shape[:2] or part.y[which].max() >= self.shape.classes:
            raise InputError(
                f"{part.where} has examples of {x.shape[1:]} and labels up to {part.y[which].max()}; the chip was "
                f"built for {tuple(self.shape[:2])} and {self.shape.classes} classes; give CimlearnStrategy all classes"
            )
        return x

    def _eval_exp(self, **kwargs: Any) -> None:
        """Answer on the current experience, a minibatch at a time."""
        experience = self.experience
        part = make_part(experience.dataset, None, f"test experience {experience.current_experience}")
        task = _task(experience)
        for span in self.dataloader:
            which = np.arange(span.start, span.stop)
            trigger_plugins(self, "before_eval_iteration", **kwargs)
            trigger_plugins(self, "before_eval_forward", **kwargs)
            self.mb_y = torch.from_numpy(part.y[which])
            self.mb_task_id = torch.full((len(which),), task)
            self.mb_output = self.model.answer(self._examples(part, which), task)
            trigger_plugins(self, "after_eval_forward", **kwargs)
            trigger_plugins(self, "after_eval_iteration", **kwargs)

    def _before_eval_exp(self, **kwargs: Any) -> None:
        """Lay out the minibatches, which loggers count, before plugins are told."""
        self.dataloader = list(cutting.spans(len(self.experience.dataset), self.eval_mb_size))
        super()._before_eval_exp(**kwargs)


def _task(experience: Any) -> int:
    """The task label that the learner may know: the experience's own, 0 where it has none or several."""
    labels: Iterable[int] = getattr(experience, "task_labels", None) or [0]
    found = {int(label) for label in labels}
    return found.pop() if len(found) == 1 else 0


def _classes(experience: Any) -> int:
    """Classes of the benchmark that an experience belongs to: the largest label of its training stream plus one."""
    stream = experience.origin_stream
    return 1 + max(int(max(one.dataset.targets)) for one in stream)
