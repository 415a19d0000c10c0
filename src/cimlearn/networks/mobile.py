"""Mobile networks made of inverted bottlenecks: MobileNetV2, ProxylessNAS-Mobile, EfficientNet-Lite0.

    out = [x +] project(depthwise(expand(x)))      expand 1 x 1, depthwise k x k, project 1 x 1 without activation

x is added where stride and channels allow. All three end in a 1 x 1 convolution to 1280 channels. Sources:
Sandler et al., CVPR 2018, arXiv 1801.04381; Cai et al., ICLR 2019, arXiv 1812.00332 (and the configuration
'proxyless_mobile' that its authors published); Tan and Le, ICML 2019, arXiv 1905.11946, in the form of
EfficientNet-Lite: no squeeze-and-excitation, ReLU6, stem and head not scaled.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from cimlearn.networks.backbone import IMAGENET_DEVIATION, IMAGENET_MEAN, Backbone, Block, Facts
from cimlearn.networks.pytorch import nn, torch

LAST = 1280  # features of all three


class Shape(NamedTuple):
    """Sizes of one inverted bottleneck."""

    into: int
    out: int
    kernel: int
    stride: int
    expansion: int


def _unit(into: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size (divided by the stride), batch norm, ReLU6."""
    conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out), nn.ReLU6()]


class InvertedResidual(nn.Module):
    """MobileNetV2's, under its public names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        into, out, kernel, stride, expansion = shape
        mid = into * expansion
        parts: list[nn.Module] = [] if expansion == 1 else [nn.Sequential(*_unit(into, mid, 1))]
        parts.append(nn.Sequential(*_unit(mid, mid, kernel, stride, mid)))
        self.conv = nn.Sequential(*parts, nn.Conv2d(mid, out, 1, bias=False), nn.BatchNorm2d(out))
        self.adds = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height / stride, width / stride)."""
        return self.conv(x) + x if self.adds else self.conv(x)


def mobilenet_v2(classes: int = 1000) -> Backbone:
    """MobileNetV2 1.0: 3,504,872 parameters with 1000 classes; images of 224 pixels."""
    facts = Facts("mobilenet_v2", 224, 32, IMAGENET_MEAN, IMAGENET_DEVIATION, "Sandler et al., CVPR 2018")
    blocks = [Block("features.0", "features.0.", nn.Sequential(*_unit(3, 32, 3, 2)), 32, 2)]
    rows = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    into, reduction = 32, 2
    for expansion, out, count, first in rows:
        for number in range(count):
            stride = first if number == 0 else 1
            reduction *= stride
            name = f"features.{len(blocks)}"
            module = InvertedResidual(Shape(into, out, 3, stride, expansion))
            blocks.append(Block(name, f"{name}.", module, out, reduction))
            into = out
    blocks.append(Block("features.18", "features.18.", nn.Sequential(*_unit(into, LAST, 1)), LAST, reduction))
    return Backbone(facts, blocks, nn.Linear(LAST, classes), "classifier.1.")


class MobileInverted(nn.Module):
    """ProxylessNAS's, under its public names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        into, out, kernel, stride, expansion = shape
        mid = into * expansion
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion > 1:
            parts["inverted_bottleneck"] = _named(_unit(into, mid, 1))
        parts["depth_conv"] = _named(_unit(mid, mid, kernel, stride, mid))
        parts["point_linear"] = _named(_unit(mid, out, 1)[:2])
        self.mobile_inverted_conv = nn.Sequential(parts)
        self.adds = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height / stride, width / stride)."""
        return self.mobile_inverted_conv(x) + x if self.adds else self.mobile_inverted_conv(x)


