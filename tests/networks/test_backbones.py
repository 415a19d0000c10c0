"""Backbones: published sizes, public names, weights from files, folding, and the one that comes with the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from cimlearn.errors import InputError  # noqa: E402
from cimlearn.networks import backbones, weights  # noqa: E402
from cimlearn.networks.backbone import prepare  # noqa: E402
from cimlearn.networks.counting import count  # noqa: E402
from cimlearn.networks.mobile import _padding  # noqa: E402
from cimlearn.networks.resnets import BasicBlock  # noqa: E402
from cimlearn.streams.sources.imagesets import load_images  # noqa: E402

SINGLE = 1e-5  # largest relative error of float32 sums here
SAMPLE = 500  # test images of CIFAR-10 that are looked at
ROOM = 0.03  # 2.5 standard deviations of an accuracy of 0.92 on 500 images
INT8_LOSS = 0.01  # accuracy that INT8 weights may cost

# name, parameters, products in millions at the published size, tensors of the public weight file
PUBLISHED = [
    ("mobilenet_v2", 3_504_872, 300.8, 314),
    ("proxyless_mobile", 4_080_512, 320.4, None),
    ("resnet50", 25_557_032, 4089.2, 320),
    ("efficientnet_lite0", 4_652_008, 385.2, 296),
    ("resnet20", 269_722, 40.6, None),
    ("resnet8", 298_026, 12.0, None),
]
NAMES = [row[0] for row in PUBLISHED]


@pytest.mark.parametrize(("name", "parameters", "millions", "tensors"), PUBLISHED, ids=NAMES)
def test_sizes_are_the_published_ones(
    name: str, parameters: int, millions: float, tensors: int | None
) -> None:
    backbone = backbones.blank(name)
    side = backbone.facts.size
    counted = count(backbone, 3, side, side)
    assert counted.parameters == parameters
    assert counted.products / 1e6 == pytest.approx(millions, abs=0.05)
    assert tensors is None or len(backbone.public_state()) == tensors


@pytest.mark.parametrize("name", NAMES)
def test_blocks_can_be_traced_and_have_the_shapes_they_say(name: str) -> None:
    backbone = backbones.blank(name)
    side = 2 * backbone.facts.multiple
    x = torch.empty(1, 3, side, side, device="meta")
    assert backbone.shape(-1, side) == (3, side, side)
    for number, block in enumerate(backbone.blocks):
        x = torch.fx.symbolic_trace(block)(x)
        assert tuple(x.shape[1:]) == backbone.shape(number, side), backbone.names[number]
    assert x.shape[1] == backbone.width
    assert len(set(backbone.names)) == len(backbone.names) == len(backbone.blocks)


def test_public_names() -> None:
    """A few of each, as they stand in the public files."""
    for name, known in {
        "mobilenet_v2": "features.0.0.weight features.1.conv.1.weight features.17.conv.3.bias classifier.1.weight",
        "resnet50": "conv1.weight layer1.0.downsample.1.running_mean layer4.2.conv3.weight fc.bias",
        "resnet20": "conv1.weight bn1.bias layer3.2.bn2.running_var linear.weight",
        "efficientnet_lite0": "_conv_stem.weight _bn0.bias _blocks.15._bn2.weight _conv_head.weight _bn1.bias _fc.bias",
        "proxyless_mobile": "first_conv.conv.weight blocks.0.mobile_inverted_conv.depth_conv.bn.weight "
        "blocks.21.mobile_inverted_conv.inverted_bottleneck.conv.weight feature_mix_layer.bn.bias "
        "classifier.linear.bias",
    }.items():
        assert set(known.split()) <= backbones.blank(name).public_state().keys()


def test_random_weights_come_from_the_seed() -> None:
    one, same, other = (backbones.build("resnet8", seed=seed).public_state() for seed in (3, 3, 4))
    assert all(torch.equal(tensor, same[key]) for key, tensor in one.items())
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])
    assert not any(p.requires_grad for p in backbones.build("resnet8").parameters())


def test_unknown_names() -> None:
    with pytest.raises(InputError, match="did you mean 'resnet20'"):
        backbones.build("resnet-20")
    with pytest.raises(InputError, match=r"has no block 'layer4\.0'; its blocks are stem, layer1"):
        backbones.blank("resnet8").index("layer4.0")


def convolved(x: Any, weight: Any, stride: int) -> Any:
    """3 x 3 convolution as its definition says, in float64: x (into, height, width), weight (out, into, 3, 3)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    height, width = x.shape[1] // stride, x.shape[2] // stride
    out = np.zeros((len(weight), height, width))
    for row in range(height):
        for column in range(width):
            seen = padded[:, row * stride : row * stride + 3, column * stride : column * stride + 3]
            out[:, row, column] = (weight * seen).sum(axis=(1, 2, 3))
    return out


