"""Weights of backbones: loaded by their public names, folded, and packed as INT8 numbers with exponents.

    w ~ m 2^e   with whole numbers |m| <= 127 and the smallest e for which they fit, one e per tensor

Source of the number form: NITI, arXiv 2009.13108. Files are safetensors; PyTorch's own (.pt, .pth) are pickles, which
can run code, and are not read.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cimlearn.errors import InputError
from cimlearn.networks.backbone import Backbone
from cimlearn.networks.pytorch import nn, torch
from cimlearn.places import expanded
from cimlearn.untrusted.tensors import open_tensors

LARGEST = 127  # mantissa of a weight
BIAS_BITS = 16  # a folded bias is a whole number of 2^-16 (assumed; int32, so up to +-32768)
SHOWN = 4  # names in an error message
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")


def load_weights(backbone: Backbone, path: str | Path) -> None:
    """Fill a backbone, classifier included, from a file whose tensors have the public names.

    Counters of batches that a file lacks (`num_batches_tracked`) are left alone; they change nothing.

    Raises
    ------
    InputError
        If the file can't be read, or names or shapes aren't the backbone's: it says which, and how many.
    """
    found, own = read_tensors(path), backbone.public_state()
    where, name = f"weight file '{path}'", backbone.facts.name
    missing = [key for key in own if key not in found and not key.endswith("num_batches_tracked")]
    if missing:
        raise InputError(f"{where} lacks {_listed(missing)} of {name}; give one made for {name}")
    unknown = sorted(
        (key for key in found if key not in own), key=lambda key: key.endswith("num_batches_tracked")
    )
    if unknown:
        raise InputError(f"{where} has {_listed(unknown)} that {name} hasn't; give one made for {name}")
    wrong = [
        f"{key} {tuple(value.shape)} instead of {tuple(own[key].shape)}"
        for key, value in found.items()
        if value.shape != own[key].shape
    ]
    if wrong:
        raise InputError(f"{where} has {_listed(wrong)} for {name}; give one made for {name}")
    unusable = [key for key, value in found.items() if not _usable(key, value, own[key])]
    if unusable:
        raise InputError(
            f"{where} has {_listed(unusable)} unfit as weights (whole numbers, NaN, infinite, or variances below "
            "0); export it again, as floating-point numbers"
        )
    with torch.no_grad():
        for key, value in found.items():
            own[key].copy_(value)


def _usable(key: str, given: torch.Tensor, own: torch.Tensor) -> bool:
    """Whether a tensor can take the place of `own`: floating point where that is, finite, variances not below 0."""
    if not own.is_floating_point():
        return True
    finite = given.is_floating_point() and bool(torch.isfinite(given).all())
    return finite and not (key.endswith("running_var") and bool((given < 0).any()))


def read_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file; InputError if it can't be read as such."""
    file = expanded(path)
    if file.suffix in PICKLES:
        raise InputError(
            f"weight file '{file}' is a pickle, which can run code; convert it where you trust it: "
            f"safetensors.torch.save_file(torch.load('{file.name}', weights_only=True), '{file.stem}.safetensors')"
        )
    if file.suffix != ".safetensors":
        raise InputError(f"weight file '{file}' isn't a .safetensors file; give one that is")
    if not file.is_file():
        raise InputError(f"weight file '{file}' doesn't exist; give the path of one that does")
    try:
        return open_tensors(
            file, lambda opened: {name: opened.get_tensor(name) for name in _names(opened)}, "pt"
        )
    except InputError as error:
        raise InputError(f"weight file {error}") from None


def _names(opened: Any) -> list[str]:
    return list(opened.keys())


def _listed(names: list[str]) -> str:
    """'3 tensors: a, b, c', cut after SHOWN names."""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} tensor{'s' * (len(names) != 1)} ({', '.join(names[:SHOWN])}{more})"


def fold(backbone: Backbone) -> Backbone:
    """A copy in which each batch norm has become part of the convolution before it; it answers the same.

        w' = w gamma / sqrt(var + eps)   b' = beta + (b - mean) gamma / sqrt(var + eps)

    A convolution and the batch norm that follows it among its parent's children belong together; the batch
    norm becomes an Identity.
    """
    folded = copy.deepcopy(backbone)
    for parent in list(folded.modules()):
        before: nn.Module | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                assert isinstance(before, nn.Conv2d), f"nothing to fold {name} into"
                _fold_into(before, child)
                setattr(parent, name, nn.Identity())
            before = child
    return folded.eval()


def _fold_into(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    with torch.no_grad():
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        gain = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
        bias = norm.bias.double() - mean.double() * gain
        if conv.bias is not None:
            bias = bias + conv.bias.double() * gain
        conv.weight.copy_(conv.weight.double() * gain.view(-1, 1, 1, 1))
        conv.bias = nn.Parameter(bias.float(), requires_grad=conv.weight.requires_grad)


def exponent(tensor: torch.Tensor) -> int:
    """The smallest e with max |tensor| <= 127 * 2^e; 0 for a tensor of zeros."""
    top = float(tensor.abs().max()) if tensor.numel() else 0.0
    return math.ceil(math.log2(top / LARGEST)) if top > 0 else 0


def pack(folded: Backbone) -> dict[str, torch.Tensor]:
    """A folded backbone as whole numbers: weights int8 with '<name>.exponent' (int8), biases int32.

    A bias is a multiple of 2^-BIAS_BITS. Everything goes by the public names.
    """
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in folded.public_state().items():
        value = tensor.detach().double()
        if name.endswith(".bias"):
            packed[name] = torch.round(value * 2.0**BIAS_BITS).to(torch.int32)
            continue
        power = exponent(value)
        packed[name] = torch.round(value / 2.0**power).to(torch.int8)
        packed[f"{name}.exponent"] = torch.tensor(power, dtype=torch.int8)
    return packed


def unpack(folded: Backbone, packed: Mapping[str, torch.Tensor]) -> None:
    """Fill a folded backbone with the numbers that `pack` made; each is exact in float32."""
    with torch.no_grad():
        for name, tensor in folded.public_state().items():
            power = -BIAS_BITS if name.endswith(".bias") else int(packed[f"{name}.exponent"])
            tensor.copy_(packed[name].double() * 2.0**power)
