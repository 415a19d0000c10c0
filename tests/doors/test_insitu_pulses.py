"""Rank-one updates by pulses that coincide: the mean change is the gradient's, counted and priced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import nn, torch

from cimlearn.errors import InputError
from cimlearn.learning.parallel import SLOTS
from cimlearn.streams.base import StreamShape
from cimlearn.torch import InSituSGD, costs, crossbar, ledger, model_chip, to_chip

SETTINGS = {"tile.rows": 16, "mapping.kind": "reference"}


def made(settings: dict[str, Any] | None = None) -> Any:
    """Two layers, the first of two tiles."""
    torch.manual_seed(1)
    plain = nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 3))
    return to_chip(plain, torch.rand(16, 20), crossbar(SETTINGS | (settings or {})), learn="in-situ").train()


def learned(chip: Any, steps: int, size: int, **options: Any) -> float:
    """The loss of the last steps of a task that can be learned."""
    torch.manual_seed(0)
    optimiser, losses = InSituSGD(chip, 0.1, **options), []
    for _ in range(steps):
        x = torch.rand(size, 20)
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(chip(x), (2 * x[:, 0] > x[:, 1] + 0.5).long())
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-50:]))


def test_the_mean_change_is_that_of_the_gradient() -> None:
    """600 draws of one update without noise of cells: each weight within 5 standard deviations of -rate x e."""
    exact = {"device.cycle": 0.0, "cell.variation": 0.0, "write.pulse_step": 0.001, "training.headroom": 8.0}
    chip = made(exact)
    array, draws, rate = chip[0].array, 600, 0.01
    InSituSGD(chip, rate, update="pulses")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, 20)).astype(np.float32)
    e = rng.standard_normal((2, 2, 12)).astype(np.float32) * 0.05
    held = array.bar.state.weight.copy()
    for _ in range(draws):
        array.seen.append((x, e))
        array.pulse(rate, chip[0].weight.detach())
    tile = np.searchsorted(array.layout.borders, np.arange(20), side="right") - 1
    terms = rate * x[:, :, None] * e[tile].transpose(1, 0, 2) / array.bound.numpy() ** 2
    wanted, step = -draws * terms.sum(0), 0.002
    spread = np.sqrt(draws * step * np.abs(terms).sum(0)) + step
    moved = array.bar.state.weight - held
    assert np.abs(moved).max() > 0.02
    assert (np.abs(moved - wanted) < 5 * spread).all()
    told = chip[0].weight.detach().numpy() / array.bound.numpy()[:, None]
    assert np.abs(told - array.bar.state.weight.T).max() < 1e-6, "the parameter follows"
    assert array.writes().sum() > 0 and array.trains.counts[SLOTS] <= draws * 2 * array.p["write.pulse_slots"]


def test_both_ways_learn_and_have_their_costs() -> None:
    """Pulses form no product and no change; they see more pulses a cell. Few vectors and many learn alike."""
    found = {}
    for update, size in (("cells", 8), ("pulses", 8), ("pulses", 16)):
        chip = made()
        loss = learned(chip, 200, size, update=update)
        with torch.no_grad():
            chip.eval()(torch.rand(5, 20))
        done = ledger(chip).counts["learn"]
        found[update, size] = loss, costs(chip).total, done
        assert loss < 0.6
    rows, pulses = found["cells", 8][1], found["pulses", 8][1]
    done = found["pulses", 8][2]
    assert "gradient" not in done["digital"] and done["digital"]["pulse_bits"] > 0
    assert done["time"]["pulse_slots"] > 0 and done["0.weight"]["row_strobes"] > 0
    assert done["time"].get("update_row_cycles", 0) == 0
    assert not pulses.phases["learning"].parts.get("gradient_memory")
    gathered, drawn = (one.phases["learning"].parts for one in (rows, pulses))
    assert gathered["gradient"] > 0 and not drawn.get("gradient")
    assert drawn["random_numbers"] > gathered["random_numbers"] and drawn["writes"] > 0
    assert (pulses.writes_per_example or 0) > (rows.writes_per_example or 0) and pulses.lifetime["first_cell"]


def test_a_chip_with_pulses_goes_on_exactly() -> None:
    """Generators of the trains are saved: two halves are one whole."""
    kind = model_chip(lambda shape: nn.Sequential(nn.Flatten(), nn.Linear(6, shape.classes)))
    shape = StreamShape(2, 3, 3, signed=False)
    p = kind.parameters({**SETTINGS, "rule.update": "pulses", "rule.batch": 4, "replay.slots": 8})
    draw = np.random.default_rng(0)
    x, y = draw.random((80, 2, 3), np.float32), draw.integers(3, size=80)
    whole: Any = kind.build("chip", parameters=p, shape=shape, seed=0)
    whole.learn(x[:40], y[:40])
    other: Any = kind.build("chip", parameters=p, shape=shape, seed=0)
    other.load(*whole.state())
    for one in (whole, other):
        one.learn(x[40:], y[40:])
    assert all(
        np.array_equal(a, b) for a, b in zip(whole.weights().values(), other.weights().values(), strict=True)
    )
    assert whole.ledger() == other.ledger() and whole.memory_bits()["changes"] == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: InSituSGD(made({"mapping.kind": "pair"}), 0.1, update="pulses"), "mapping.kind = pair"),
        (lambda: InSituSGD(made(), 0.1, update="pulse"), "update = 'pulse'"),
        (lambda: InSituSGD(made(), 0.1, update="pulses", keep=0.5), "keep = 0.5 needs the changes"),
    ],
)
def test_what_pulses_do_not_go_with(wrong: Any, words: str) -> None:
    """One line that names it."""
    with pytest.raises(InputError, match=words):
        wrong()