def _named(unit: list[nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(zip(("conv", "bn", "act"), unit, strict=False)))


# By stage: channels, stride of the first block, then kernel and expansion of each block; (0, 0) is a skipped one.
_PROXYLESS = (
    (16, 1, ((3, 1),)),
    (32, 2, ((5, 3), (3, 3), (0, 0), (0, 0))),
    (40, 2, ((7, 3), (3, 3), (5, 3), (5, 3))),
    (80, 2, ((7, 6), (5, 3), (5, 3), (5, 3))),
    (96, 1, ((5, 6), (5, 3), (5, 3), (5, 3))),
    (192, 2, ((7, 6), (7, 6), (7, 3), (7, 3))),
    (320, 1, ((7, 6),)),
)


def proxyless_mobile(classes: int = 1000) -> Backbone:
    """ProxylessNAS-Mobile: 4,080,512 parameters with 1000 classes; images of 224 pixels.

    The search left out blocks 3 and 4: they pass their input on, and keep their numbers.
    """
    facts = Facts("proxyless_mobile", 224, 32, IMAGENET_MEAN, IMAGENET_DEVIATION, "Cai et al., ICLR 2019")
    blocks = [Block("first_conv", "first_conv.", _named(_unit(3, 32, 3, 2)), 32, 2)]
    into, reduction = 32, 2
    for out, first, kinds in _PROXYLESS:
        for number, (kernel, expansion) in enumerate(kinds):
            stride = first if number == 0 else 1
            reduction *= stride
            name = f"blocks.{len(blocks) - 1}"
            module: nn.Module = nn.Identity()
            if kernel:
                module = MobileInverted(Shape(into, out, kernel, stride, expansion))
            blocks.append(Block(name, f"{name}.", module, out, reduction))
            into = out
    mix = _named(_unit(into, LAST, 1))
    blocks.append(Block("feature_mix_layer", "feature_mix_layer.", mix, LAST, reduction))
    for block in blocks:
        _set_norms(block.module, epsilon=1e-3, momentum=0.1)
    return Backbone(facts, blocks, nn.Linear(LAST, classes), "classifier.linear.")


def _set_norms(module: nn.Module, *, epsilon: float, momentum: float) -> None:
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps, norm.momentum = epsilon, momentum


def _padding(kernel: int, stride: int) -> nn.Module:
    """TensorFlow's 'same' for even sides: with stride 2 one more pixel is added behind than before."""
    total = kernel - stride
    before = total // 2
    return nn.ZeroPad2d((before, total - before, before, total - before))


class MBConv(nn.Module):
    """EfficientNet-Lite's, under the names of the package efficientnet-lite-pytorch."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        into, out, kernel, stride, expansion = shape
        mid = into * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and into == out
        if self.expands:
            self._expand_conv = nn.Conv2d(into, mid, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(mid)
        even = stride == 1
        self.pad = nn.Identity() if even else _padding(kernel, stride)
        self._depthwise_conv = nn.Conv2d(
            mid, mid, kernel, stride, kernel // 2 if even else 0, groups=mid, bias=False
        )
        self._bn1 = nn.BatchNorm2d(mid)
        self._project_conv = nn.Conv2d(mid, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out)
        self.act0, self.act1 = nn.ReLU6(), nn.ReLU6()  # two, as each may get limits of its own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height / stride, width / stride)."""
        inner = self.act0(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = self.act1(self._bn1(self._depthwise_conv(self.pad(inner))))
        inner = self._bn2(self._project_conv(inner))
        return inner + x if self.adds else inner


def efficientnet_lite0(classes: int = 1000) -> Backbone:
    """EfficientNet-Lite0: 4,652,008 parameters with 1000 classes; images of 224 pixels, (pixel - 127) / 128."""
    grey, spread = (127 / 255,) * 3, (128 / 255,) * 3
    facts = Facts(
        "efficientnet_lite0", 224, 32, grey, spread, "Tan and Le, ICML 2019; EfficientNet-Lite, 2020"
    )
    conv = nn.Conv2d(3, 32, 3, 2, 0, bias=False)
    stem = OrderedDict(pad=_padding(3, 2), _conv_stem=conv, _bn0=nn.BatchNorm2d(32), act=nn.ReLU6())
    blocks, into, reduction = [Block("stem", "", nn.Sequential(stem), 32, 2)], 32, 2
    rows = (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )
    for kernel, first, expansion, out, count in rows:
        for number in range(count):
            stride = first if number == 0 else 1
            reduction *= stride
            name = f"blocks.{len(blocks) - 1}"
            module = MBConv(Shape(into, out, kernel, stride, expansion))
            blocks.append(Block(name, f"_{name}.", module, out, reduction))
            into = out
    head = OrderedDict(
        _conv_head=nn.Conv2d(into, LAST, 1, bias=False), _bn1=nn.BatchNorm2d(LAST), act=nn.ReLU6()
    )
    blocks.append(Block("head", "", nn.Sequential(head), LAST, reduction))
    for block in blocks:
        _set_norms(block.module, epsilon=1e-3, momentum=0.01)
    return Backbone(facts, blocks, nn.Linear(LAST, classes), "_fc.")
