"""Bias-only and full fine-tuning in INT8: gradients, updates, an untouched start, tasks apart, work by hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from cimlearn.arrays.bitserial_counts import batch_work  # noqa: E402
from cimlearn.arrays.faults import flips  # noqa: E402
from cimlearn.chips import build, parameters  # noqa: E402
from cimlearn.chips.sas_mram.chip import SasMram  # noqa: E402
from cimlearn.errors import InputError  # noqa: E402
from cimlearn.learning.integer.bias import bias_from_words, bias_updated, bias_words  # noqa: E402
from cimlearn.learning.integer.graph import IntGraph  # noqa: E402
from cimlearn.learning.integer.tensor import Sums, from_float, shifted  # noqa: E402
from cimlearn.learning.integer.update import UpdateRule  # noqa: E402
from cimlearn.learning.integer.weighted import Bias, Weighted  # noqa: E402
from cimlearn.streams.base import StreamShape  # noqa: E402

SHAPE = StreamShape(16, 16, 3, False)
CLOSE = 0.05  # of an INT8 gradient to the float one, relative error
METHODS = ("bias", "full")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(before)


class Block(nn.Module):
    """Two convolutions with a ReLU between and a shortcut; channels of very different size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(4, 6, 3, 1, 1), nn.Conv2d(6, 4, 3, 1, 1)
        self.relu = nn.ReLU()
        self.conv1.weight.data *= 0.7 ** torch.arange(6.0).view(-1, 1, 1, 1)

    def forward(self, x: Any) -> Any:
        return x + self.conv2(self.relu(self.conv1(x)))


def layer(graph: IntGraph, name: str) -> Weighted:
    found = next(step.operation for step in graph.steps if step.operation.name == name)
    assert isinstance(found, Weighted)
    return found


def gone(graph: IntGraph, seed: int = 0) -> tuple[Any, Any]:
    """Forward and back: the input and the error."""
    generator = torch.Generator().manual_seed(seed)
    x = from_float(torch.randn(5, 4, 6, 6, generator=generator))
    error = from_float(torch.randn(5, 4, 6, 6, generator=generator))
    graph.forward(x)
    graph.backward(error, input_error=False)
    return x, error


# ---- gradients and updates


@pytest.mark.parametrize("weights", [False, True])
def test_the_gradient_of_a_bias_is_the_sum_of_its_errors(weights: bool) -> None:
    graph = IntGraph(Block(), spread=3).learning(weights=weights)
    _, error = gone(graph)
    literal = [0] * 4
    for example in error.mantissa.tolist():
        for c, channel in enumerate(example):
            literal[c] += sum(int(v) for row in channel for v in row)
    assert layer(graph, "conv2").bias_gradient.sums.tolist() == literal
    assert (graph.gradients == {}) == (not weights)


@pytest.mark.parametrize("weights", [False, True])
def test_gradients_are_near_those_of_floating_point(weights: bool) -> None:
    block = Block()
    block.relu = nn.Identity()  # its mask differs wherever int8 rounds to 0
    graph = IntGraph(block, spread=3).learning(weights=weights)
    x, error = gone(graph)
    (block(x.value()) * error.value()).sum().backward()
    for name in ("conv1", "conv2"):
        whole, real = layer(graph, name), getattr(block, name)
        pairs = [(whole.bias_gradient.sums, real.bias.grad)]
        if weights:
            assert whole.steps is not None
            pairs.append((whole.gradient.sums, real.weight.grad))
        for ours, theirs in pairs:
            ours, theirs = ours.double().flatten(), theirs.double().flatten()
            cosine = (ours @ theirs) / (ours.norm() * theirs.norm())  # the scale is dropped by the update
            assert cosine > 1 - CLOSE**2 / 2


@pytest.mark.parametrize("scale", ["tensor", "filter", "aware"])
def test_a_channel_moves_in_its_own_steps(scale: Any) -> None:
    """Channels with exponents 0 and 3 above the smallest: the same change of value is 8 times fewer steps."""
    conv = nn.Conv2d(1, 2, 1)
    conv.weight.data = torch.tensor([0.125, 1.0]).view(2, 1, 1, 1)
    graph = IntGraph(conv, spread=3).learning(weights=True)
    one = layer(graph, "0")
    assert one.steps.tolist() == [0, 3] and one.weight.exponent == -10
    graph.forward(from_float(torch.ones(4, 1, 1, 1)))
    one.gradient = Sums(torch.tensor([800.0, 800.0]).view(2, 1, 1, 1), -13)
    one.bias_gradient = Sums(torch.zeros(2), 0)
    before = one.weight.mantissa.flatten().clone()
    graph.update(UpdateRule(7 if scale != "aware" else 4, scale, "half"))
    steps = {
        "tensor": [100, 13],  # 800 takes 10 bits, 7 are kept: 100, 12.5
        "filter": [100, 100],  # each filter finds its own
        "aware": [13, 2],  # rate 1/2, 4 examples: 0.5 x 800 x 2^-13 / 4 = 12.5 of 2^-10, 1.56 of 2^-7
    }[scale]
    moved = (before - one.weight.mantissa.flatten()).tolist()
    assert moved == steps


