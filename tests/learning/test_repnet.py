"""Rep-Net: published counts, equal to its backbone at the start, what is trained, and the float32 learner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from cimlearn.errors import InputError  # noqa: E402
from cimlearn.learning.adam_repnet import RepNetFloat, RepNetSettings  # noqa: E402
from cimlearn.networks import backbones  # noqa: E402
from cimlearn.networks.baselines import METHODS, Tuned  # noqa: E402
from cimlearn.networks.counting import count  # noqa: E402
from cimlearn.networks.repnet import CONNECTORS, NORMS, RepNet, StandardConv, head  # noqa: E402

SINGLE = 1e-5  # largest relative error of float32 sums here

# backbone, trained parameters and products as printed, and their last printed digit
PUBLISHED = [
    ("proxyless_mobile", 0.415e6, 0.001e6, 25.5e6, 0.1e6),
    ("mobilenet_v2", 0.380e6, 0.001e6, 20.5e6, 0.1e6),
    ("resnet50", 8.70e6, 0.01e6, 528e6, 1e6),
]


def empty(name: str, **options: Any) -> RepNet:
    """Without numbers, for counting."""
    backbone = backbones.blank(name)
    with torch.device("meta"):
        return RepNet(backbone, **options)


@pytest.mark.parametrize(("name", "parameters", "digit", "products", "unit"), PUBLISHED)
def test_counts_are_the_published_ones(
    name: str, parameters: float, digit: float, products: float, unit: float
) -> None:
    counted = count(empty(name), 3, 224, 224, inside="reprogram")
    assert abs(counted.parameters - parameters) <= digit / 2
    assert abs(counted.products - products) <= unit / 2


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_counts_follow_from_the_rule(name: str) -> None:
    """By hand: k^2 Cin/groups mid + mid Cout weights at the pooled map, and two norms."""
    network = empty(name)
    backbone = network.backbone
    parameters = products = 0
    for c in network.connectors:
        place = backbone.index(c.block)
        into, side, _ = backbone.shape(-1 if c.image else place - 1)
        out = backbone.shape(place)[0]
        each = c.kernel**2 * into // c.groups * c.mid + c.mid * out
        parameters += each + 2 * c.mid + 2 * out
        products += (side // c.pool) ** 2 * each
    size = backbone.facts.size
    assert count(network, 3, size, size, inside="reprogram") == (parameters, products)


def images(count: int, side: int = 32, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (count, 3, side, side)).astype(np.float32)


STARTS = [(name, norm) for name in ("resnet8", "resnet20") for norm in NORMS] + [("mobilenet_v2", "batch")]


@pytest.mark.parametrize(("name", "norm"), STARTS)
def test_starts_equal_to_the_backbone(name: str, norm: str) -> None:
    network = RepNet(backbones.build(name, seed=1), norm=norm)
    x = torch.from_numpy(images(2, 32 if name.startswith("resnet") else 64))
    with torch.no_grad():
        for mode in (False, True)[: 1 + name.startswith("resnet")]:
            assert torch.equal(network.train(mode)(x), network.backbone.features(x))


def test_shipped_backbone_has_connectors() -> None:
    network = RepNet(backbones.shipped(), norm="none")
    x = torch.from_numpy(images(2))
    with torch.no_grad():
        assert torch.equal(network(x), network.backbone.features(x))


def test_output_is_block_plus_module() -> None:
    """Module after module by hand, with numbers that count."""
    network = RepNet(backbones.build("resnet20", seed=1), norm="none", resize="nearest")
    for module in network.reprogram:
        torch.nn.init.normal_(module.conv2.weight, generator=torch.Generator().manual_seed(0))
    x = image = torch.from_numpy(images(2))
    functional = torch.nn.functional
    with torch.no_grad():
        for name, block in zip(network.backbone.names, network.backbone.blocks, strict=True):
            out = block(x)
            for number, c in enumerate(network.connectors):
                if c.block == name:
                    first, second = (
                        network.reprogram[number].conv1.weight,
                        network.reprogram[number].conv2.weight,
                    )
                    y = functional.avg_pool2d(image if c.image else x, c.pool)
                    y = functional.conv2d(y, first, padding=c.kernel // 2, groups=c.groups)
                    y = functional.conv2d(y.clamp(min=0), second)
                    out = out + y.repeat_interleave(out.shape[2] // y.shape[2], 2).repeat_interleave(
                        out.shape[3] // y.shape[3], 3
                    )
            x = out
        assert (network(image) - x.mean((2, 3))).abs().max() < SINGLE * x.abs().max()


def test_filters_are_standardised() -> None:
    conv, x = (
        StandardConv(4, 6, 3, groups=2, bias=False),
        torch.from_numpy(images(1))[:, :1].repeat(1, 4, 1, 1),
    )
    w = conv.weight.detach().double()
    flat = w.view(6, -1)
    standard = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-5)
    wanted = torch.nn.functional.conv2d(x.double(), standard.view_as(w), groups=2)
    assert (conv(x) - wanted).abs().max() < SINGLE * wanted.abs().max()


def test_unknown_options() -> None:
    backbone = backbones.blank("resnet8")
    with pytest.raises(InputError, match="norm 'group' is unknown; choose one of batch, none"):
        RepNet(backbone, norm="group")
    with pytest.raises(InputError, match="resize 'cubic' is unknown"):
        RepNet(backbone, resize="cubic")
    with pytest.raises(InputError, match="method 'half' is unknown"):
        Tuned(backbone, "half")
    with pytest.raises(
        InputError, match="Rep-Net of mobilenet_v2 can't take images of 32 pixels: its modules need 64"
    ):
        empty("mobilenet_v2").check_size(32)
    backbone.facts = backbone.facts._replace(name="mine")
    with pytest.raises(InputError, match="no connectors are known for mine"):
        RepNet(backbone)


def test_tasks_start_differently_and_by_seed() -> None:
    backbone = backbones.build("resnet8")
    first = [
        RepNet(backbone, seed=s, task=t).reprogram[0].conv1.weight
        for s, t in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[3])
    assert not torch.equal(head(8, 3, task=0).weight, head(8, 3, task=1).weight)


FAST = RepNetSettings(epochs=1, batch=4)


def learner(kind: str, settings: RepNetSettings = FAST, seed: int = 5, **options: Any) -> RepNetFloat:
    backbone = backbones.build("resnet8", seed=1)
    network = Tuned(backbone, kind) if kind in METHODS else RepNet(backbone, norm=kind, **options)
    return RepNetFloat(network, head(network.width, 3), settings, seed=seed)


def values(module: Any) -> dict[str, Any]:
    return {key: tensor.detach().clone() for key, tensor in module.state_dict().items()}


@pytest.mark.parametrize("kind", [*NORMS, *METHODS])
def test_only_what_should_learn_changes(kind: str) -> None:
    one = learner(kind)
    x, y = images(8), np.arange(8) % 3
    before = values(one.network)
    one.learn(x, y)
    one.learn(x, y)
    changed = {key for key, value in values(one.network).items() if not torch.equal(value, before[key])}
    frozen = {key for key in before if key.startswith("backbone.")}
    if kind in NORMS:
        assert not changed & frozen
        learns = {f"reprogram.{number}.conv{n}.weight" for number in range(3) for n in (1, 2)}
        assert learns <= changed
    elif kind == "last":
        assert not changed
    elif kind == "bias":
        blocks = {key for key in before if key.startswith("backbone.blocks.")}
        assert changed == {key for key in blocks if key.endswith(".bias")}
    else:
        untouched = {key for key in frozen if key.startswith("backbone.classifier")}
        assert changed == before.keys() - untouched
    assert not torch.equal(one.head.weight, head(one.network.width, 3).weight)


def test_baselines_share_or_copy() -> None:
    backbone = backbones.build("resnet8")
    assert Tuned(backbone, "last").backbone is backbone
    assert list(Tuned(backbone, "last").trained()) == []
    full = Tuned(backbone, "full")
    assert full.backbone is not backbone
    assert sum(p.numel() for p in full.trained()) == 298_026 - 128 * 10 - 10
    assert sum(p.numel() for p in Tuned(backbone, "bias").trained()) == 32 + 2 * (32 + 64 + 128)
    assert not any(p.requires_grad for p in backbone.parameters())


def test_loss_and_first_step_are_as_defined() -> None:
    """Label smoothing, and SGD's first step: minus rate times gradient, for the head in float64."""
    settings = RepNetSettings(optimiser="sgd", rate_head=0.1, smoothing=0.3, steps=0)
    one = learner("none", settings)
    x, y = images(4), np.array([0, 1, 2, 1])
    with torch.no_grad():
        features = one.network(torch.from_numpy(x)).double().numpy()
    weight, bias = one.head.weight.detach().double().numpy(), one.head.bias.detach().double().numpy()
    o = features @ weight.T + bias
    share = np.exp(o) / np.exp(o).sum(1, keepdims=True)
    target = 0.7 * np.eye(3)[y] + 0.1
    assert one.step(x, y) == pytest.approx(-(target * np.log(share)).sum(1).mean(), rel=SINGLE)
    wanted = weight - 0.1 * (share - target).T @ features / 4
    assert np.abs(one.head.weight.detach().numpy() - wanted).max() < SINGLE * np.abs(weight).max()


