"""Layers from sizes alone against the networks themselves: the table, and every matrix product of a task."""

from __future__ import annotations

import pytest

from cimlearn.errors import InputError
from cimlearn.networks.layers import layers, scaled
from cimlearn.networks.sizes import sizes

SMALL = {
    "resnet8": 32,
    "resnet20": 32,
    "mobilenet_v2": 64,
    "proxyless_mobile": 64,
    "efficientnet_lite0": 64,
    "resnet50": 64,
}
# Products of the modules at the published size, as the reference gives them (networks/connectors.py).
PUBLISHED = {
    "mobilenet_v2": (380_072, 20.48e6),
    "proxyless_mobile": (415_464, 25.54e6),
    "resnet50": (8_698_720, 528.1e6),
}


def test_the_table_has_every_backbone() -> None:
    pytest.importorskip("torch")
    from cimlearn.networks.backbones import names

    assert set(names()) == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_the_table_is_that_of_the_networks(name: str) -> None:
    """If this fails, run scripts/backbone_sizes.py."""
    pytest.importorskip("torch")
    from cimlearn.networks.backbones import blank
    from cimlearn.networks.counting import measured

    assert measured(blank(name)) == sizes(name)


@pytest.mark.parametrize(
    ("name", "train"),
    [
        *(("resnet8", train) for train in ("last", "bias", "full")),
        ("efficientnet_lite0", "full"),
        *((name, "repnet") for name in SMALL if name != "resnet50"),
    ],
)
def test_layers_are_those_of_the_integer_network(name: str, train: str) -> None:
    """Names, sizes, what learns and where errors go, in the order of the pass; at a size that is quick to run.

    ResNet-50 takes long to quantise, and its layers are in the table like all others'.
    """
    torch = pytest.importorskip("torch")
    from cimlearn.learning.integer.repnet import IntRepNet, frozen
    from cimlearn.networks.backbones import build
    from cimlearn.networks.repnet import RepNet, head

    side = SMALL[name]
    backbone = build(name)
    for norm in backbone.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.bias.data.fill_(0.5)  # trained ones are never all 0, and a bias of zeros is none
    net = RepNet(backbone, norm="none", resize="nearest", connectors=None if train == "repnet" else ())
    tuned = train if train in ("bias", "full") else "no"
    real = IntRepNet(frozen(backbone), net, head(net.width, 7), side, tuned=tuned)
    wanted = tuple(real.layers(5, side, learning=True))
    assert scaled(layers(name, side, 7, train), 5) == wanted
    forward = [layer._replace(error=False) for layer in real.layers(5, side, learning=False)]
    assert [layer._replace(error=False) for layer in wanted] == forward


@pytest.mark.parametrize("name", PUBLISHED)
def test_modules_have_the_published_products(name: str) -> None:
    modules = [one for one in layers(name, 224, 1000) if one.name.startswith("module")]
    _, products = PUBLISHED[name]
    assert sum(one.forward.products for one in modules) == pytest.approx(products, rel=2e-3)


def test_mobilenet_by_hand() -> None:
    """Its published 300 M products at 224 pixels, the classifier's 1.28 M of them; 52 convolutions."""
    frozen = [one for one in layers("mobilenet_v2", 224, 1000, "last") if not one.trained]
    assert len(frozen) == 52
    assert sum(one.forward.products for one in frozen) == pytest.approx(300e6 - 1.28e6, rel=5e-3)


def test_wrong_images() -> None:
    with pytest.raises(InputError, match="unknown backbone 'resnet9'; did you mean 'resnet"):
        layers("resnet9", 32, 2)
    with pytest.raises(
        InputError, match="resnet8 can't take images of 33 x 33 pixels; allowed are square ones"
    ):
        layers("resnet8", 33, 2)
    with pytest.raises(InputError, match="Rep-Net of mobilenet_v2 can't take images of 32 pixels"):
        layers("mobilenet_v2", 32, 2)
    assert layers("mobilenet_v2", 32, 2, "last")
