"""The Mackey-Glass series: its fixed point, its first delay in closed form, the order of the method, its errors."""

from __future__ import annotations

import numpy as np
import pytest

from cimlearn.errors import InputError
from cimlearn.streams.forecasting import mackey_glass, smape, windows


def test_it_is_the_solution_of_its_equation() -> None:
    """x = 1 stays; in the first delay x decays to a constant; a finer step changes less than 1e-6 after 100."""
    assert np.array_equal(mackey_glass(50, past=1.0), np.ones(50))
    t, drive = np.arange(17), 0.2 * 1.2 / (1 + 1.2**10) / 0.1
    exact = drive + (1.2 - drive) * np.exp(-0.1 * t)
    assert np.abs(mackey_glass(17) - exact).max() < 1e-9
    coarse, fine = mackey_glass(100, finest=0.2), mackey_glass(100, finest=0.1)
    assert np.abs(coarse - fine).max() < 1e-6
    assert np.array_equal(mackey_glass(20, skip=30.0), mackey_glass(50)[30:])
    assert 0.2 < fine.min() < fine.max() < 1.5


@pytest.mark.parametrize(
    ("wrong", "words"), [({"tau": 0.0}, "tau = 0"), ({"tau": 0.01}, "shorter"), ({"skip": -1.0}, "skip")]
)
def test_wrong_numbers(wrong: dict[str, float], words: str) -> None:
    """They are named."""
    with pytest.raises(InputError, match=words):
        mackey_glass(5, **wrong)


def test_smape() -> None:
    """200 mean |a - b| / (|a| + |b|); nothing over nothing is no error."""
    assert smape(np.array([1.0, 3.0, 0.0]), np.array([1.0, 1.0, 0.0])) == pytest.approx(100 / 3)
    with pytest.raises(InputError, match="2 values and 1"):
        smape(np.ones(2), np.ones(1))


def test_windows() -> None:
    """Each window is followed by its value."""
    x, y = windows(np.arange(6.0), 4)
    assert x.shape == (2, 4, 1) and x[1, :, 0].tolist() == [1, 2, 3, 4] and y[:, 0].tolist() == [4, 5]
    with pytest.raises(InputError, match="give 1 to 5"):
        windows(np.arange(6.0), 6)