@pytest.mark.parametrize("kept", [0, 3, 7])
@pytest.mark.parametrize("rounding", ["half", "pseudo"])
def test_a_bias_moves_like_a_weight_with_8_more_bits(kept: int, rounding: Any) -> None:
    rng = np.random.default_rng(kept)
    gradient = torch.from_numpy(rng.integers(-70000, 70001, 50).astype(np.float64))
    bias = Bias(torch.from_numpy(rng.integers(-32767, 32768, 50)), -12)
    most = int(gradient.abs().max())
    change = shifted(gradient, max((most - 1).bit_length() - kept, 0) - 8, rounding)
    for scale in ("tensor", "filter"):
        after = bias_updated(bias, Sums(gradient, 3), UpdateRule(kept, scale, rounding))
        assert after.exponent == -12
        assert torch.equal(after.mantissa, (bias.mantissa - change).clamp(-32767, 32767))
    assert 2 ** (kept + 8 - 1) <= change.abs().max() <= 2 ** (kept + 8)


def test_the_rate_of_a_bias_is_that_of_floating_point() -> None:
    """Rate 2^(bits - 5): b - 1/4 x 96 x 2^-6 / 16 = b - 0.0234375, in steps of 2^-12."""
    bias = Bias(torch.tensor([0, 1000]), -12)
    after = bias_updated(bias, Sums(torch.tensor([96.0, -96.0]), -6), UpdateRule(3, "aware"), examples=16)
    assert (after.mantissa - bias.mantissa).tolist() == [-96, 96]


def test_small_gradients_stay_small_and_none_changes_nothing() -> None:
    bias = Bias(torch.tensor([100, -100]), 0)

    def after(*sums: float, kept: int = 4) -> list[int]:
        found: list[int] = bias_updated(bias, Sums(torch.tensor(sums), 0), UpdateRule(kept)).mantissa.tolist()
        return found

    assert after(1.0, -2.0) == [-156, 412]
    assert after(0.0, 0.0) == [100, -100]
    with pytest.raises(InputError, match="bits_kept = 8 is out of range"):
        after(0.0, 0.0, kept=8)


def test_words_of_a_bias() -> None:
    values = [0, 1, -1, 255, 256, -32767, 32767, -32768]
    bias = Bias(torch.tensor(values), 3)
    words = bias_words(bias)
    assert words.shape == (8, 2) and words.dtype == np.int8
    assert [int(low) % 256 + 256 * int(high) for low, high in words] == values
    assert bias_from_words(words, bias).mantissa.tolist() == values
    with pytest.raises(InputError, match=r"words of shape \(2, 2\) do not fit 8 biases"):
        bias_from_words(words[:2], bias)


def test_an_update_changes_all_that_learns_and_wants_a_gradient() -> None:
    graph = IntGraph(Block(), spread=3).learning(weights=True)
    gone(graph)
    before = graph.learned()
    graph.update(UpdateRule(4))
    assert set(before) == {"conv1", "conv1.bias", "conv2", "conv2.bias"}
    for name, values in graph.learned().items():
        assert np.array_equal(graph.read(name), values)
        assert flips(before[name], values) != (0, 0)
    graph.load(before)
    assert all(np.array_equal(graph.read(name), values) for name, values in before.items())
    with pytest.raises(InputError, match="conv1 has no gradient yet"):
        graph.update(UpdateRule(4))
    with pytest.raises(InputError, match=r"conv1\.bias has no gradient yet"):
        IntGraph(Block()).learning(weights=False).update(UpdateRule(4))


def test_a_copy_that_learns_leaves_the_frozen_one_alone() -> None:
    frozen = IntGraph(Block(), spread=3)
    x, _ = gone(frozen)
    before = frozen.forward(x)
    copy = frozen.learning(weights=True)
    same = copy.forward(x)
    assert torch.equal(same.mantissa, before.mantissa) and same.exponent == before.exponent
    assert all(a.operation is not b.operation for a, b in zip(frozen.steps, copy.steps, strict=True))
    for n in range(3):
        gone(copy, n)
        copy.update(UpdateRule(5))
    assert not torch.equal(copy.forward(x).mantissa, before.mantissa)
    assert torch.equal(frozen.forward(x).mantissa, before.mantissa)
    assert frozen.learned() == {}


# ---- the chip


def make(on: str = "chip", **changes: Any) -> SasMram:
    settings = {"rule.batch": 8, "rule.horizon": 300, "network.side": 16, "array.transpose": "sram"}
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    chip = build("sas-mram", on, parameters=parameters("sas-mram", settings), shape=SHAPE, seed=0)
    assert isinstance(chip, SasMram)
    return chip