def test_rates_follow_a_cosine() -> None:
    one = learner("last", RepNetSettings(epochs=2, batch=4, rate_head=1.0))
    rates = []
    step = one._optimiser.step
    one._optimiser.step = lambda: (rates.append(one._optimiser.param_groups[0]["lr"]), step())
    one.learn(images(8), np.zeros(8, np.int64))
    assert one.settings.steps == 4
    assert rates == pytest.approx([1.0, 0.5 + 0.5 * 0.5**0.5, 0.5, 0.5 - 0.5 * 0.5**0.5])


@pytest.mark.parametrize("kind", ["none", "batch", "last"])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_seed_decides_and_resume_is_exact(kind: str, optimiser: str) -> None:
    settings = FAST._replace(optimiser=optimiser, steps=6)
    x, y = images(8), np.arange(8) % 3
    whole, same, other = learner(kind, settings), learner(kind, settings), learner(kind, settings)
    for one in (whole, same):
        one.learn(x, y)
    middle = whole.tensors()
    whole.learn(x, y)
    same.learn(x, y)
    other.learn(x[::-1], y)  # something else, to be forgotten
    other.load(middle)
    other.learn(x, y)
    assert np.array_equal(whole.outputs(x), same.outputs(x))
    assert all(torch.equal(value, other.tensors()[key]) for key, value in whole.tensors().items())


