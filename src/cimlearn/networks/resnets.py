"""Residual networks: ResNet-50, ResNet-20 for small images, and the small one that comes with the package.

Sources: He et al., CVPR 2016, arXiv 1512.03385 (section 4.2 for small images, shortcut option A). The stride of
a ResNet-50 block is in its 3 x 3 convolution, as in the public weights of torchvision, whose names are used.
"""

from __future__ import annotations

from collections import OrderedDict

from cimlearn.networks.backbone import (
    CIFAR_DEVIATION,
    CIFAR_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    Backbone,
    Block,
    Facts,
)
from cimlearn.networks.pytorch import functional, nn, torch


class PadShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and channels of zeros on both sides. It has no parameters."""

    def __init__(self, stride: int, extra: int) -> None:
        """`extra` channels of zeros on each side."""
        super().__init__()
        self.stride, self.extra = stride, extra

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, channels + 2 extra, height / stride, width / stride)."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.extra, self.extra))


class BasicBlock(nn.Module):
    """out = relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x)))))), 3 x 3 each."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        same = stride == 1 and into == out
        self.shortcut = nn.Identity() if same else PadShortcut(stride, (out - into) // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, out, height / stride, width / stride)."""
        inner = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1 x 1 to `mid` channels, 3 x 3 with the stride, 1 x 1 to 4 mid; the shortcut has a 1 x 1 where needed."""

    def __init__(self, into: int, mid: int, stride: int) -> None:
        super().__init__()
        out = 4 * mid
        self.conv1 = nn.Conv2d(into, mid, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3 = nn.Conv2d(mid, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or into != out:
            self.downsample = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(images, 4 mid, height / stride, width / stride)."""
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        return self.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


def resnet50(classes: int = 1000) -> Backbone:
    """ResNet-50: 25,557,032 parameters with 1000 classes; images of 224 pixels."""
    facts = Facts(
        "resnet50", 224, 32, IMAGENET_MEAN, IMAGENET_DEVIATION, "He et al., CVPR 2016, arXiv 1512.03385"
    )
    stem = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            bn1=nn.BatchNorm2d(64),
            relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(3, 2, 1),
        )
    )
    blocks, into, reduction = [Block("stem", "", stem, 64, 4)], 64, 4
    for stage, (mid, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
        for number in range(count):
            stride = 2 if number == 0 and stage > 1 else 1
            reduction *= stride
            name = f"layer{stage}.{number}"
            blocks.append(Block(name, f"{name}.", Bottleneck(into, mid, stride), 4 * mid, reduction))
            into = 4 * mid
    return Backbone(facts, blocks, nn.Linear(into, classes), "fc.")


def _small(facts: Facts, widths: tuple[int, ...], count: int, stride: int, classes: int) -> Backbone:
    """Stages of `count` basic blocks; the first convolution has the stride, and so has each later stage (2)."""
    stem = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, widths[0], 3, stride, 1, bias=False),
            bn1=nn.BatchNorm2d(widths[0]),
            relu=nn.ReLU(),
        )
    )
    blocks, into, reduction = [Block("stem", "", stem, widths[0], stride)], widths[0], stride
    for stage, width in enumerate(widths, 1):
        for number in range(count):
            step = 2 if number == 0 and stage > 1 else 1
            reduction *= step
            name = f"layer{stage}.{number}"
            blocks.append(Block(name, f"{name}.", BasicBlock(into, width, step), width, reduction))
            into = width
    return Backbone(facts, blocks, nn.Linear(into, classes), "linear.")


def resnet20(classes: int = 10) -> Backbone:
    """ResNet-20 for images of 32 pixels, option A: 269,722 parameters with 10 classes."""
    source = "He et al., CVPR 2016, arXiv 1512.03385, section 4.2"
    facts = Facts("resnet20", 32, 4, IMAGENET_MEAN, IMAGENET_DEVIATION, source)
    return _small(facts, (16, 32, 64), 3, 1, classes)


def resnet8(classes: int = 10) -> Backbone:
    """The small one: the first convolution has stride 2, then one block of 32, 64 and 128 channels each.

    298,026 parameters with 10 classes, 12 M multiplications per image of 32 pixels (assumed: ours).
    """
    facts = Facts(
        "resnet8", 32, 8, CIFAR_MEAN, CIFAR_DEVIATION, "assumed: the form of ResNet-20, one block a stage"
    )
    return _small(facts, (32, 64, 128), 1, 2, classes)