@cache
def examples(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Bright bars on dark ground: the class is where the bar stands."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = 0.2 * rng.random((count, 16, 16))
    for picture, label in zip(x, y, strict=True):
        picture[:, 1 + 5 * label : 5 + 5 * label] += 0.7
    return x.astype(np.float32), y


@pytest.mark.parametrize("method", [*METHODS, "repnet+bias"])
def test_before_its_first_step_it_is_the_frozen_backbone(method: str) -> None:
    """Bit for bit: the answers of the last layer, not only the classes."""
    x, _ = examples(12)
    tuned, frozen = make(network__train=method), make(network__train="last")
    answers = []
    for chip in (tuned, frozen):
        images = chip._images(x)
        learner: Any = chip._new_learner(0, chip._quantised(images))
        answers.append(learner.net.forward(learner._image(chip._prepared(images)), keep=False))
    assert torch.equal(answers[0].mantissa, answers[1].mantissa)
    assert answers[0].exponent == answers[1].exponent


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_keeps_its_tasks_apart(method: str) -> None:
    (x, y), (xt, yt) = examples(64), examples(40, 1)
    chip = make(network__train=method, rule__bits_backbone=1, rule__bits_least=0)
    for task, labels in enumerate((y, (y + 1) % 3)):
        chip.start_task(task)
        for _ in range(2 if method == "full" else 3):
            chip.learn(x, labels)
            chip.end_task()
        if task == 0:
            before = chip.predict(xt, 0)
            assert np.mean(before == yt) > 0.8
    assert np.array_equal(chip.predict(xt, 0), before)
    first, second = chip.state()[0], chip.learners
    assert second[0] is not second[1]
    names = [name.removeprefix("task0.weight.") for name in first if name.startswith("task0.weight.")]
    assert sum(name.endswith(".bias") for name in names) == 7  # of ResNet-8
    assert sum(name.startswith("block") for name in names) == (7 if method == "bias" else 14)
    for name in names:
        assert not np.array_equal(first[f"task0.weight.{name}"], first[f"task1.weight.{name}"]), name


def test_work_by_hand() -> None:
    """ResNet-8 at 16 pixels: maps of 8 (32 channels), 4 (64), 2 (128); shortcuts have no weights."""
    x, y = examples(8)
    counts, bits, memory = {}, {}, {}
    for method in ("last", *METHODS):
        chip = make(network__train=method)
        chip.learn(x, y)
        chip.end_task()
        counts[method] = chip.ledger().counts["learn"]
        bits[method] = chip.inventory()["mram"]["bits"]
        memory[method] = chip.memory_bits()["kept"]
    outputs = 3 * 32 * 64 + 2 * 64 * 16 + 2 * 128 * 4  # of the seven layers
    channels = 3 * 32 + 2 * 64 + 2 * 128
    weights = 32 * 27 + 2 * 32 * 288 + 64 * 288 + 64 * 576 + 128 * 576 + 128 * 1152
    head = 3 * 128
    for method in METHODS:
        assert counts[method]["gradient"]["adders_bias_adds"] == 8 * outputs
        assert counts[method]["time"]["examples"] == 8
    assert "adders_bias_adds" not in counts["last"]["gradient"]
    assert counts["bias"]["gradient"]["sram_bits_read"] == counts["last"]["gradient"]["sram_bits_read"]
    assert counts["bias"]["update"]["mram_bits_written"] == 8 * head + 16 * channels
    assert counts["full"]["update"]["mram_bits_written"] == 8 * (head + weights) + 16 * channels
    assert counts["bias"]["error"] == counts["full"]["error"]
    assert bits["bias"] - bits["last"] == 16 * channels == bits["full"] - bits["last"]
    inputs = 3 * 256 + 3 * 32 * 64 - 32 * 64 + 32 * 64 + 64 * 16 + 64 * 16 + 128 * 4
    assert memory["last"] == 8 * 8 * 128
    assert memory["bias"] == 8 * (8 * 128 + outputs)  # a bit for each output
    assert memory["full"] == 8 * 8 * (128 + inputs)  # eight for each input
    cells = counts["bias"]["cells"]
    assert 0 < cells["bits_flipped"] <= cells["bits_driven"] <= 8 * head + 16 * channels


@pytest.mark.parametrize("method", METHODS)
def test_a_second_task_stores_what_it_learns(method: str) -> None:
    x, y = examples(8)
    chip = make(network__train=method)
    chip.learn(x, y)
    chip.end_task()
    one = chip.inventory()["mram"]["bits"]
    chip.start_task(1)
    chip.learn(x, y)
    chip.end_task()
    own = sum(w.size for n, w in chip.state()[0].items() if n.startswith("task1.weight"))
    assert chip.inventory()["mram"]["bits"] - one == 8 * own


def test_inputs_are_kept_once_however_many_windows_see_them() -> None:
    """What the accounts say is what the graph keeps: 8 bits for each input of a layer that learns, and masks."""
    graph = IntGraph(Block()).learning(weights=True)
    gone(graph)
    work = batch_work(graph.layers((5, 4, 6, 6)), learning=True)
    assert work.kept_bits == 8 * 5 * 36 * (4 + 6)
    assert graph.kept_bits() == work.kept_bits + 5 * 36 * 6  # the mask, which the next input tells as well
