"""Every stream against every named check of the stream contract, on small data in the real formats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import streams_data as made

from cimlearn.errors import InputError
from cimlearn.streams import ArrayStream, DatasetStream, Stream, names, open_stream, parameters
from cimlearn.streams.sources.known import SOURCES

Opener = Callable[[Path, int], Stream]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose checksums the registry knows."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for name, source in made.make_data(folder).items():
            patch.setitem(SOURCES, name, source)
        np.savez(folder / "mine.npz", **made.my_arrays())
        made.write_folder(folder / "mine", made.my_arrays())
        made.write_table(folder / "mine.csv")
        yield folder


def _named(name: str, **settings: object) -> Opener:
    def opener(folder: Path, seed: int) -> Stream:
        chosen = parameters(name).replace({f"stream.{key}": value for key, value in settings.items()})
        return open_stream(name, seed=seed, data=folder, settings=chosen)

    return opener


def _path(name: str, **settings: object) -> Opener:
    return lambda folder, seed: _named(str(folder / name), **settings)(folder, seed)


def _arrays(folder: Path, seed: int) -> Stream:
    a, b = made.my_arrays(tasks=1), made.my_arrays(tasks=1, signed=False)
    keys = ("x_train", "y_train", "x_test", "y_test")
    return ArrayStream([tuple(x[key] for key in keys) for x in (a, b)], seed=seed)


def _datasets(folder: Path, seed: int) -> Stream:
    return DatasetStream(made.my_datasets(), seed=seed, examples=23)


TABLE = {"label": "activity", "group": "person", "task": "day", "window": 6, "block": 30}
FEWER: dict[str, dict[str, object]] = {  # as many as the checks need
    "permuted": {"tasks": 3},
    "rotated": {"tasks": 3},
    "mackey": {"taus": "17,20", "points": 120, "ahead": 40, "window": 12, "passes": 1},
}
STREAMS: dict[str, Opener] = {
    **{name: _named(name, **FEWER.get(name.split("-")[0], {})) for name in names()},
    "permuted-mnist-flat": _named("permuted-mnist", form="flat", steps=10),
    "permuted-mnist-identity": _named("permuted-mnist", first_identity=True, tasks=3),
    "permuted-mnist-few": _named("permuted-mnist", examples=37, held_out=11),
    "mnist+cifar10+digits": _named("mnist+cifar10+digits:0-4", passes=1, examples=55),
    "cifar100+mnist": _named(
        "cifar100:10-19+mnist", labels="disjoint", side=16, channels="grey", form="flat"
    ),
    "hapt-people-steps": _named("hapt-people", samples_per_step=4, order="stored", examples=17),
    "file": _path("mine.npz"),
    "file-stored": _path("mine.npz", order="stored", examples=31, held_out=7),
    "folder": _path("mine", block=16),
    "folder-few": _path("mine", block=16, examples=41, held_out=7),
    "folder-stored": _path("mine", order="stored"),
    "arrays": _arrays,
    "table": _path("mine.csv", **TABLE),
    "table-overlapping": _path("mine.csv", **TABLE, hop=1, examples=20, held_out=9, normalise="unit"),
    "table-stored": _path("mine.csv", **TABLE, order="stored"),
    "table-target": _path("mine.csv", **TABLE, target="left", ahead=2, features="left,right"),
    "datasets": _datasets,
    "late": _named("split-digits", label_delay=13, examples=60),
    "late-folder": _path("mine", block=16, label_delay=17),
}
ONE_ORDER = {"hapt-people-steps", "file-stored", "folder-stored", "table-stored"}  # no random order


def _all(chunks: Iterator) -> tuple[np.ndarray, np.ndarray]:
    parts = list(chunks)
    return np.concatenate([c.x for c in parts]), np.concatenate([c.y for c in parts])


def _train(stream: Stream, task: int) -> tuple[np.ndarray, np.ndarray]:
    return _all(stream.chunks(task, 64))


def _rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


def check_sizes(opener: Opener, data: Path) -> None:
    stream = opener(data, 0)
    steps, features, classes, signed = stream.shape
    assert stream.name
    assert stream.scenario in ("domain-incremental", "class-incremental")
    assert len(stream.tasks) > 0
    low = -1 if signed else 0
    for k, task in enumerate(stream.tasks):
        for (x, y), count in (
            (_train(stream, k), task.examples),
            (_all(stream.held_out(k, 16)), task.held_out),
        ):
            assert x.shape == (count, steps, features) and x.dtype == np.float32 and x.flags.c_contiguous
            assert count > 0 and x.min() >= low and x.max() <= 1
            if stream.shape.numbers:
                assert y.shape == (count, classes) and y.dtype == np.float32 and np.isfinite(y).all()
                continue
            assert y.shape == (count,) and y.dtype == np.int64
            assert y.min() >= 0 and y.max() < classes


def check_borders(opener: Opener, data: Path) -> None:
    stream = opener(data, 0)
    task = len(stream.tasks) - 1
    x, y = _train(stream, task)
    count = len(y)
    for size, start in (
        (1, count - 2),
        (7, 0),
        (7, 5),
        (count, 0),
        (count + 9, 3),
        (13, count // 2),
        (16, 16),
    ):
        if 0 <= start < count:
            parts = list(stream.chunks(task, size, start))
            assert all(len(c.y) == size for c in parts[:-1])
            some = _all(iter(parts))
            assert np.array_equal(some[0], x[start:]) and np.array_equal(some[1], y[start:])
    assert list(stream.chunks(task, 5, count)) == []
    held = _all(stream.held_out(task, 3))
    assert np.array_equal(held[0], _all(stream.held_out(task, 1000))[0])


def check_same_seed(opener: Opener, data: Path) -> None:
    first, second = opener(data, 5), opener(data, 5)
    assert first.tasks == second.tasks and first.shape == second.shape
    for k in reversed(range(len(first.tasks))):
        for a, b in zip(_train(first, k), _train(second, k), strict=True):
            assert a.tobytes() == b.tobytes()


def check_other_seed(opener: Opener, data: Path) -> None:
    first, second = opener(data, 5), opener(data, 6)
    same = [np.array_equal(_train(first, k)[0], _train(second, k)[0]) for k in range(len(first.tasks))]
    assert all(same) or not any(same)
    assert first.checksums == second.checksums


def check_order_of_its_own(opener: Opener, data: Path) -> None:
    """Tasks don't share an order of classes, unless they have different classes or are stored so."""
    stream = opener(data, 0)
    orders = [_train(stream, k)[1].tobytes() for k in range(len(stream.tasks))]
    assert len(set(orders)) == len(orders)


