"""Gradients as factors: one kernel each way is what many vectors go through, and whoever asks sees the gradient."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from models import nn, torch

from cimlearn.torch import InSituSGD, costs, crossbar, expected_costs, fast, to_chip
from cimlearn.torch.expected import squares

SETTINGS = {"tile.rows": 16, "cell.endurance": 60.0}


def made(settings: dict[str, Any] | None = None) -> Any:
    """Two layers, the first of two tiles."""
    torch.manual_seed(1)
    plain = nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 3))
    return to_chip(plain, torch.rand(16, 20), crossbar(SETTINGS | (settings or {})), learn="in-situ").train()


def learned(chip: Any, steps: int, vectors: int = 3, **options: Any) -> list[np.ndarray[Any, Any]]:
    """Weights after steps of so many examples, a third of whose inputs are 0."""
    torch.manual_seed(0)
    optimiser = InSituSGD(chip, 0.1, **options)
    for _ in range(steps):
        x = torch.rand(vectors, 20) * (torch.rand(vectors, 20) < 0.7)
        optimiser.zero_grad()
        nn.functional.cross_entropy(chip(x), torch.randint(3, (vectors,))).backward()
        optimiser.step()
    return [p.detach().numpy().copy() for p in chip.parameters()]


@pytest.mark.parametrize("vectors", [3, 70])
@pytest.mark.parametrize("chopped", [False, True])
def test_one_kernel_learns_as_torch_does(
    chopped: bool, vectors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel each way, with all noise, against torch's products: row by row, and in blocks; counters are equal."""
    few = made({"training.chopped": chopped})
    one = learned(few, 30, vectors)
    monkeypatch.setattr(fast, "ALONE", -1)
    many = made({"training.chopped": chopped})
    for a, b in zip(one, learned(many, 30, vectors), strict=True):
        assert np.abs(a - b).max() < 1e-5
    for layer in (0, 2):
        assert few[layer].array.counted()[0].pulses == many[layer].array.counted()[0].pulses > 0
        assert few[layer].array.numbers() == pytest.approx(many[layer].array.numbers(), rel=1e-6)


@pytest.mark.parametrize("chopped", [False, True])
def test_offsets_of_transposed_reads_cancel_where_signs_take_turns(chopped: bool) -> None:
    """Two vectors alike: their sum is exact with chopping, and has both offsets without."""
    names = ("read_noise", "thermal", "column_mismatch", "cycle_mismatch")
    quiet: dict[str, Any] = {f"{'cell' if n == 'read_noise' else 'periphery'}.{n}": 0.0 for n in names}
    bits = {"periphery.input_bits": None, "periphery.converter_bits": None, "periphery.offset": 0.05}
    array = made(quiet | bits | {"training.chopped": chopped})[2].array
    w = array.layout.tiled(torch.from_numpy(array.bar.state.weight))
    error = torch.tensor([0.3, -1.0, 0.5]).expand(1, 2, 3).contiguous()
    found, exact = array.read_back(error, w, None).sum(1), (error @ w.transpose(1, 2)).sum(1)
    off = float((found - exact).abs().max() / exact.abs().max())
    assert off < 1e-5 if chopped else off > 0.02
    assert array.back_tally.vectors == 2


def test_an_update_is_a_write_of_each_cell_in_turn() -> None:
    """Against NumPy in float64: rank-one changes, soft bounds, a cell of each pair in turn; worn cells stay."""
    exact = {"device.cycle": 0.0, "cell.variation": 0.1, "device.soft": True, "cell.endurance": 3.0}
    chip = made(exact | {"cell.endurance_spread": 0.4, "write.first_tries": 0})
    array = chip[0].array
    InSituSGD(chip, 0.1)
    device, cells = array.bar.device, array.bar.state.cells
    rng = np.random.default_rng(0)
    g, writes = cells.conductance.astype(np.float64), cells.writes.copy()
    turn = array.bar.state.turn.astype(int)
    rows = np.arange(20)[:, None] + np.zeros(12, int)
    columns = np.arange(12) + np.zeros((20, 1), int)
    for _ in range(8):
        x = (rng.random((1, 20)) * (rng.random((1, 20)) < 0.6)).astype(np.float32)
        e = rng.standard_normal((array.layout.tiles, 1, 12)).astype(np.float32)
        tile = np.searchsorted(array.layout.borders, np.arange(20), side="right") - 1
        change = -0.02 * x[0][:, None] * e[tile, 0] / array.bound.numpy().astype(np.float64) ** 2
        array.seen.append((x, e))
        array.descend(None, 0.02, 1.0, chip[0].weight.detach())
        due = change != 0
        k = (turn, rows, columns)
        sign = np.where(turn == 0, 1.0, -1.0)
        asked = change * sign / array.bar.scale * cells.gain[k]
        room = np.where(asked > 0, device.high - g[k], g[k] - device.low)
        reached = np.clip(g[k] + asked * 2 * room / (device.high - device.low), device.low, device.high)
        writes[k] += due
        g[k] = np.where(due & (writes[k] <= cells.limit[k]), reached, g[k])
        turn = np.where(due, 1 - turn, turn)
    assert np.array_equal(cells.writes, writes) and (writes > cells.limit).any()
    assert np.abs(cells.conductance - g).max() < 1e-5 * device.high
    assert array.bar.state.row_on == pytest.approx(cells.conductance.sum(axis=(0, 2), dtype=float), rel=1e-5)
    w = array.bar.scale * (g[0] - g[1])
    assert np.abs(array.bar.state.weight - w).max() < 1e-5
    assert np.abs(chip[0].weight.detach().numpy() - w.T * array.bound.numpy()[:, None]).max() < 1e-5


def test_whoever_looks_at_a_gradient_sees_it() -> None:
    """It is that of a chip without factors; clipping acts on what is written; a copy learns by itself."""
    chip, plain = made(), made()
    optimiser = InSituSGD(chip, 0.1)
    x, y = torch.rand(3, 20), torch.tensor([0, 1, 2])
    for one in (chip, plain):
        nn.functional.cross_entropy(one(x), y).backward()
        nn.functional.cross_entropy(one(x), y).backward()
    assert chip[0].array.waits and not plain[0].array.waits
    for name in ("0.weight", "2.weight", "0.bias"):
        ours, theirs = chip.get_parameter(name).grad, plain.get_parameter(name).grad
        assert torch.allclose(ours, theirs, atol=1e-6) and ours.abs().max() > 0
    before = chip[0].array.weights()
    nn.utils.clip_grad_norm_(chip.parameters(), 1e-9)
    optimiser.step()
    assert (chip[0].weight - before).abs().max() < 1e-6
    twin = copy.deepcopy(chip)
    assert not twin[0].array.direct
    nn.functional.cross_entropy(twin(x), y).backward()
    assert twin[0].weight.grad is not None and not chip[0].array.waits


def test_a_price_before_it_has_learned() -> None:
    """It is that of one step of the model itself, which is left as it was."""
    chip, x = made(), torch.rand(6, 20)
    held = chip[0].array.weights()
    told = expected_costs(chip, x, rate=0.1)
    assert torch.equal(chip[0].array.weights(), held) and not chip[0].array.updates
    optimiser = InSituSGD(chip, 0.1)
    squares(chip(x)).backward()
    optimiser.step()
    with torch.no_grad():
        chip.eval()(x)
    found = costs(chip)
    assert told.total.phases["learning"] == found.total.phases["learning"]
    assert told.total.lifetime == found.total.lifetime and told.as_dict() == found.as_dict()
