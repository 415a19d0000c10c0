"""Attention on arrays: PyTorch's own values, the same counts however it is written, unknown operations named."""

from __future__ import annotations

from typing import Any

import pytest
from models import nn, torch

from cimlearn.errors import InputError
from cimlearn.torch import InSituSGD, bit_serial, costs, crossbar, from_chip, ideal, ledger, report, to_chip

SDPA = nn.functional.scaled_dot_product_attention


class Packed(nn.Module):
    """nn.MultiheadAttention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))
        return out


class Written(nn.Module):
    """The same function with its projections as Linear layers, by one of PyTorch's back ends."""

    def __init__(self, fused: bool = True) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(16, 16) for _ in range(4))
        self.head, self.fused = nn.Linear(16, 2), fused

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (one(x).view(x.shape[0], -1, 4, 4).transpose(1, 2) for one in (self.q, self.k, self.v))
        if self.fused:
            y = SDPA(q, k, v)
        else:
            y = torch.softmax((q * 0.5**0.5) @ (k * 0.5**0.5).transpose(2, 3), 3) @ v
        out: torch.Tensor = self.head(self.o(y.transpose(1, 2).reshape(x.shape[0], -1, 16)).mean(1))
        return out


def written_like(packed: Packed, fused: bool) -> Written:
    """The written form with the weights of the packed one."""
    one = Written(fused)
    with torch.no_grad():
        own = packed.attention
        weights, biases = own.in_proj_weight.chunk(3), own.in_proj_bias.chunk(3)
        for name, weight, bias in zip("qkv", weights, biases, strict=True):
            getattr(one, name).weight.copy_(weight)
            getattr(one, name).bias.copy_(bias)
    one.o.load_state_dict(packed.attention.out_proj.state_dict())
    one.head.load_state_dict(packed.head.state_dict())
    return one


def test_all_forms_cost_the_same() -> None:
    """Counts of every array, digital operations, energy: packed, fused and by hand."""
    torch.manual_seed(0)
    x, packed = torch.randn(8, 12, 16), Packed()
    found = []
    for model in (packed, written_like(packed, True), written_like(packed, False)):
        chip = to_chip(model.eval(), x, crossbar({"cell.variation": 0.0, "device.cycle": 0.0})).eval()
        with torch.no_grad():
            y = chip(x)
        counts = ledger(chip).counts["predict"]
        arrays = sorted(c["products"] for n, c in counts.items() if "weight" in n or n.endswith("_proj"))
        found.append((arrays, counts["digital"], y, report(chip), costs(chip)))
    pairs = 8 * 4 * 12 * 12
    assert found[0][1]["exp"] == pairs
    assert found[0][1]["multiply_add"] >= pairs * 8 + 2 * 8 * 12 * 16
    for arrays, digital, y, told, price in found[1:]:
        assert arrays == found[0][0] and digital == found[0][1]
        assert torch.allclose(y, found[0][2], atol=0.1)
        assert told.on_arrays == found[0][3].on_arrays < 1 and not told.unknown
        assert price.total.phases["inference"].operations == found[0][4].total.phases["inference"].operations


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("hardware", [ideal(), bit_serial()])
def test_values_are_those_of_pytorch(first: bool, hardware: Any) -> None:
    """Masks, paddings, other keys and values, weights of attention; back again without a loss."""
    torch.manual_seed(0)
    plain = nn.MultiheadAttention(12, 3, batch_first=first, kdim=5, vdim=7).eval()
    lead = (2, 4) if first else (4, 2)
    q, k, v = (torch.randn(*lead, size) for size in (12, 5, 7))
    chip = to_chip(plain, (q, k, v), hardware).eval()
    near = 1e-5 if hardware.kind == "crossbar" else 0.1
    mask = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
    padding = torch.tensor([[False] * 4, [False, False, True, True]])
    with torch.no_grad():
        asked: list[dict[str, Any]] = [{}]
        if hardware.kind == "crossbar":  # a mask makes sums larger than the sample's, and INT8 cuts them
            asked += [{"attn_mask": mask}, {"key_padding_mask": padding, "average_attn_weights": False}]
        for options in asked:
            ours, theirs = chip(q, k, v, **options), plain(q, k, v, **options)
            assert torch.allclose(ours[0], theirs[0], atol=near)
            assert torch.allclose(ours[1], theirs[1], atol=near)
        assert chip(q, k, v, need_weights=False)[1] is None
        back = from_chip(chip)
    assert type(back) is nn.MultiheadAttention and list(back.state_dict()) == list(plain.state_dict())
    assert torch.allclose(back(q, k, v)[0], plain(q, k, v)[0], atol=near)


def test_a_transformer_layer_runs_and_learns_in_situ() -> None:
    """PyTorch's own block, whose fused form would pass arrays by, in inference; ideal learning is SGD."""
    torch.manual_seed(0)
    plain = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = torch.randn(3, 5, 8)
    chip = to_chip(plain, x, ideal(), learn="in-situ")
    with torch.no_grad():
        assert torch.allclose(chip.eval()(x), plain.eval()(x), atol=1e-5)
    assert ledger(chip).counts["predict"]["self_attn.q_proj"]["vectors"] == 15
    ours, theirs = InSituSGD(chip.train(), 0.05), torch.optim.SGD(plain.train().parameters(), 0.05)
    for _ in range(50):
        x = torch.randn(3, 5, 8)
        for model, optimiser in ((chip, ours), (plain, theirs)):
            optimiser.zero_grad()
            (model(x) * torch.linspace(-1, 1, 8)).pow(2).mean().backward()
            optimiser.step()
    for (name, a), (_, b) in zip(chip.named_parameters(), plain.named_parameters(), strict=True):
        assert (a - b).detach().abs().max() < 1e-5, name


def test_operations_without_a_price_are_named() -> None:
    """The total says that it is a lower bound."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(self.one(x))

    x = torch.rand(4, 8)
    chip = to_chip(Odd(), x, crossbar()).eval()
    with torch.no_grad():
        chip(x)
    assert report(chip).unknown == {"special_bessel_j0": 1} and report(chip).is_lower_bound
    assert "a lower bound: no price for special_bessel_j0" in str(costs(chip))
    assert costs(chip).as_dict()["unknown"] == ["special_bessel_j0"]


def test_what_is_not_known_stays_digital_and_says_why() -> None:
    """An attention with a bias of keys; a strict conversion refuses it."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(8, 2, add_bias_kv=True), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.attention(x, x, x)[0])  # type: ignore[no-any-return]

    x = torch.rand(3, 1, 8)
    chip = to_chip(Both(), x)
    assert "add_bias_kv" in report(chip).digital["attention"] and report(chip).on_arrays < 0.2
    with pytest.raises(InputError, match="attention stays digital"):
        to_chip(Both(), x, strict=True)
