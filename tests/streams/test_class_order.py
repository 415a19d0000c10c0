"""Another order of classes on split streams."""

from __future__ import annotations

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.streams import Stream, open_stream, parameters
from cimlearn.streams.sources.imagesets import load_images


def _stream(name: str, order: str | None, seed: int = 0) -> Stream:
    settings = parameters(name).replace({} if order is None else {"stream.order": order})
    return open_stream(name, seed=seed, settings=settings)


def _pixels(stream: Stream, task: int) -> dict[bytes, int]:
    """Held-out image -> label."""
    return {
        x.tobytes(): int(y)
        for chunk in stream.held_out(task, 100)
        for x, y in zip(chunk.x, chunk.y, strict=True)
    }


def test_classes_come_in_the_order_that_is_asked_for() -> None:
    plain, other = _stream("split-digits", None), _stream("split-digits", "3,1,0,2,9,8,7,6,5,4")
    assert [t.name for t in other.tasks] == [
        "classes 3, 1", "classes 0, 2", "classes 9, 8", "classes 7, 6", "classes 5, 4",
    ]  # fmt: skip
    assert other.facts == {"classes": ["3", "1", "0", "2", "9", "8", "7", "6", "5", "4"]}
    assert plain.facts == {}
    known = {image: label for k in range(5) for image, label in _pixels(plain, k).items()}
    for k in range(5):
        for image, label in _pixels(other, k).items():
            assert other.facts["classes"][label] == str(known[image])


def test_tasks_that_share_their_classes_number_them_by_place() -> None:
    stream = _stream("split-digits-domain", "3,1,0,2,9,8,7,6,5,4")
    images = load_images("digits")
    threes = int((images.y_test == 3).sum())
    assert stream.class_counts(0).held_out[0] == threes and stream.shape.classes == 2 and stream.facts == {}


def test_a_random_order_is_drawn_from_the_seed() -> None:
    orders = [tuple(_stream("split-digits", "random", seed).facts["classes"]) for seed in range(4)]
    assert len(set(orders)) > 1 and all(sorted(order) == [str(c) for c in range(10)] for order in orders)
    assert orders[1] == tuple(_stream("split-digits", "random", 1).facts["classes"])


def test_a_shorter_order_is_enough_for_fewer_tasks() -> None:
    settings = parameters("split-digits").replace({"stream.order": "7,3", "stream.tasks": 1})
    stream = open_stream("split-digits", seed=0, settings=settings)
    assert stream.facts["classes"] == ["7", "3"]
    assert np.array_equal(stream.class_counts(0).train > 0, [True, True])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("3,3,1,0,2,4,5,6,7,8", "class 3 is there twice"),
        ("3,1,11,0,2,4,5,6,7,8", "class 11 isn't one of 0 to 9"),
        ("3,1", "names 2 classes, but tasks show 10"),
        ("backwards", "give class numbers, such as"),
    ],
)
def test_wrong_orders_are_named(order: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _stream("split-digits", order)
