"""pulse_response for every cell, and kernels that Python calls."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cimlearn.devices import catalog, pulse_response
from cimlearn.devices.base import program
from cimlearn.devices.continuous import Continuous
from cimlearn.errors import InputError


@pytest.mark.parametrize("name", ["continuous", "levels", "vteam", "ideal", "ecram"])
def test_response_rises_and_falls_inside_its_window(name: str) -> None:
    seen = pulse_response(name, trains=(30, -30), cells=5)
    made = catalog.device(catalog.parameters(name).part("device"))
    assert seen.shape == (5, 61)
    assert np.all((seen >= made.low) & (seen <= made.high))
    assert np.all(seen[:, 30] > seen[:, 0]) and np.all(seen[:, 60] < seen[:, 30])


def test_same_seed_same_response() -> None:
    one, two, other = (pulse_response("gokmen", trains=(20,), cells=3, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_soft_bounds_close_the_same_share_of_what_is_left() -> None:
    """high - G_n = (high - low) (1 - 2 c / (high - low))^n: a closed form of the continuous cell."""
    settings = {"device.soft": True, "device.cycle": 0, "device.low": 1e-5, "device.high": 1.1e-4}
    seen = pulse_response("continuous", settings, trains=(40,), change=2e-6, variation=0.0)[0]
    left = (1.1e-4 - seen.astype(float)) / 1e-4
    assert np.allclose(left, 0.96 ** np.arange(41), atol=1e-4)


def test_spread_between_cells_is_the_devices() -> None:
    """Slopes of 2,000 cells of gokmen after 10 pulses from the middle: 30 % between cells, 30 % / sqrt(10) of noise."""
    middle = 7.5e-5
    seen = pulse_response("gokmen", trains=(10,), cells=2000, start=middle).astype(float)
    moved = (seen[:, 10] - middle) / 2.5e-5 / 0.016
    assert moved.mean() == pytest.approx(1, abs=0.04)
    assert moved.std() == pytest.approx(np.hypot(0.3, 0.3 / np.sqrt(10)), rel=0.08)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"device": "wood"}, "not one of: continuous, pulsed"),
        ({"settings": {"device.soft": "perhaps"}}, "neither true nor false"),
        ({"cells": 0}, "at least one of both"),
        ({"trains": ()}, "at least one of both"),
        ({"cells": 10**7, "trains": (100,)}, "is above 100,000,000"),
        ({"start": 1.0}, "lies outside what the cell reaches"),
        ({"device": "mine.toml"}, r"mine\.toml can't be read"),
    ],
)
def test_bad_questions_are_named(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pulse_response(**arguments)


def test_a_kernel_called_from_python_is_an_error() -> None:
    """Before and after other kernels have compiled it; in an interpreter of its own, which must survive."""
    code = """
import numpy as np
from cimlearn.devices import pulse_response
from cimlearn.devices.base import program
from cimlearn.devices.continuous import Continuous
f = np.float32
cell = Continuous(f(4e-5), f(2.8e-4), f(0), True)
for _ in range(2):
    try:
        program(cell, f(4e-5), f(0), f(1), f(6e-6), f(0), f(0))
    except TypeError as error:
        print(error)
    pulse_response(cell, trains=(3,))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("only kernels can call") == 2
    assert "pulse_response" in done.stdout


def test_the_contract_still_dispatches() -> None:
    assert Continuous in program.members