def check_each_once(opener: Opener, data: Path) -> None:
    """All stored examples differ, so as many different ones as examples means: each at most once."""
    stream = opener(data, 0)
    for k, task in enumerate(stream.tasks):
        assert len(_rows(_train(stream, k)[0])) == task.examples
        assert len(_rows(_all(stream.held_out(k, 50))[0])) == task.held_out


def check_train_and_test_apart(opener: Opener, data: Path) -> None:
    stream = opener(data, 0)
    for k in range(len(stream.tasks)):
        assert not _rows(_train(stream, k)[0]) & _rows(_all(stream.held_out(k, 50))[0])


def check_class_counts(opener: Opener, data: Path) -> None:
    stream = opener(data, 0)
    if "label_delay" in getattr(stream, "facts", {}):
        return  # counted is what arrives: see test_late_labels
    if stream.shape.numbers:
        with pytest.raises(InputError, match="no classes"):
            stream.class_counts(0)
        return
    for k in range(len(stream.tasks)):
        counts, classes = stream.class_counts(k), stream.shape.classes
        assert counts.train.tolist() == np.bincount(_train(stream, k)[1], minlength=classes).tolist()
        held = _all(stream.held_out(k, 50))[1]
        assert counts.held_out.tolist() == np.bincount(held, minlength=classes).tolist()


def check_checksums(opener: Opener, data: Path) -> None:
    checksums = opener(data, 0).checksums
    assert checksums and all(len(digest) == 64 for digest in checksums.values())


def check_refuses_nonsense(opener: Opener, data: Path) -> None:
    stream = opener(data, 0)
    for task, size, start in ((-1, 5, 0), (len(stream.tasks), 5, 0), (0, 0, 0), (0, 5, -1), (0, 5, 10**9)):
        with pytest.raises(InputError):
            stream.chunks(task, size, start)
    with pytest.raises(InputError):
        stream.held_out(len(stream.tasks), 5)
    with pytest.raises(InputError):
        stream.class_counts(len(stream.tasks))


