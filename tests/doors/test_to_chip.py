"""Models on arrays: ideal hardware changes nothing, states go in and out, and what can't be done is said."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from models import Sequence, convolutional, nn, recurrent, torch

from cimlearn.errors import InputError
from cimlearn.install import install
from cimlearn.torch import (
    bit_serial,
    calibrate,
    costs,
    crossbar,
    drift,
    from_chip,
    ideal,
    ledger,
    program,
    report,
    to_chip,
)

EXACT = 1e-6  # of outputs around 1, in float32

IMAGE, LINE, CUBE, ROWS = (5, 4, 8, 8), (5, 4, 16), (2, 4, 5, 5, 5), (5, 8, 8)
MODELS = {
    "cnn": (convolutional, (5, 1, 8, 8)),
    "gru net": (recurrent, ROWS),
    "linear": (lambda: nn.Linear(6, 3), (4, 6)),
    "linear of sequences": (lambda: nn.Linear(8, 3, bias=False), ROWS),
    "conv1d": (lambda: nn.Conv1d(4, 6, 5, stride=2, padding=2), LINE),
    "conv1d same": (lambda: nn.Conv1d(4, 6, 4, padding="same", padding_mode="circular"), LINE),
    "conv2d reflect": (lambda: nn.Conv2d(4, 6, 3, padding=2, padding_mode="reflect"), IMAGE),
    "conv2d replicate": (lambda: nn.Conv2d(4, 6, (3, 2), padding=(1, 0), padding_mode="replicate"), IMAGE),
    "conv2d dilated": (lambda: nn.Conv2d(4, 6, 3, dilation=(2, 1), stride=(1, 2), bias=False), IMAGE),
    "conv2d groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), IMAGE),
    "conv2d depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1), IMAGE),
    "conv3d": (lambda: nn.Conv3d(4, 2, 2), CUBE),
    "tanh rnn": (lambda: Sequence(nn.RNN(8, 7, batch_first=True), 7), ROWS),
    "relu rnn": (lambda: Sequence(nn.RNN(8, 7, nonlinearity="relu", bias=False, batch_first=True), 7), ROWS),
    "deep gru": (lambda: Sequence(nn.GRU(8, 7, 2, batch_first=True, bidirectional=True), 14), ROWS),
    "deep lstm": (lambda: Sequence(nn.LSTM(8, 7, 2, batch_first=True, bidirectional=True), 14), ROWS),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), ROWS),
}


@pytest.mark.parametrize("name", MODELS)
def test_ideal_hardware_changes_nothing(name: str) -> None:
    make, shape = MODELS[name]
    torch.manual_seed(3)
    plain, x = make().eval(), torch.rand(shape)
    chip = to_chip(plain, x, ideal().replace({"tile.rows": 5}))
    with torch.no_grad():
        assert torch.allclose(chip(x), plain(x), rtol=0, atol=EXACT)
        assert torch.allclose(from_chip(chip)(x), plain(x), rtol=0, atol=EXACT)
        assert ledger(chip).counts["predict"]["time"]["examples"] == len(x)
        assert all(array.tally.vectors for array in chip.modules() if hasattr(array, "tally"))
    chip.train()
    x.requires_grad_()
    plain.train()
    through, exact = (torch.autograd.grad(m(x).pow(3).sum(), [x, *m.parameters()]) for m in (chip, plain))
    for ours, theirs in zip(through, exact, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-5 * float(theirs.abs().max() + 1))


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells(kind: str) -> None:
    torch.manual_seed(3)
    plain, x = getattr(nn, kind)(5, 4), torch.rand(3, 5)
    state: Any = torch.rand(3, 4)
    if kind == "LSTMCell":
        state = (state, torch.rand(3, 4))
    chip = to_chip(plain, (x, state), ideal()).eval()
    alone = tuple(s[0] for s in state) if isinstance(state, tuple) else state[0]
    pairs = [(chip(x, state), plain(x, state)), (chip(x), plain(x)), (chip(x[0], alone), plain(x[0], alone))]
    for ours, theirs in pairs:
        ours, theirs = (one if isinstance(one, tuple) else (one,) for one in (ours, theirs))
        assert all(torch.allclose(a, b, rtol=0, atol=EXACT) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_states_of_recurrent_layers(kind: str) -> None:
    """A first state, the last one, steps first, and a sequence alone."""
    torch.manual_seed(3)
    plain, x = getattr(nn, kind)(5, 4, 2), torch.rand(6, 3, 5)
    h: Any = torch.rand(2, 3, 4)
    first = (h, torch.rand(2, 3, 4)) if kind == "LSTM" else h
    chip = to_chip(plain, (x, first), ideal(), batch_dim=1).eval()
    one = tuple(s[:, 0] for s in first) if kind == "LSTM" else h[:, 0]
    for given in ((x, first), (x,), (x[:, 0], one)):
        (y, last), (y_plain, last_plain) = chip(*given), plain(*given)
        assert torch.allclose(y, y_plain, rtol=0, atol=EXACT)
        ours, theirs = (s if isinstance(s, tuple) else (s,) for s in (last, last_plain))
        assert all(torch.allclose(a, b, rtol=0, atol=EXACT) for a, b in zip(ours, theirs, strict=True))


def test_float64_is_exact_before_programming() -> None:
    """Cells hold float32 conductances; weights that are only wanted have no such limit."""
    plain, x = convolutional().double().eval(), torch.rand(4, 1, 8, 8, dtype=torch.float64)
    chip = to_chip(plain, x, ideal()).train()
    assert torch.allclose(chip(x), plain(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "hardware", [crossbar(), bit_serial({"faults.write_error": 0.01})], ids=["analog", "bits"]
)
def test_state_goes_in_and_out(hardware: Any) -> None:
    """A state brings cells, ranges and chance along, into a chip of another seed and sample."""
    x = torch.rand(5, 1, 8, 8)
    chip = to_chip(convolutional(), x, hardware, seed=4).eval()
    drift(chip, 1e5)
    chip(x)
    other = to_chip(convolutional(2), 0.3 * x[:2], hardware, seed=5).eval()
    with torch.no_grad():
        assert not torch.equal(other(x), chip(x))
        other.load_state_dict(chip.state_dict())
        assert torch.equal(other(x), chip(x))
        assert torch.equal(other(x), chip(x)), "the next noise is the same too"


def test_a_plain_state_goes_in_and_out() -> None:
    """Loading a plain model's weights leaves the cells behind; a chip's weights fit the plain model."""
    x, plain, other = torch.rand(5, 1, 8, 8), convolutional(1), convolutional(2)
    chip = to_chip(plain, x, ideal()).eval()
    chip.load_state_dict(other.state_dict())
    assert torch.allclose(chip(x), other(x), rtol=0, atol=EXACT)
    back = convolutional(3)
    back.load_state_dict(from_chip(chip, stored=False).state_dict())
    assert torch.allclose(back(x), other(x), rtol=0, atol=EXACT)
    program(chip)
    assert torch.allclose(from_chip(chip)(x), other(x), rtol=0, atol=EXACT)


def test_the_same_seed_gives_the_same_chip_and_another_another() -> None:
    x, plain = torch.rand(5, 1, 8, 8), convolutional()
    first, again, other = (to_chip(plain, x, seed=seed).eval() for seed in (1, 1, 2))
    with torch.no_grad():
        assert torch.equal(first(x), again(x))
        assert not torch.equal(first(x), again(x)[:1] * 0 + other(x))
        program(other, seed=1)
        program(first)
        assert torch.equal(first(x), other(x)), "the seed of `program` is the number of the chip"
        assert torch.equal(first(x), copy.deepcopy(other)(x)), "so is the next noise, in a copy too"


def test_training_makes_cells_out_of_date_and_eval_uses_them_until_then() -> None:
    x = torch.rand(5, 6)
    chip = to_chip(nn.Linear(6, 3), x, ideal()).eval()
    before = chip(x)
    with torch.no_grad():
        chip.weight.mul_(2)
    assert torch.equal(chip(x), before), "nobody wrote the cells"
    chip.train()(x).sum().backward()
    assert torch.allclose(chip.eval()(x) - chip.bias, 2 * (before - chip.bias), atol=EXACT)


def test_the_original_is_left_alone_and_shared_layers_stay_shared() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.second = self.first

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x))

    plain, x = Twice(), torch.rand(3, 4)
    chip = to_chip(plain, x, ideal()).eval()
    assert type(plain.first) is nn.Linear
    assert chip.first is chip.second
    assert torch.allclose(chip(x), plain(x), rtol=0, atol=EXACT)
    assert ledger(chip).counts["predict"]["first.weight"]["vectors"] == 2 * len(x)


def test_what_stays_digital_is_listed() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 6), nn.Bilinear(1, 1, 1))
    chip = to_chip(model[:3], torch.rand(5, 4), keep=["2"])
    assert report(chip).converted == {"0": "Linear"}
    assert set(report(chip).digital) == {"1", "2"}
    assert "kept" in report(chip).digital["2"]


class Partly(nn.Module):
    """One layer that its forward never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.never = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.used(x)


