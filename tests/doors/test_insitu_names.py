"""Layers by name: frozen, kept digital, on other cells; embeddings, of which the rows that were used are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import nn, torch

from cimlearn.errors import InputError
from cimlearn.streams.base import StreamShape
from cimlearn.torch import (
    InSituSGD,
    bit_serial,
    costs,
    crossbar,
    from_chip,
    ideal,
    ledger,
    model_chip,
    report,
    to_chip,
)

SMALL = {"tile.rows": 16}


class Words(nn.Module):
    """The mean of some words' rows, classified."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(40, 6, **options), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.out(self.table(x).mean(1))
        return found


def learned(chip: nn.Module, inputs: Any, steps: int, rate: float = 0.05) -> None:
    """Some steps on random labels."""
    optimiser = InSituSGD(chip, rate)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(chip(inputs()), torch.randint(3, (4,))).backward()
        optimiser.step()


def words() -> torch.Tensor:
    """Of the words 0 to 19."""
    return torch.randint(20, (4, 5))


def test_an_index_reads_one_row_and_only_used_rows_are_written() -> None:
    """Rows without an index, and that of the padding, see no write; one tile answers; a plain model comes back."""
    torch.manual_seed(0)
    chip: Any = to_chip(Words(padding_idx=0), words(), crossbar(SMALL), learn="in-situ").train()
    learned(chip, words, 30)
    array = chip.table.array
    written = array.writes().sum((0, 2))
    assert (written[1:20] > 0).all() and not written[20:].any() and not written[0]
    done = ledger(chip).counts["learn"]["table.weight"]
    assert done["vectors"] == 30 * 20 and done["conversions"] == done["products"] == done["vectors"] * 6
    assert done["active_bits"] == done["vectors"] * 7, "the largest code of 8 bits"
    assert "table.weight.back" not in ledger(chip).counts["learn"], "an index has no gradient"
    with torch.no_grad():
        x = torch.arange(1, 40)[:, None]
        found, exact = chip.eval().table(x), from_chip(chip).table(x)
        chip(words())
    assert (found - exact).abs().max() < 0.1 * exact.abs().max() and not torch.equal(found, exact)
    assert costs(chip).total.phases["learning"].joules > 0
    kept = to_chip(Words(max_norm=1.0), words(), crossbar(SMALL))
    assert "max_norm" in report(kept).digital["table"]
    assert "table" in report(to_chip(Words(), words(), bit_serial())).digital


def test_layers_are_frozen_kept_and_placed_by_name() -> None:
    """A frozen layer is read, forward and back, and never written; another has other cells; a third is digital."""
    torch.manual_seed(0)
    plain = nn.Sequential(*(nn.Linear(6, 6) for _ in range(3)), nn.Linear(6, 3))
    other = crossbar(SMALL, device="ideal")
    chip: Any = to_chip(
        plain,
        torch.rand(8, 6),
        crossbar(SMALL),
        learn="in-situ",
        frozen=["1"],
        place={"2": other},
        keep=["3"],
    ).train()
    before = chip[1].array.weights()
    learned(chip, lambda: torch.rand(4, 6), 10)
    assert torch.equal(chip[1].array.weights(), before) and not chip[1].array.writes().any()
    assert type(chip[2].array.bar.device).__name__ == "Ideal" != type(chip[0].array.bar.device).__name__
    assert type(chip[3]) is nn.Linear and chip[0].array.writes().any() and chip[2].array.writes().any()
    done = ledger(chip).counts["learn"]
    assert (
        done["1.weight"]["vectors"] == done["1.weight.back"]["vectors"] == 40
        and not done["1.weight"]["writes"]
    )
    assert done["digital"]["gradient"] == 40 * 2 * 36, "of the two layers on arrays that learn"
    with torch.no_grad():
        chip.eval()(torch.rand(4, 6))
    assert costs(chip).total.lifetime["first_cell"] is not None


class Anchored(nn.Module):
    """A layer that is pulled to where it stood at the end of the last task."""

    def __init__(self, shape: StreamShape) -> None:
        super().__init__()
        self.first = nn.Linear(shape.steps * shape.features, 5)
        self.last = nn.Linear(5, shape.classes)
        self.register_buffer("anchor", torch.zeros(shape.classes, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(torch.tanh(self.first(x.flatten(1))))
        return found


def pulled(model: Any, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cross entropy and the pull."""
    return nn.functional.cross_entropy(output, y) + 5.0 * (model.last.weight - model.anchor).square().sum()


def put_down(model: Any) -> None:
    """Where it stands."""
    model.anchor.copy_(model.last.weight.detach())


def test_a_chip_of_ones_own_loss_and_names() -> None:
    """The penalty acts on the cells; its anchors are saved; the twin in software freezes the same layer."""
    kind = model_chip(Anchored, frozen=["first"], loss=pulled, end_task=put_down)
    shape = StreamShape(2, 3, 3, signed=False)
    p = kind.parameters({**SMALL, "rule.batch": 4, "replay.slots": 8, "rule.rate": 0.05})
    draw = np.random.default_rng(0)
    x, y = draw.random((120, 2, 3), np.float32), draw.integers(3, size=120)
    for on in ("chip", "float"):
        chip: Any = kind.build(on, parameters=p, shape=shape, seed=0)
        first, last = (chip.model.get_parameter(f"{n}.weight").detach().clone() for n in ("first", "last"))
        chip.learn(x, y)
        assert torch.equal(chip.model.first.weight, first), on
        assert chip.model.last.weight.detach().abs().mean() < 0.5 * last.abs().mean(), "pulled to 0"
        chip.end_task()
        assert torch.equal(chip.model.anchor, chip.model.last.weight)
        again: Any = kind.build(on, parameters=p, shape=shape, seed=0)
        again.load(*chip.state())
        assert torch.equal(again.model.anchor, chip.model.anchor) and again.model.anchor.any()
    assert "changes" in chip.memory_bits() or on == "float"


@pytest.mark.parametrize(
    ("options", "words_"),
    [
        ({"frozen": ["fist"]}, "frozen: the model has no layer 'fist'"),
        ({"place": {"9": ideal()}}, "place: the model has no layer '9'"),
        ({"place": {"0": bit_serial()}}, "0 is on bit-serial arrays and the model on crossbar ones"),
        ({"place": {"0": crossbar({"periphery.converter_bits": 4})}}, "0 has periphery.converter_bits = 4"),
        ({"place": {"0": crossbar({"technology.node": "28nm"})}}, "prices in the model's hardware alone"),
    ],
)
def test_what_cannot_be_placed(options: Any, words_: str) -> None:
    """One line that names the layer."""
    with pytest.raises(InputError, match=words_):
        to_chip(nn.Sequential(nn.Linear(2, 2)), torch.rand(1, 2), crossbar(), learn="in-situ", **options)


def test_other_inputs_and_shared_weights_are_one_clear_error() -> None:
    """Indices that are no numbers of rows; one weight on two arrays."""
    torch.manual_seed(0)
    chip = to_chip(Words(), words(), crossbar(SMALL))
    for wrong, why in (
        (torch.rand(1, 2), "give whole numbers"),
        (torch.tensor([[40]]), "reach from 40 to 40"),
    ):
        with pytest.raises(InputError, match=why):
            chip(wrong)
    twice = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    twice[1].weight = twice[0].weight
    tied = to_chip(twice, torch.rand(2, 3), crossbar(SMALL), learn="in-situ")
    with pytest.raises(InputError, match=r"0.weight and 1.weight are one weight"):
        InSituSGD(tied, 0.1)
