"""Metrics against matrices worked out by hand."""

import numpy as np
import pytest

from cimlearn import metrics
from cimlearn.errors import InputError

# after task 1:  .9
# after task 2:  .7  .8
# after task 3:  .8  .5  1.
R = [[0.9], [0.7, 0.8], [0.8, 0.5, 1.0]]

# Task 1 gets better than when it was learned: .5 -> .9 -> .7; task 2 falls .6 -> .4.
RISES = [[0.5], [0.9, 0.6], [0.7, 0.4, 0.8]]


def test_closed_forms():
    assert metrics.average_accuracy(R) == pytest.approx((0.8 + 0.5 + 1.0) / 3)
    assert metrics.after_each_task(R) == pytest.approx([0.9, 0.75, 2.3 / 3])
    assert metrics.per_task(R) == [0.8, 0.5, 1.0]
    assert metrics.learning_accuracy(R) == pytest.approx((0.9 + 0.8 + 1.0) / 3)
    # task 1: max(.9, .7, .8) - .8 = .1; task 2: max(.8, .5) - .5 = .3
    assert metrics.forgetting(R) == pytest.approx((0.1 + 0.3) / 2)
    # task 1: .8 - .9 = -.1; task 2: .5 - .8 = -.3
    assert metrics.backward_transfer(R) == pytest.approx((-0.1 - 0.3) / 2)


def test_forgetting_starts_from_the_best_not_from_the_diagonal():
    # task 1: max(.5, .9, .7) - .7 = .2; task 2: .6 - .4 = .2
    assert metrics.forgetting(RISES) == pytest.approx(0.2)
    # task 1: .7 - .5 = +.2; task 2: .4 - .6 = -.2
    assert metrics.backward_transfer(RISES) == pytest.approx(0.0)


def test_forgetting_is_never_negative():
    assert metrics.forgetting([[0.5], [0.9, 0.9]]) == 0
    assert metrics.backward_transfer([[0.5], [0.9, 0.9]]) == pytest.approx(0.4)


def test_one_task_has_nothing_to_forget():
    assert metrics.average_accuracy([[0.7]]) == 0.7
    assert metrics.forgetting([[0.7]]) is None
    assert metrics.backward_transfer([[0.7]]) is None
    assert metrics.forward_transfer([[0.7]], 0.1) is None


def test_forward_transfer():
    #        task 1  2   3
    full = [[0.9, 0.2, 0.1], [0.7, 0.8, 0.4], [0.8, 0.5, 1.0]]
    # R[1, 2] - .1 = .1; R[2, 3] - .1 = .3
    assert metrics.forward_transfer(full, 0.1) == pytest.approx(0.2)
    # chance of its own per task: .2 - .2 = 0; .4 - .5 = -.1
    assert metrics.forward_transfer(full, [0.5, 0.2, 0.5]) == pytest.approx(-0.05)


def test_an_array_with_nan_above_the_diagonal_is_the_same_matrix():
    array = np.full((3, 3), np.nan)
    for i, row in enumerate(R):
        array[i, : i + 1] = row
    assert metrics.summary([array]) == metrics.summary([R])
    with pytest.raises(InputError, match="before it is learned"):
        metrics.forward_transfer(array, 0.1)


def test_spread_over_seeds():
    # averages: 2.3 / 3 and 1.9 / 3; two numbers have a sample deviation of |a - b| / sqrt(2)
    found = metrics.summary([R, RISES])
    assert found["average"] == pytest.approx(2.1 / 3)
    assert found["std"] == pytest.approx((0.4 / 3) / 2**0.5)
    assert found["per_task"] == pytest.approx([0.75, 0.45, 0.9])
    assert found["after_each_task"] == pytest.approx([0.7, 0.75, 0.7])
    # per seed, then averaged: (.2 + .2) / 2; the forgetting of the mean matrix would be smaller
    assert found["forgetting"] == pytest.approx(0.2)
    assert found["learning"] == pytest.approx((2.7 / 3 + 1.9 / 3) / 2)
    assert found["backward_transfer"] == pytest.approx(-0.1)
    assert metrics.summary([R])["std"] is None
    assert metrics.std([1.0, 2.0, 3.0, 4.0]) == pytest.approx(np.std([1, 2, 3, 4], ddof=1))


@pytest.mark.parametrize("broken", [[], [[0.9], [0.7]], [[0.9], [float("nan"), 0.8]]])
def test_what_is_not_a_matrix_is_refused(broken):
    with pytest.raises(InputError):
        metrics.average_accuracy(broken)


def test_matrices_of_different_sizes_are_not_averaged():
    with pytest.raises(InputError, match="different sizes"):
        metrics.mean_matrix([R, R[:2]])