def test_a_block_is_the_published_one() -> None:
    """relu(conv(relu(conv(x))) + every second pixel of x between channels of zeros), norms left at 1 and 0."""
    torch.manual_seed(0)
    block = BasicBlock(4, 8, 2).eval()
    x = torch.randn(1, 4, 6, 6)
    first, second = (conv.weight.detach().double().numpy() for conv in (block.conv1, block.conv2))
    image, scale = x[0].double().numpy(), 1 / np.sqrt(1 + block.bn1.eps)
    inner = np.maximum(convolved(image, first, 2) * scale, 0)
    wanted = convolved(inner, second, 1) * scale
    wanted[2:6] += image[:, ::2, ::2]
    with torch.no_grad():
        found = block(x)[0].numpy()
    assert np.abs(found - np.maximum(wanted, 0)).max() < SINGLE * np.abs(wanted).max()


def test_lite_padding_is_that_of_tensorflow() -> None:
    """'same' with stride 2: the odd pixel comes last."""
    assert _padding(3, 2).padding == (0, 1, 0, 1)
    assert _padding(5, 2).padding == (1, 2, 1, 2)


@pytest.mark.parametrize("sides", [(30, 30), (32, 36), (516, 516), (0, 0)])
def test_sizes_that_a_backbone_cannot_take(sides: tuple[int, int]) -> None:
    images = np.zeros((1, *sides, 3), np.uint8)
    with pytest.raises(
        InputError, match=r"resnet20 can't take images of .* allowed are square ones of 4, 8, 12"
    ):
        prepare(images, backbones.blank("resnet20"))


def test_prepared_images() -> None:
    backbone = backbones.blank("resnet8")
    images = np.full((2, 28, 28, 1), 255, np.uint8)
    x = prepare(images, backbone, 32)
    assert x.shape == (2, 3, 32, 32)
    white = (1 - np.array(backbone.facts.mean)) / np.array(backbone.facts.deviation)
    assert np.allclose(x[0, :, 5, 7].numpy(), white, rtol=SINGLE)
    with pytest.raises(InputError, match="give uint8"):
        prepare(images.astype(np.float32), backbone)


def stored(name: str) -> dict[str, np.ndarray]:
    return {
        key: tensor.detach().numpy() for key, tensor in backbones.build(name, seed=1).public_state().items()
    }


def test_weights_are_loaded_by_name(tmp_path: Path) -> None:
    tensors = {key: tensor for key, tensor in stored("resnet8").items() if "num_batches" not in key}
    save_file(tensors, tmp_path / "w.safetensors")
    backbone = backbones.build("resnet8", weights=tmp_path / "w.safetensors")
    assert all(
        np.array_equal(backbone.public_state()[key].detach().numpy(), value) for key, value in tensors.items()
    )
    save_file({k: v.astype(np.float16) for k, v in tensors.items()}, tmp_path / "half.safetensors")
    weights.load_weights(backbone, tmp_path / "half.safetensors")


def refuse(tmp_path: Path, tensors: dict[str, np.ndarray], message: str) -> None:
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=message):
        backbones.build("resnet8", weights=tmp_path / "w.safetensors")


def test_wrong_weight_files(tmp_path: Path) -> None:
    whole = stored("resnet8")
    fewer = {key: value for key, value in whole.items() if not key.startswith("bn1")}
    refuse(
        tmp_path, fewer, r"lacks 4 tensors \(bn1.weight, bn1.bias, .*\) of resnet8; give one made for resnet8"
    )
    refuse(tmp_path, {**whole, "extra": whole["conv1.weight"]}, r"has 1 tensor \(extra\) that resnet8 hasn't")
    other = {**whole, "linear.bias": np.zeros(7, np.float32)}
    refuse(tmp_path, other, r"has 1 tensor \(linear.bias \(7,\) instead of \(10,\)\)")
    refuse(
        tmp_path,
        stored("resnet20"),
        r"has \d+ tensors \(layer1.1.bn1.bias, .*, \.\.\.\) that resnet8 hasn't",
    )


