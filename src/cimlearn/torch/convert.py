"""Put the layers of a model on arrays, and take them off again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from cimlearn.arrays.faults import ErrorRates, error_rate
from cimlearn.devices.technology import memory_cell
from cimlearn.errors import InputError, nearest
from cimlearn.torch import attention
from cimlearn.torch.array import Array
from cimlearn.torch.attention import ChipAttention, Projection
from cimlearn.torch.bitserial import BitSerialArray
from cimlearn.torch.cell import ChipCell
from cimlearn.torch.cells import curve
from cimlearn.torch.crossbar import CrossbarArray
from cimlearn.torch.embedding import ChipEmbedding
from cimlearn.torch.embedding import reason as why_digital
from cimlearn.torch.hardware import Hardware
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.insitu_bits import InSituBits
from cimlearn.torch.layers import ChipConv, ChipLinear, Maker
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import nn, torch
from cimlearn.torch.names import Names, check_alike, largest_of
from cimlearn.torch.recurrent import ChipRecurrent

Tensor = torch.Tensor
Layer = ChipLinear | ChipConv | ChipRecurrent | ChipCell | ChipAttention | ChipEmbedding
KINDS: Final = (ChipLinear, ChipConv, ChipRecurrent, ChipCell, ChipAttention, ChipEmbedding)
LAYERS: Final[dict[type, Callable[..., Layer]]] = {
    nn.Linear: ChipLinear,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), ChipConv),
    **dict.fromkeys((nn.RNN, nn.GRU, nn.LSTM), ChipRecurrent),
    nn.MultiheadAttention: ChipAttention,
    nn.Embedding: ChipEmbedding,
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), ChipCell),
}
IN_INTEGERS: Final = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)  # that learn on bit-serial arrays
TYPES: Final = (torch.float32, torch.float64)


def layers(model: nn.Module) -> Iterator[tuple[str, Layer]]:
    """Every layer of a model that is on arrays, by name."""
    for name, module in model.named_modules():
        if isinstance(module, KINDS):
            yield name, module


def workers(model: nn.Module) -> Iterator[nn.Module]:
    """Every module whose work is an array's; the rest of an attention is digital."""
    for module in model.modules():
        if isinstance(module, (ChipLinear, ChipConv, ChipRecurrent, ChipCell, ChipEmbedding, Projection)):
            yield module


def arrays(model: nn.Module) -> Iterator[tuple[Array, Tensor]]:
    """Every array of a model with its weight as (outputs, rows)."""
    for _, layer in layers(model):
        yield from layer.held().values()


def replaced(
    model: nn.Module, hardware: Hardware, names: Names, *, seed: int, learns: bool = False
) -> tuple[nn.Module, dict[str, str], dict[str, str]]:
    """A copy of `model` on arrays; converted layers by name -> type; the others that have weights -> why they stay.

    Raises
    ------
    InputError
        For a name that is no layer, a layer without its sizes, weights that aren't finite floats, or a
        model that is on arrays already or has nothing to put on them.
    """
    keep = names.keep
    check(model, hardware, names)
    copied = copy.deepcopy(model)
    for name in names.frozen:
        copied.get_submodule(name).requires_grad_(False)
    makers = {
        name: (_maker(one, seed, learns), largest_of(one))
        for name, one in {"": hardware, **names.place}.items()
    }
    converted: dict[str, str] = {}
    stays: dict[str, str] = {}
    done: dict[nn.Module, nn.Module] = {}  # a layer may have several names

    def visit(module: nn.Module, name: str) -> nn.Module:
        if module in done:
            return done[module]
        reason = _reason(module, name, keep, hardware.kind)
        if reason is None:
            if learns and hardware.kind != "crossbar" and not isinstance(module, IN_INTEGERS):
                raise InputError(
                    f"{name or 'the model'} is a {type(module).__name__}; in INT8 Linear and Conv layers learn: "
                    f"keep it digital with keep=['{name}'], or give crossbar(...)"
                )
            done[module] = _on_arrays(module, name, *makers[names.placed(name)])
            converted[name or "(the model)"] = type(module).__name__
            return done[module]
        done[module] = module
        if list(module.parameters(recurse=False)):
            stays[name or "(the model)"] = reason
        if name in keep:
            return module
        for key, child in module._modules.items():
            if child is not None:
                module._modules[key] = visit(child, f"{name}.{key}" if name else key)
        return module

    whole = visit(copied, "")
    if not converted:
        found = ", ".join(sorted({type(m).__name__ for m in model.modules() if not list(m.children())}))
        raise InputError(
            f"nothing in the model can be on arrays ({found}); Linear, Conv, RNN, GRU, LSTM and Embedding can"
        )
    return whole, converted, stays