def test_a_layer_that_is_never_called_is_listed() -> None:
    assert report(to_chip(Partly(), torch.rand(2, 4))).unused == ("never.weight",)


def _infinite() -> Any:
    model = nn.Linear(4, 4)
    with torch.no_grad():
        model.weight[0, 0] = float("inf")
    return model


X = torch.rand(2, 4)
WRONG: dict[str, tuple[Any, str]] = {
    "nothing to convert": (
        lambda: to_chip(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), X),
        "nothing in the model",
    ),
    "no module": (lambda: to_chip(torch.tanh, X), "no torch.nn.Module"),
    "infinite weight": (lambda: to_chip(_infinite(), X), "weight has values that are not finite"),
    "half precision": (lambda: to_chip(nn.Linear(4, 4).half(), X), r"float16.*\.float\(\)"),
    "lazy layer": (lambda: to_chip(nn.Sequential(nn.LazyLinear(4)), X), "run the model once"),
    "converted twice": (lambda: to_chip(to_chip(nn.Linear(4, 4), X), X), "on arrays already"),
    "unknown layer kept": (lambda: to_chip(nn.Linear(4, 4), X, keep=["head"]), "no layer 'head'"),
    "sample not finite": (lambda: to_chip(nn.Linear(4, 4), X * float("nan")), "not finite; check the sample"),
    "sample of other size": (lambda: to_chip(nn.Linear(4, 4), torch.rand(2, 5)), "5 features do not fit 4"),
    "sample drives nothing": (lambda: to_chip(_Idle(), X), "drives none of the arrays"),
    "strict": (
        lambda: to_chip(nn.Sequential(nn.Linear(4, 4), nn.ConvTranspose1d(2, 4, 1)), X, strict=True),
        "strict: 1 stays digital",
    ),
    "strict, unused": (lambda: to_chip(Partly(), X, strict=True), "never drives never.weight"),
    "plain model": (lambda: ledger(nn.Linear(4, 4)), "not on arrays"),
    "nothing classified": (lambda: costs(to_chip(nn.Linear(4, 4), X)), "nothing was classified"),
    "negative time": (lambda: drift(to_chip(nn.Linear(4, 4), X), -1), "0 s or more"),
    "drift without cells": (lambda: _forgetful(), r"call program\(model\) first"),
    "packed": (lambda: to_chip(nn.GRU(4, 4), nn.utils.rnn.pack_sequence([X])), "pad it to a tensor"),
    "first state": (lambda: to_chip(nn.GRU(4, 4), (X, torch.rand(2, 4))), "first state of shape"),
    "channels": (lambda: to_chip(nn.Conv1d(4, 4, 1), torch.rand(2, 3, 4)), "does not fit"),
    "small image": (lambda: to_chip(nn.Conv1d(4, 4, 5), torch.rand(2, 4, 3)), "fewer than the kernel's 5"),
    "device": (lambda: crossbar(device="contiuous"), "did you mean 'continuous'"),
    "setting": (lambda: crossbar({"periphery.converterbits": 8}), "did you mean 'periphery.converter_bits'"),
    "range": (lambda: crossbar({"drift.exponent": -1}), "out of range"),
    "no range": (lambda: crossbar({"periphery.saturation": None}), "periphery.converter_bits = none"),
    "memory": (lambda: bit_serial({"cell.technology": "dram"}), "unknown technology .dram."),
}


class _Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x


def _forgetful() -> None:
    chip = to_chip(nn.Linear(4, 4), X)
    calibrate(chip, X)
    drift(chip, 1.0)


@pytest.mark.parametrize("what", WRONG)
def test_errors_name_the_thing_and_the_remedy(what: str) -> None:
    wrong, message = WRONG[what]
    with pytest.raises(InputError, match=message) as error:
        wrong()
    assert "\n" not in str(error.value)


def test_without_pytorch_one_line_names_the_extra() -> None:
    script = "import sys; sys.modules['torch'] = None; import cimlearn.torch"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith(f"needs PyTorch: {install('torch')}")


def test_calibrating_again_follows_the_data() -> None:
    """Inputs ten times as large are cut until the ranges are found again."""
    x, plain = torch.rand(50, 6), nn.Linear(6, 3, bias=False)
    chip = to_chip(plain, x, crossbar({"periphery.converter_bits": 10})).eval()
    with torch.no_grad():
        cut = (chip(10 * x) - plain(10 * x)).abs().max()
        calibrate(chip, 10 * x)
        program(chip)
        assert (chip(10 * x) - plain(10 * x)).abs().max() < 0.2 * cut