def test_numbers_that_are_no_weights(tmp_path: Path) -> None:
    whole = stored("resnet8")
    unfit = {"conv1.weight": np.full_like(whole["conv1.weight"], np.nan)}
    refuse(tmp_path, whole | unfit, r"has 1 tensor \(conv1.weight\) unfit as weights")
    unfit = {
        "bn1.running_var": -whole["bn1.running_var"],
        "linear.bias": whole["linear.bias"].astype(np.int32),
    }
    refuse(tmp_path, whole | unfit, r"has 2 tensors .* unfit as weights")


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x07" * 99)
    torch.save({"w": torch.zeros(1)}, tmp_path / "w.pth")
    for name, message in {
        "none.safetensors": "doesn't exist",
        "w.txt": "isn't a .safetensors",
        "w.safetensors": "is damaged",
        "w.pth": "is a pickle, which can run code; convert it",
        "w.pkl": "is a pickle",
    }.items():
        with pytest.raises(InputError, match=message):
            weights.read_tensors(tmp_path / name)


def lively(name: str) -> Any:
    """A backbone whose batch norms do something."""
    backbone, rng = backbones.build(name, seed=2), np.random.default_rng(0)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in (
                (module.weight, 0.5),
                (module.bias, -0.5),
                (module.running_mean, -0.5),
                (module.running_var, 0.5),
            ):
                drawn = rng.uniform(low, low + 1, tensor.shape).astype(np.float32)
                tensor.data.copy_(torch.from_numpy(drawn))
    return backbone


@pytest.mark.parametrize("name", ["resnet8", "mobilenet_v2", "efficientnet_lite0"])
def test_folding_changes_nothing(name: str) -> None:
    backbone, x = lively(name), torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    folded = weights.fold(backbone)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        for one, other in zip(backbone.blocks, folded.blocks, strict=True):
            wanted = one(x)
            assert (other(x) - wanted).abs().max() < 5 * SINGLE * wanted.abs().max()
            x = wanted / wanted.abs().max()


@pytest.mark.parametrize(
    ("top", "power"), [(127.0, 0), (127.1, 1), (63.5, -1), (1.0, -6), (0.0, 0), (1e-3, -16)]
)
def test_exponent_is_the_smallest_that_fits(top: float, power: int) -> None:
    tensor = torch.tensor([top / 3, -top], dtype=torch.float64)
    assert weights.exponent(tensor) == power
    assert top <= 127 * 2.0**power
    assert top == 0 or top > 127 * 2.0 ** (power - 1)


def test_packed_numbers_are_exact_and_stay() -> None:
    folded = weights.fold(lively("resnet8"))
    before = {key: tensor.detach().clone() for key, tensor in folded.public_state().items()}
    packed = weights.pack(folded)
    weights.unpack(folded, packed)
    for key, tensor in folded.public_state().items():
        step = 2.0**-weights.BIAS_BITS if key.endswith(".bias") else 2.0 ** int(packed[f"{key}.exponent"])
        assert (tensor - before[key]).abs().max() <= step / 2
        assert torch.equal(tensor.detach(), packed[key] * step)
    again = weights.pack(folded)
    assert all(torch.equal(again[key], value) for key, value in packed.items())


def test_the_shipped_backbone_is_int8() -> None:
    backbone, folder = backbones.shipped(), Path(backbones.__file__).parents[1] / "weights"
    assert (folder / backbones.SHIPPED).stat().st_size < 1_000_000
    assert sum(p.numel() for p in backbone.parameters()) < 300_000
    for name, tensor in backbone.public_state().items():
        if name.endswith(".weight"):
            steps = tensor / 2.0 ** weights.exponent(tensor)
            assert torch.equal(steps, steps.round())
            assert steps.abs().max() <= weights.LARGEST
    with pytest.raises(InputError, match="resnet8 can't take images of 28 x 28"):
        prepare(np.zeros((1, 28, 28, 1), np.uint8), backbone)


def accuracy(backbone: Any) -> float:
    images = load_images("cifar10")
    with torch.no_grad():
        answers = backbone(prepare(images.x_test[:SAMPLE], backbone)).argmax(1).numpy()
    return float((answers == images.y_test[:SAMPLE]).mean())


@pytest.mark.data
def test_resnet20_has_its_published_accuracy(data_folder: Path) -> None:
    file = data_folder / "weights" / "resnet20-cifar10.safetensors"
    assert abs(accuracy(backbones.build("resnet20", weights=file)) - 0.917) < ROOM


@pytest.mark.data
def test_the_shipped_backbone_has_its_accuracy(data_folder: Path) -> None:
    file = Path(backbones.__file__).parents[1] / "weights" / "resnet8-cifar10.toml"
    card = tomllib.loads(file.read_text("utf-8"))
    assert abs(accuracy(backbones.shipped()) - card["accuracy_int8"]) < 2 * ROOM
    assert card["accuracy_float"] - card["accuracy_int8"] < INT8_LOSS


@pytest.mark.data
def test_public_mobilenet_weights_load(data_folder: Path) -> None:
    backbones.build("mobilenet_v2", weights=data_folder / "weights" / "mobilenet_v2-imagenet.safetensors")
