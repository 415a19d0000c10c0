"""Handwritten digits on arrays: what eight bits cost, and what training through the hardware gains."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from models import EIGHT_BITS, accuracy, convolutional, digits, fit, recurrent, torch

from cimlearn.torch import bit_serial, calibrate, crossbar, ideal, program, to_chip

# maker, as images, epochs in floating point, epochs after that with and without the hardware's noise
NETS = {"convolutional": (convolutional, True, 6, 10), "recurrent": (recurrent, False, 15, 15)}
CHIPS = 5  # seeds over which noisy chips are averaged


@pytest.fixture(scope="module", params=NETS)
def learned(request: pytest.FixtureRequest) -> tuple[Any, Any, Any, int]:
    """A trained network, digits as it reads them and their classes, and how long it may go on learning."""
    make, image, epochs, more = NETS[request.param]
    x, y = digits(image=image)
    return fit(make(), x, y, epochs=epochs), x, y, more


def test_eight_bits_cost_less_than_a_point(learned: tuple[Any, Any, Any, int]) -> None:
    model, x, y, _ = learned
    exact = accuracy(model, x, y)
    assert exact > 90
    assert accuracy(to_chip(model, x[:200], ideal()).eval(), x, y) == exact
    assert accuracy(to_chip(model, x[:200], ideal().replace(EIGHT_BITS)).eval(), x, y) > exact - 1
    assert accuracy(to_chip(model, x[:200], bit_serial()).eval(), x, y) > exact - 1


def test_training_through_the_hardware_beats_training_beside_it(learned: tuple[Any, Any, Any, int]) -> None:
    """Blind writes that land 70 % off (cycle to cycle and device to device): the same model, epochs and data."""
    model, x, y, epochs = learned
    noisy = crossbar({"write.first_tries": 0, "device.cycle": 0.6, "cell.variation": 0.4})
    aware = fit(to_chip(model, x[:200], noisy), x, y, epochs=epochs)
    calibrate(aware, x[:200])
    beside = to_chip(fit(copy.deepcopy(model), x, y, epochs=epochs), x[:200], noisy).eval()
    found = {}
    for name, chip in (("aware", aware), ("beside", beside)):
        several = []
        for seed in range(CHIPS):
            program(chip, seed=seed)
            several.append(accuracy(chip, x, y))
        found[name] = sum(several) / CHIPS
    assert found["aware"] > found["beside"] + 1
    assert found["aware"] > 80


def test_learning_on_bit_serial_arrays_and_from_nothing() -> None:
    """A network that was never trained in floating point learns through INT8 products."""
    x, y = digits(image=False)
    chip = fit(to_chip(recurrent(), x[:200], bit_serial()), x, y, epochs=12)
    calibrate(chip, x[:200])
    program(chip)
    with torch.no_grad():
        assert accuracy(chip, x, y) > 75
