"""Which integer layers stand for a PyTorch module without weights, a function or a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.learning.integer.layers import (
    Add,
    Average,
    Flat,
    Maximum,
    Operation,
    Padded,
    Part,
    Relu,
    Resize,
)
from cimlearn.learning.integer.limits import limits_from_float
from cimlearn.learning.integer.pool import Window
from cimlearn.learning.integer.tensor import torch
from cimlearn.networks.equalise import Limited

nn = torch.nn

SUPPORTED: Final = (
    "supported: Conv2d (dilation 1, zero padding), BatchNorm2d, Linear, ReLU, ReLU6, AvgPool2d, AdaptiveAvgPool2d(1), "
    "MaxPool2d, ZeroPad2d, Upsample, Flatten, Identity, Dropout, x + y, slices, pad, mean over the map"
)
OPTIONS: Final = ("ceil_mode", "dilation", "divisor_override", "return_indices", "count_include_pad")
USUAL: Final = dict(zip(OPTIONS, (False, 1, None, False, True), strict=True))


def plain(name: str, module: Any) -> list[Operation]:
    """The layers that stand for `module` called `name`, which has no weights; none where it does nothing."""
    make = MODULES.get(type(module))
    if make is None:
        raise InputError(f"{name} ({type(module).__name__}) is not supported; {SUPPORTED}")
    return make(name, module)


def called(function: str, name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> list[Operation]:
    """The layers that stand for a call of `function` with these arguments after the first."""
    make = FUNCTIONS.get(function)
    if make is None:
        raise InputError(f"{name} (function {function}) is not supported; {SUPPORTED}")
    options = {key: value for key, value in options.items() if key != "inplace"}
    try:
        return make(name, *args, **options)
    except TypeError:
        raise InputError(f"{name} (function {function}) has unusual arguments; {SUPPORTED}") from None


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _window(name: str, kernel: Any, stride: Any, padding: Any, more: Mapping[str, Any]) -> Window:
    """The window of a pooling whose further options are the usual ones."""
    inside = _pair(padding) == (0, 0)
    for key, value in more.items():
        if value not in (USUAL[key], (USUAL[key],) * 2) and not (key == "count_include_pad" and inside):
            raise InputError(f"{name} with {key}={value} is not supported; use {key}={USUAL[key]}")
    return Window(_pair(kernel), _pair(kernel if stride in (None, []) else stride), _pair(padding))


def _average(name: str, kernel: Any, stride: Any = None, padding: Any = 0, **more: Any) -> list[Operation]:
    return [Average(name, _window(name, kernel, stride, padding, more))]


def _maximum(name: str, kernel: Any, stride: Any = None, padding: Any = 0, **more: Any) -> list[Operation]:
    return [Maximum(name, _window(name, kernel, stride, padding, more))]


def _whole(name: str, size: Any) -> list[Operation]:
    """Adaptive average pooling to one pixel."""
    if _pair(size) != (1, 1):
        raise InputError(f"{name} pools to {size}; only to 1, use AvgPool2d for other sizes")
    return [Average(name, None)]


def _options(m: Any) -> dict[str, Any]:
    return {key: getattr(m, key) for key in OPTIONS if hasattr(m, key)}


def _resize(
    name: str, size: Any = None, factor: Any = None, mode: str = "nearest", corners: Any = None, **more: Any
) -> list[Operation]:
    """Upsample and interpolate."""
    factor = more.pop("scale_factor", factor)
    corners = more.pop("align_corners", corners)
    if mode not in ("nearest", "bilinear") or corners or any(more.values()):
        raise InputError(
            f"{name} (mode {mode}) is not supported; use nearest, or bilinear, align_corners=False"
        )
    if factor is not None:
        factor = tuple(float(f) for f in (factor if isinstance(factor, tuple) else (factor, factor)))
    return [Resize(name, _pair(size) if size is not None else None, mode, factor)]


def _part(name: str, index: Any) -> list[Operation]:
    """x[...] with slices that go up."""
    index = index if isinstance(index, tuple) else (index,)
    for one in index:
        if one is not Ellipsis and not isinstance(one, slice):
            raise InputError(f"{name} (an index that is no slice) is not supported; {SUPPORTED}")
    return [Part(name, index)]


def _pad(name: str, pads: Any, mode: str = "constant", value: Any = None) -> list[Operation]:
    if mode != "constant" or value:
        raise InputError(f"{name} (pad with mode {mode}, value {value}) is not supported; pad with zeros")
    return [Padded(name, tuple(pads))]


def _flat(name: str, start_dim: int = 0, end_dim: int = -1) -> list[Operation]:
    if (start_dim, end_dim) != (1, -1):
        raise InputError(f"{name} flattens axes {start_dim} to {end_dim}; only from axis 1 to the last")
    return [Flat(name)]


def _view(name: str, *shape: Any) -> list[Operation]:
    """x.view(n, -1)."""
    shape = shape[0] if len(shape) == 1 else shape
    if len(shape) != 2 or shape[1] != -1:
        raise InputError(f"{name} (view to {shape}) is not supported; use flatten(1)")
    return [Flat(name)]


def _mean(name: str, axes: Any, keepdim: bool = False, *, dim: Any = None) -> list[Operation]:
    """x.mean((2, 3))."""
    axes = axes if dim is None else dim
    if tuple(axes) not in ((2, 3), (-2, -1), (-1, -2)):
        raise InputError(f"{name} is a mean over axes {axes}; only over the map, (2, 3)")
    whole: list[Operation] = [Average(name, None)]
    return whole if keepdim else [*whole, Flat(name)]


def _activation(name: str, min_val: float = -1, max_val: float = 1) -> list[Operation]:
    """hardtanh between 0 and a whole number; ReLU6 is one."""
    if min_val != 0 or max_val != int(max_val):
        raise InputError(f"{name} (between {min_val} and {max_val}) is not supported; use ReLU or ReLU6")
    return [Relu(name, int(max_val))]


def _same(name: str, *_: Any, **__: Any) -> list[Operation]:
    return []


MODULES: Final[dict[type, Callable[[str, Any], list[Operation]]]] = {
    nn.ReLU: lambda name, m: [Relu(name)],
    nn.ReLU6: lambda name, m: [Relu(name, 6)],
    Limited: lambda name, m: [Relu(name, limits_from_float(m.limit))],
    nn.Hardtanh: lambda name, m: _activation(name, m.min_val, m.max_val),
    nn.AvgPool2d: lambda name, m: _average(name, m.kernel_size, m.stride, m.padding, **_options(m)),
    nn.MaxPool2d: lambda name, m: _maximum(name, m.kernel_size, m.stride, m.padding, **_options(m)),
    nn.AdaptiveAvgPool2d: lambda name, m: _whole(name, m.output_size),
    nn.Upsample: lambda name, m: _resize(name, m.size, m.scale_factor, m.mode, m.align_corners),
    nn.Flatten: lambda name, m: _flat(name, m.start_dim, m.end_dim),
    nn.ZeroPad2d: lambda name, m: _pad(name, m.padding),
    nn.Identity: _same,
    nn.Dropout: _same,
    nn.Dropout2d: _same,
}
FUNCTIONS: Final[dict[str, Callable[..., list[Operation]]]] = {
    **{name: lambda name, *args: [Add(name)] for name in ("add", "iadd", "add_")},
    **{name: lambda name: [Relu(name)] for name in ("relu", "relu_")},
    "relu6": lambda name: [Relu(name, 6)],
    "hardtanh": _activation,
    "avg_pool2d": _average,
    "max_pool2d": _maximum,
    "boolean_dispatch": _maximum,  # what torch calls functional.max_pool2d
    "adaptive_avg_pool2d": _whole,
    "interpolate": _resize,
    "flatten": _flat,
    "view": _view,
    "reshape": _view,
    "mean": _mean,
    "getitem": _part,
    "pad": _pad,
    "dropout": _same,
    "contiguous": _same,
}
