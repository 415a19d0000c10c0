"""Benchmarks of Avalanche and Continuum as streams, our chips as Avalanche strategies: with the real packages."""

from __future__ import annotations

import importlib
import io
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import cimlearn
from cimlearn.errors import InputError

TRAIN = 1437  # of scikit-learn's digits
SETTINGS = {"network.hidden": 48, "rule.suited": False}  # what a loop that knows no stream learns with


def _needed(module: str, package: str) -> ModuleType:
    """A module of the real package, or a skip; what it warns of while it is imported isn't ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(package, reason=f"{package} isn't installed (it needs torchvision)")
        return importlib.import_module(module)


@pytest.fixture(scope="module")
def avalanche() -> ModuleType:
    _needed("cimlearn.avalanche", "avalanche")
    return _needed("avalanche.benchmarks", "avalanche")


def _digits() -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return (found.images / 16).astype(np.float32), found.target


def _sets() -> tuple[Any, Any]:
    """Training and test set as PyTorch data sets of images (1, 8, 8) with targets."""
    import torch

    class Digits(torch.utils.data.TensorDataset):
        @property
        def targets(self) -> list[int]:
            return self.tensors[1].tolist()

    x, y = (torch.from_numpy(a) for a in _digits())
    return Digits(x[:TRAIN, None], y[:TRAIN]), Digits(x[TRAIN:, None], y[TRAIN:])


def _benchmark(avalanche: ModuleType, **how: Any) -> Any:
    chosen = {"n_experiences": 5, "task_labels": False, "shuffle": False, "seed": 0} | how
    return avalanche.nc_benchmark(*_sets(), **chosen)


def test_a_benchmark_is_a_stream(avalanche: ModuleType) -> None:
    from cimlearn.avalanche import stream_from_avalanche

    stream = stream_from_avalanche(_benchmark(avalanche), seed=0, order="stored")
    assert stream.shape == (8, 8, 10, False) and stream.scenario == "class-incremental"
    x, y = _digits()
    for task in range(5):
        classes = (2 * task, 2 * task + 1)  # Avalanche puts the examples of a class together
        chunk, held = next(stream.chunks(task, 2000)), next(stream.held_out(task, 2000))
        assert np.array_equal(chunk.x, np.concatenate([x[:TRAIN][y[:TRAIN] == c] for c in classes]))
        assert np.array_equal(chunk.y, np.concatenate([y[:TRAIN][y[:TRAIN] == c] for c in classes]))
        assert np.array_equal(held.x, np.concatenate([x[TRAIN:][y[TRAIN:] == c] for c in classes]))


def test_one_test_set_is_split_by_the_classes_of_the_tasks(avalanche: ModuleType) -> None:
    from cimlearn.avalanche import stream_from_avalanche

    train, test = _sets()
    wrap = importlib.import_module("avalanche.benchmarks.utils").as_classification_dataset
    halves = [np.flatnonzero(_digits()[1][:TRAIN] // 5 == k).tolist() for k in (0, 1)]
    parts = [wrap(train).subset(half) for half in halves]
    whole = avalanche.benchmark_from_datasets(train=parts, test=[wrap(test)])
    stream = stream_from_avalanche(whole, seed=0)
    assert [sorted(set(next(stream.held_out(k, 500)).y.tolist())) for k in (0, 1)] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
    ]


def _strategy(**changes: Any) -> Any:
    from avalanche.evaluation.metrics import accuracy_metrics, forgetting_metrics
    from avalanche.logging import TextLogger
    from avalanche.training.plugins import EvaluationPlugin

    from cimlearn.avalanche import CimlearnStrategy

    metrics = (accuracy_metrics(experience=True, stream=True), forgetting_metrics(experience=True))
    evaluator = EvaluationPlugin(*metrics, loggers=[TextLogger(io.StringIO())])
    return CimlearnStrategy(
        **{"chip": "m2ru", "seed": 3, "settings": SETTINGS, "evaluator": evaluator} | changes
    )


def test_a_strategy_learns_what_a_run_learns(avalanche: ModuleType, tmp_path: Path) -> None:
    """The same examples in the same order on the same chip: equal accuracies, to the last digit."""
    from cimlearn.avalanche import stream_from_avalanche

    benchmark = _benchmark(avalanche)
    stream = stream_from_avalanche(benchmark, seed=3)
    matrix = cimlearn.run("m2ru", stream=stream, seeds=[3], settings=SETTINGS, out=tmp_path / "run").matrix
    strategy = _strategy(eval_mb_size=30)  # other chunks than a run's; they never matter
    for k, experience in enumerate(benchmark.train_stream):
        strategy.train(experience)
        found = strategy.eval(benchmark.test_stream[: k + 1])
        name = "Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp{:03d}"
        assert [found[name.format(j)] for j in range(k + 1)] == matrix[k, : k + 1].tolist()
    fall = found["ExperienceForgetting/eval_phase/test_stream/Task000/Exp000"]
    assert fall == pytest.approx(matrix[0, 0] - matrix[4, 0])
    assert strategy.model.chip.learned() > TRAIN  # replay too


def test_a_whole_stream_can_be_given(avalanche: ModuleType) -> None:
    benchmark = _benchmark(avalanche, n_experiences=2)
    strategy = _strategy(train_epochs=2, on="float")
    strategy.train(benchmark.train_stream, eval_streams=[benchmark.test_stream])
    once = strategy.eval(benchmark.test_stream)["Top1_Acc_Stream/eval_phase/test_stream/Task000"]
    assert once > 0.5  # chance is 0.1


def test_sas_mram_is_told_the_tasks_of_a_benchmark(avalanche: ModuleType) -> None:
    benchmark = _benchmark(avalanche, task_labels=True, class_ids_from_zero_in_each_exp=True)
    strategy = _strategy(chip="sas-mram", classes=2, settings={})
    strategy.train(benchmark.train_stream[:2])
    strategy.eval(benchmark.test_stream[:2])
    assert sorted(strategy.model.chip.learners) == [0, 1]


def test_what_a_strategy_refuses(avalanche: ModuleType) -> None:
    from cimlearn.avalanche import stream_from_avalanche

    benchmark = _benchmark(avalanche)
    with pytest.raises(InputError, match="learned nothing yet"):
        _strategy().eval(benchmark.test_stream)
    with pytest.raises(InputError, match="unknown chip"):
        _strategy(chip="m2rv")
    few = _strategy(classes=2)
    few.train(benchmark.train_stream[0])
    with pytest.raises(InputError, match="give CimlearnStrategy all classes"):
        few.train(benchmark.train_stream[1])
    with pytest.raises(InputError, match=r"beyond full_scale = 0\.5"):
        next(stream_from_avalanche(benchmark, seed=0, full_scale=0.5).chunks(0, 5))


def _scenarios(increment: int) -> tuple[Any, Any]:
    continuum = _needed("continuum", "continuum")
    datasets = _needed("continuum.datasets", "continuum")
    x, y = _digits()
    images = (x * 255).astype(np.uint8)[..., None].repeat(3, axis=3)  # (images, 8, 8, 3)
    made = []
    for part, train in ((slice(TRAIN), True), (slice(TRAIN, None), False)):
        data = datasets.InMemoryDataset(images[part], y[part], train=train)
        made.append(continuum.ClassIncremental(data, increment=increment))
    return made[0], made[1]


def test_a_scenario_of_continuum_is_a_stream() -> None:
    train, test = _scenarios(2)
    from cimlearn.continuum import stream_from_continuum

    stream = stream_from_continuum(train, test, seed=0, order="stored")
    assert stream.shape == (8, 24, 10, False) and stream.scenario == "class-incremental"
    x, y = _digits()
    for task in range(5):
        mine = np.isin(y, (2 * task, 2 * task + 1))
        chunk, held = next(stream.chunks(task, 2000)), next(stream.held_out(task, 2000))
        assert np.array_equal(chunk.y, y[:TRAIN][mine[:TRAIN]])
        expected = np.floor(x[TRAIN:][mine[TRAIN:]] * 255) / 255
        for channel in range(3):
            assert np.allclose(held.x[..., channel::3], expected, atol=1e-6)


def test_scenarios_that_do_not_fit() -> None:
    from cimlearn.continuum import stream_from_continuum

    (train, _), (_, test) = _scenarios(2), _scenarios(5)
    with pytest.raises(InputError, match="has 5 tasks, the test scenario 2"):
        stream_from_continuum(train, test, seed=0)
    with pytest.raises(InputError, match="test scenario is a int"):
        stream_from_continuum(train, 3, seed=0)


def test_without_avalanche_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cimlearn.avalanche", raising=False)
    monkeypatch.setitem(sys.modules, "avalanche.core", None)
    monkeypatch.setitem(sys.modules, "avalanche", None)
    with pytest.raises(InputError, match="pip install avalanche-lib"):
        importlib.import_module("cimlearn.avalanche")
    monkeypatch.delitem(sys.modules, "cimlearn.avalanche", raising=False)