def test_images_that_cannot_be_learned() -> None:
    one = learner("last")
    with pytest.raises(InputError, match=r"images of shape \(2, 32, 32\) can't be learned"):
        one.predict(np.zeros((2, 32, 32), np.float32))
    with pytest.raises(InputError, match="resnet8 can't take images of 30 x 30 pixels"):
        one.predict(np.zeros((2, 3, 30, 30), np.float32))


def test_unknown_optimiser() -> None:
    with pytest.raises(InputError, match="optimiser 'lamb' is unknown; choose one of adam, sgd"):
        learner("last", RepNetSettings(optimiser="lamb"))


@pytest.mark.parametrize("norm", NORMS)
def test_learns_what_the_head_alone_cannot(norm: str) -> None:
    """24 images of noise by heart: modules reach them, the last layer alone doesn't."""
    x, y = images(24), np.random.default_rng(1).integers(0, 3, 24)
    settings = RepNetSettings(epochs=30, batch=8, rate_head=1e-3, rate_modules=3e-3, flip=False)
    backbone = backbones.shipped()
    found = []
    for network in (RepNet(backbone, norm=norm), Tuned(backbone, "last")):
        one = RepNetFloat(network, head(network.width, 3), settings, seed=5)
        one.learn(x, y)
        found.append(float((one.predict(x) == y).mean()))
    assert found[0] > 0.9
    assert found[1] < found[0] - 0.2
