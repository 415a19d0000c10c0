"""INT8 learning in situ on bit-serial arrays: whole numbers beside an independent program, counts, wear, state."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from models import nn, torch

from cimlearn.errors import InputError
from cimlearn.torch import (
    InSituSGD,
    IntegerSGD,
    bit_serial,
    costs,
    crossbar,
    drift,
    expected_costs,
    from_chip,
    ledger,
    program,
    to_chip,
)

EXACT = {"faults.write_error": 0.0, "faults.read_error": 0.0}


def make(settings: dict[str, Any] | None = None, **options: Any) -> Any:
    """Two layers without biases on arrays that never err."""
    torch.manual_seed(1)
    plain = nn.Sequential(nn.Linear(12, 7, bias=False), nn.ReLU(), nn.Linear(7, 3, bias=False))
    hardware = bit_serial({**EXACT, **(settings or {})})
    return to_chip(plain, torch.rand(32, 12), hardware, learn="in-situ", **options).train()


def int8(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """Nearest whole numbers of -127 to 127, half away from zero."""
    scaled = x * 2.0 ** -np.asarray(exponent, float)
    return np.clip(np.sign(scaled) * np.floor(np.abs(scaled) + 0.5), -127, 127).astype(np.int64)


def fitting(x: np.ndarray) -> int:
    """ceil(log2 max|x|) - 7."""
    return int(np.ceil(np.log2(np.abs(x).max()))) - 7


def pseudo(whole: int, shift: int) -> int:
    """whole / 2^shift; the upper half of the dropped bits decides against the lower half (NITI)."""
    size, low = abs(whole), shift // 2
    dropped = size & ((1 << shift) - 1)
    up = (dropped >> low) > ((dropped & ((1 << low) - 1)) << (shift % 2))
    return int(np.sign(whole)) * ((size >> shift) + int(up))


def updated(w: np.ndarray, g: np.ndarray) -> np.ndarray:
    """w - g / 2^shift for each output, whose largest change is one step: one number after the other."""
    new = w.copy()
    for j in range(len(w)):
        most = int(np.abs(g[j]).max())
        shift = max(most - 1, 0).bit_length()
        for i in range(w.shape[1]):
            new[j, i] = np.clip(w[j, i] - pseudo(int(g[j, i]), shift), -127, 127)
    return new


def test_it_is_the_integer_rule() -> None:
    """Five steps: stored weights equal those of a plain program in whole numbers, to the last bit."""
    chip = make()
    optimiser = IntegerSGD(chip, 1.0)
    layers = [chip[0].array, chip[2].array]
    stored = [array.kept.numpy().astype(np.int64) for array in layers]
    e_w = [array.weight_exponent.numpy() for array in layers]
    e_x = [int(array.input_exponent) for array in layers]
    draw = torch.Generator().manual_seed(5)
    for _ in range(5):
        x, y = torch.rand(8, 12, generator=draw), torch.randint(3, (8,), generator=draw)
        optimiser.zero_grad()
        out = chip(x)
        nn.functional.cross_entropy(out, y).backward()
        optimiser.step()
        a = int8(x.numpy(), e_x[0])
        hidden = (a @ stored[0].T * 2.0 ** (e_w[0] + e_x[0])).astype(np.float32)
        b = int8(np.maximum(hidden, 0), e_x[1])
        last = torch.tensor(
            (b @ stored[1].T * 2.0 ** (e_w[1] + e_x[1])).astype(np.float32), requires_grad=True
        )
        assert torch.equal(last.detach(), out.detach())
        nn.functional.cross_entropy(last, y).backward()
        assert last.grad is not None
        d = last.grad.numpy() * 2.0 ** e_w[1]
        q = int8(d, fitting(d))
        back = (q @ stored[1] * 2.0 ** fitting(d)).astype(np.float32) * (hidden > 0)
        back = back * (np.abs(np.maximum(hidden, 0)) * 2.0 ** -e_x[1] <= 127.5)
        d = back.astype(np.float64) * 2.0 ** e_w[0]
        first = int8(d, fitting(d)).T @ a
        stored = [updated(stored[0], first), updated(stored[1], q.T @ b)]
        for array, wanted in zip(layers, stored, strict=True):
            assert np.array_equal(array.kept.numpy(), wanted)
    held = from_chip(chip)
    assert np.array_equal(held[0].weight.detach().numpy(), stored[0] * 2.0 ** e_w[0][:, None])
    assert torch.equal(chip[0].weight, held[0].weight), "the parameter follows the bits"


def learns(chip: Any, steps: int, seed: int = 0) -> list[float]:
    """Losses of a task that can be learned."""
    optimiser, losses, draw = IntegerSGD(chip, 2.0), [], torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x = torch.rand(16, 12, generator=draw)
        y = (x[:, :6].sum(1) > x[:, 6:].sum(1)).long()
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(chip(x), y)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def test_it_learns_and_every_step_is_counted() -> None:
    """The loss falls; products, bits and writes are those of the sizes; energy, time and wear have a price."""
    chip = make()
    losses = learns(chip, 200)
    assert np.mean(losses[-30:]) < 0.7 * np.mean(losses[:10])
    with torch.no_grad():
        chip.eval()(torch.rand(5, 12))
    counts = ledger(chip).counts["learn"]
    weights, vectors = 12 * 7 + 7 * 3, 200 * 16
    reads = {part: sum(n for key, n in counts[part].items() if key.endswith("bits_read")) for part in counts}
    assert reads["forward"] == 64 * vectors * weights
    assert reads["error"] == 64 * vectors * 7 * 3, "nothing is before the first layer"
    assert reads["gradient"] == 64 * vectors * weights
    written = [array.writes() for array in (chip[0].array, chip[2].array)]
    assert (
        counts["cells"]["bits_driven"]
        == sum(one.sum() for one in written)
        > counts["cells"]["bits_flipped"]
        > 0
    )
    found = costs(chip).total
    learning = found.phases["learning"]
    assert learning.joules > 3 * found.phases["inference"].joules and learning.seconds > 0
    assert found.lifetime["first_cell"] > 0
    each = sum(one.sum() for one in written) / sum(one.size for one in written) / vectors
    assert found.writes_per_example == pytest.approx(each)
    near = expected_costs(chip, torch.rand(16, 12)).total.phases["learning"]
    assert near.joules == pytest.approx(learning.joules, rel=0.3)
    program(chip)
    assert chip[0].array.updates == 0 and "learn" not in ledger(chip).counts


def test_a_saved_chip_goes_on_to_the_same_bytes() -> None:
    """With failed writes, misread bits and cells that wear: a copy and a loaded chip go on as if nothing had been."""
    faulty = {"faults.write_error": 0.01, "faults.read_error": 0.001, "cell.endurance": 8.0}
    chip = make(faulty)
    learns(chip, 30)
    saved, twin, other = copy.deepcopy(chip.state_dict()), copy.deepcopy(chip), make(faulty, seed=4)
    other.load_state_dict(saved)
    ends = []
    for one in (chip, twin, other):
        losses = learns(one, 20, seed=7)
        ends.append(
            (losses, one[0].array.kept.tolist(), one[0].array.writes().tolist(), one[2].array.flipped)
        )
    assert ends[0] == ends[1] == ends[2]
    assert chip[0].array.lines.worn() > 0
    asked = make(faulty)
    asked.eval()(torch.rand(3, 12))
    asked.train()
    learns(asked, 30)
    learns(asked, 20, seed=7)
    assert asked[0].array.kept.tolist() == ends[0][1], "what is learned never depends on what was asked"


def test_convolutions_in_groups_learn_and_frozen_layers_stay() -> None:
    """Groups and padding, biases at a rate of their own; a frozen layer passes the error on and keeps its bits."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, groups=2)
    plain = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    x = torch.rand(64, 2, 4, 4)
    y = (x[:, 0, :2].mean((1, 2)) > x[:, 0, 2:].mean((1, 2))).long()
    chip = to_chip(plain, x, bit_serial(EXACT), learn="in-situ", frozen=["2"]).train()
    before, losses = chip[2].array.kept.clone(), []
    optimiser = IntegerSGD(chip, 8.0, digital=0.05)
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(chip(x), y)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < 0.93 * losses[0]
    assert torch.equal(chip[2].array.kept, before) and chip[2].array.back_vectors == 40 * 64 * 4
    with torch.no_grad():
        chip.eval()(x)
    counts = ledger(chip).counts["learn"]
    reads = {part: sum(n for key, n in counts[part].items() if key.endswith("bits_read")) for part in counts}
    products = 64 * 40 * 64  # reads of bits for each vector of a window, steps, examples
    assert reads["forward"] == products * (16 * 4 * 18 + 4 * 4 * 18 + 16 * 2)
    assert reads["gradient"] == products * (16 * 4 * 18 + 16 * 2) and reads["error"] == products * (
        4 * 4 * 18 + 16 * 2
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: IntegerSGD(to_chip(nn.Linear(2, 2), torch.rand(1, 2), crossbar(), learn="in-situ"), 1), "InSituSGD"),
        (lambda: InSituSGD(make(), 0.1), "IntegerSGD"),
        (lambda: IntegerSGD(make(), 0.01), "1/16 to 127"),
        (lambda: IntegerSGD(to_chip(nn.Linear(2, 2), torch.rand(1, 2), bit_serial(), learn="in-situ"), 1), "digital ="),
        (lambda: IntegerSGD(make(), 1).step(), "call train()"),
        (lambda: drift(make(), 5.0), "counts from programming"),
        (lambda: [make_loss(chip).backward() for chip in [make()] for _ in range(2)], "waits already"),
        (lambda: to_chip(nn.GRUCell(2, 2), torch.rand(1, 2), bit_serial(), learn="in-situ"), "keep=."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_clear_error(wrong: Any, words: str) -> None:
    """It names the thing and the remedy."""
    with pytest.raises(InputError, match=words.replace("(", r"\(").replace(")", r"\)")):
        wrong()


def make_loss(chip: Any) -> Any:
    """Of one batch."""
    return chip(torch.rand(4, 12)).square().sum()