def _on_arrays(module: nn.Module, name: str, make: Callable[[str], Maker], largest: int) -> Layer:
    """The layer that takes the place of `module`."""
    layer = LAYERS[type(module)](module, make(name), largest)
    layer.register_forward_pre_hook(_present)
    return layer


def _present(layer: nn.Module, inputs: Any) -> None:
    """Nothing; but PyTorch's fused encoder, which takes weights and passes layers by, keeps off layers with hooks."""


def _maker(hardware: Hardware, seed: int, learns: bool) -> Callable[[str], Maker]:
    """What makes the arrays of a layer, by the layer's name."""
    p = hardware.parameters
    if hardware.kind == "crossbar":
        error = curve(p, seed)

        def analog(name: str, layout: Layout, weight: Tensor) -> Array:
            kind = InSituArray if learns else CrossbarArray
            return kind(p, layout, weight, error, name=name, seed=seed)

        return lambda layer: lambda name, *rest: analog(f"{layer}.{name}" if layer else name, *rest)
    cell = memory_cell(p)
    rates = ErrorRates(
        error_rate(p, "faults.write_error", cell.write_error),
        error_rate(p, "faults.read_error", cell.read_error),
    )

    def digital(name: str, layout: Layout, weight: Tensor) -> Array:
        if learns:
            return InSituBits(p, cell, rates, layout, weight, name=name, seed=seed)
        return BitSerialArray(cell, rates, layout, weight, name=name, seed=seed)

    return lambda layer: lambda name, *rest: digital(f"{layer}.{name}" if layer else name, *rest)


def _reason(module: nn.Module, name: str, keep: Sequence[str], kind: str) -> str | None:
    """Why a module stays digital; None if it can be on arrays."""
    if name in keep:
        return f"{type(module).__name__}: kept"
    if type(module) not in LAYERS:
        return f"{type(module).__name__}: no arrays for this type"
    if isinstance(module, nn.MultiheadAttention) and (why := attention.reason(module)) is not None:
        return f"{type(module).__name__}: {why}"
    if isinstance(module, nn.Embedding) and (why := why_digital(module, kind)) is not None:
        return f"{type(module).__name__}: {why}"
    if getattr(module, "proj_size", 0):
        return f"{type(module).__name__}: proj_size is not 0"
    if module._forward_pre_hooks or module._forward_hooks or module._backward_hooks:
        return f"{type(module).__name__}: has hooks of its own"
    return None


def check(model: nn.Module, hardware: Hardware, given: Names) -> None:
    """Raise InputError for what can't be converted at all."""
    if not isinstance(model, nn.Module):
        raise InputError(f"{type(model).__name__} is no torch.nn.Module; give a model")
    names = dict(model.named_modules())
    for argument, wanted in (("keep", given.keep), ("frozen", given.frozen), ("place", list(given.place))):
        for name in wanted:
            if name not in names:
                raise InputError(f"{argument}: the model has no layer '{name}'; {nearest(name, list(names))}")
    for name, other in given.place.items():
        check_alike(hardware, other, name)
    if any(True for _ in layers(model)):
        raise InputError("the model is on arrays already; give the plain model, or from_chip(model)")
    for name, parameter in model.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise InputError(f"{name} has no size yet (a lazy layer); run the model once on a sample first")
        if parameter.dim() > 1 and parameter.dtype not in TYPES:
            raise InputError(f"{name} is {parameter.dtype}; convert the model with .float() first")
        if not torch.isfinite(parameter).all():
            raise InputError(f"{name} has values that are not finite; train again or load other weights")


def restored(model: nn.Module, *, stored: bool) -> nn.Module:
    """A plain copy of a model on arrays; `stored`: weights as programmed arrays hold them now."""
    copied = copy.deepcopy(model)
    done: dict[nn.Module, nn.Module] = {}

    def visit(module: nn.Module) -> nn.Module:
        if module not in done:
            done[module] = module
            if isinstance(module, KINDS):
                done[module] = _taken_off(module, stored)
            else:
                for key, child in module._modules.items():
                    if child is not None:
                        module._modules[key] = visit(child)
        return done[module]

    return visit(copied)


def _taken_off(layer: Layer, stored: bool) -> nn.Module:
    """The plain layer with the parameters of `layer`, or with what its arrays hold."""
    plain = layer.plain()
    if stored:
        with torch.no_grad():
            for array, weight in layer.held().values():
                if array.programmed:
                    weight.copy_(array.weights().reshape(weight.shape))
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(plain, name, parameter)
    if isinstance(layer, ChipAttention):
        out = _taken_off(layer.out_proj, stored)
        for name, parameter in out.named_parameters():
            setattr(plain.out_proj, name, parameter)
    return plain