def check_numbers_have_predictors(opener: Opener, data: Path) -> None:
    """Training targets lie in -1 to 1; who learns nothing answers the whole held-out set."""
    stream = opener(data, 0)
    if not stream.shape.numbers:
        return
    y = np.concatenate([_train(stream, k)[1] for k in range(len(stream.tasks))])
    assert -1.000001 < y.min() < -0.5 and 0.5 < y.max() < 1.000001
    targets = stream.targets  # type: ignore[attr-defined]
    assert len(targets.names) == stream.shape.classes and (targets.unit > 0).all()
    for k, task in enumerate(stream.tasks):
        found = stream.predictors(k)  # type: ignore[attr-defined]
        assert set(found) == {"mean", "last"}
        assert all(one.shape == (task.held_out, stream.shape.classes) for one in found.values())
        assert np.allclose(found["mean"], _train(stream, k)[1].mean(axis=0, dtype=float), atol=1e-6)
        again = stream.targets.values(found["last"])  # type: ignore[attr-defined]
        assert np.isfinite(again).all()


CHECKS = {name.removeprefix("check_"): f for name, f in list(globals().items()) if name.startswith("check_")}
SKIPPED = {(name, "order_of_its_own") for name in ONE_ORDER}


@pytest.mark.parametrize(
    ("name", "check"),
    [pair for pair in itertools.product(STREAMS, CHECKS) if pair not in SKIPPED],
    ids=lambda part: part,
)
def test_stream(name: str, check: str, data: Path) -> None:
    CHECKS[check](STREAMS[name], data)


@pytest.mark.parametrize("name", sorted(set(STREAMS) - ONE_ORDER))
def test_another_seed_gives_another_order(name: str, data: Path) -> None:
    first, second = STREAMS[name](data, 5), STREAMS[name](data, 6)
    assert not np.array_equal(_train(first, 0)[0], _train(second, 0)[0])


def test_sensor_windows_never_share_a_sample_between_train_and_test(data: Path) -> None:
    from cimlearn.streams.sensors import load_recordings, windows

    recordings = load_recordings(data)
    cut = windows(recordings, 128, 64)
    samples = cut.first[:, None] + np.arange(128)
    train, test = samples[cut.experiment == 0].ravel(), samples[cut.experiment > 0].ravel()
    assert len(train) and len(test) and not set(train.tolist()) & set(test.tolist())
    for of in (recordings.label, recordings.user, recordings.experiment):  # a window lies within one of each
        assert (of[samples] == of[cut.first][:, None]).all()
    assert (np.diff(cut.first) >= 64).all()


def test_stored_order_is_the_order_of_the_file(data: Path) -> None:
    mine = made.my_arrays()
    for name in ("file-stored", "folder-stored"):
        stream = STREAMS[name](data, 0)
        count = stream.tasks[1].examples
        assert np.array_equal(_train(stream, 1)[0], mine["x_train"][60 : 60 + count])


def test_shuffled_folder_mixes_within_blocks_only(data: Path) -> None:
    stream = STREAMS["folder"](data, 0)
    place = {row.tobytes(): n for n, row in enumerate(made.my_arrays()["x_train"][:60])}
    numbers = [place[row.tobytes()] for row in _train(stream, 0)[0]]
    assert sorted(numbers) == list(range(60)) != numbers
    blocks = [key for key, _ in itertools.groupby(n // 16 for n in numbers)]
    assert sorted(blocks) == [0, 1, 2, 3]


def test_later_passes_show_the_same_images_in_another_order() -> None:
    once = _named("split-digits-domain", examples=50)(Path(), 3)
    often = _named("split-digits-domain", examples=50, passes=3)(Path(), 3)
    assert often.tasks[1].examples == 150 and often.tasks[1].held_out == once.tasks[1].held_out
    (x, y), (one, label) = _train(often, 1), _train(once, 1)
    assert np.array_equal(x[:50], one) and np.array_equal(y[:50], label)  # the first pass is what it was
    for k in (1, 2):
        later = x[50 * k : 50 * (k + 1)]
        assert _rows(later) == _rows(one) and not np.array_equal(later, one)
    tail = next(iter(often.chunks(1, 20, 90)))
    assert np.array_equal(tail.x, x[90:110])  # a chunk may reach over the border of two passes
