"""Models on chips: convert, find ranges, program, let time pass, take off again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.torch import convert
from cimlearn.torch.digital import DigitalWork
from cimlearn.torch.hardware import Hardware, crossbar
from cimlearn.torch.insitu import InSituArray
from cimlearn.torch.insitu_bits import InSituBits
from cimlearn.torch.library import nn, torch
from cimlearn.torch.names import Names
from cimlearn.torch.ranges import Recorder

Tensor = torch.Tensor
Sample = Any  # a tensor, a tuple of positional arguments, or a dict of keyword arguments
ATTRIBUTE: Final = "_cimlearn"
IN_SITU: Final = "in-situ"


@dataclass(frozen=True)
class Report:
    """What became of the layers of a model."""

    converted: Mapping[str, str]  # name -> type of what is on arrays now
    digital: Mapping[str, str]  # name -> type and reason, of other layers with weights
    unused: Sequence[str]  # arrays that the sample never drove
    unknown: Mapping[str, int] = field(
        default_factory=dict
    )  # operations without a price -> calls in the sample
    on_arrays: float = 1.0  # share of the sample's multiply-adds that arrays do

    @property
    def is_lower_bound(self) -> bool:
        """Whether something was computed that has no price, so every total is a lower bound."""
        return bool(self.unknown)


@dataclass
class Conversion:
    """What a converted model carries beside its layers."""

    hardware: Hardware
    seed: int
    batch_dim: int
    report: Report
    hook: int = -1  # that counts examples
    counting: bool = True
    examples: int = 0  # classified since the last reset
    sampled: int = 1  # examples of the sample
    learners: list[InSituArray | InSituBits] = field(default_factory=list)  # arrays that learn in situ
    work: dict[str, int] = field(
        default_factory=dict
    )  # digital operations on the whole sample, outside of arrays


def to_chip(
    model: nn.Module,
    sample: Sample,
    hardware: Hardware | None = None,
    *,
    seed: int = 0,
    keep: Sequence[str] = (),
    frozen: Sequence[str] = (),
    place: Mapping[str, Hardware] | None = None,
    strict: bool = False,
    batch_dim: int = 0,
    learn: str | None = None,
) -> nn.Module:
    """A copy of `model` whose Linear, Conv and recurrent layers are on arrays, programmed and ready for inference.

    The copy is in the mode that `model` is in: call `eval()` before inference. In `train()` mode it learns through its
    arrays (hardware-aware training); call `program` after that. Parameters keep their names: `load_state_dict` takes a
    plain model's state, and the copy's own with its cells.

    Parameters
    ----------
    model
        any module with float32 or float64 weights, on any device; it is left as it is
    sample
        inputs as the model will see them: a tensor, a tuple of arguments or a dict of keyword arguments. Ranges of
        inputs and sums, and the digital work of an example, are taken from it
    hardware
        `crossbar(...)`, `bit_serial(...)` or `ideal()`; None: `crossbar()`
    seed
        of fabrication, programming and noise: the number of the chip
    keep
        names of layers that stay digital
    frozen
        names of layers, or of modules that hold them, that don't learn: their parameters need no gradient, and in situ
        their cells are read and never written
    place
        name of a layer, or of a module that holds some -> what it is on instead: another device, cell, write scheme,
        tile. Circuits, clocks, prices and the endurance law are the same for the whole model
    strict
        raise an error if a layer with a weight matrix stays digital, or is never driven by the sample
    batch_dim
        dimension of the first input that counts examples
    learn
        None: the weights learn in software, through the arrays, and are programmed afterwards. 'in-situ': the cells are
        the weights, and `InSituSGD` writes to them (on bit-serial arrays `IntegerSGD`)

    Raises
    ------
    InputError
        If nothing can be converted, a name is no layer's, weights or sample are not finite, a lazy layer has no size
        yet, or see `strict`.
    """
    hardware = hardware or crossbar()
    if learn not in (None, IN_SITU):
        raise InputError(f"learn = {learn!r}; give None or '{IN_SITU}'")
    names = Names(keep, frozen, place or {})
    chip, converted, stays = convert.replaced(model, hardware, names, seed=seed, learns=learn == IN_SITU)
    carried = Conversion(hardware, seed, batch_dim, Report(converted, stays, ()))
    carried.learners = [a for a, _ in convert.arrays(chip) if isinstance(a, InSituArray | InSituBits)]
    setattr(chip, ATTRIBUTE, carried)
    carried.hook = chip.register_forward_pre_hook(_count, with_kwargs=True).id
    calibrate(chip, sample)
    if strict:
        _check_all(model, carried.report, keep)
    program(chip)
    return chip


def from_chip(model: nn.Module, *, stored: bool = True) -> nn.Module:
    """A plain copy: with the weights that programmed arrays hold now, or (`stored=False`) those that were wanted."""
    carried = conversion(model)
    plain = convert.restored(model, stored=stored)
    plain.__dict__.pop(ATTRIBUTE, None)
    plain._forward_pre_hooks.pop(carried.hook, None)
    plain._forward_pre_hooks_with_kwargs.pop(carried.hook, None)
    return plain


def calibrate(model: nn.Module, sample: Sample) -> None:
    """Find the ranges again, for weights that have changed; the arrays are no longer programmed.

    Raises
    ------
    InputError
        If the sample does not drive a single array, or gives values that are not finite.
    """
    carried, p = conversion(model), conversion(model).hardware.parameters
    held = [array for array, _ in convert.arrays(model)]
    modes = {module: module.training for module in model.modules()}
    args, kwargs = (), {}
    if isinstance(sample, dict):
        kwargs = sample
    else:
        args = tuple(sample) if type(sample) in (tuple, list) else (sample,)  # a packed sequence is one
    grown = _grown(model, args, kwargs) if carried.learners else set()
    work = DigitalWork()
    hooks = []
    for array in held:
        array.recorder = Recorder(array.name, p["range.input"], p["range.sum"])
    for layer in convert.workers(model):
        hooks += [layer.register_forward_pre_hook(work.enter), layer.register_forward_hook(work.leave)]
    carried.counting = False
    try:
        model.eval()
        with torch.no_grad(), work:
            model(*args, **kwargs)
        recorders = [array.recorder for array in held]
    finally:
        carried.counting = True
        for hook in hooks:
            hook.remove()
        for array in held:
            array.recorder = None
        for module, training in modes.items():
            module.training = training
    for array, one in zip(held, recorders, strict=True):
        if isinstance(array, InSituArray | InSituBits) and one is not None:
            array.grows = array.name in grown
    unused = [one.name for one in recorders if one is not None and not one.calls]
    if len(unused) == len(held):
        raise InputError("the sample drives none of the arrays; give the model's own inputs")
    for array, one in zip(held, recorders, strict=True):
        array.programmed = False
        if one is not None:
            array.settle(*one.ranges)
    carried.sampled = _examples(args, kwargs, carried.batch_dim)
    carried.work = dict(work.counts)
    products = sum(
        one.vectors * array.layout.outputs * array.fan_in
        for array, one in zip(held, recorders, strict=True)
        if one is not None
    )
    carried.report = dataclasses.replace(
        carried.report,
        unused=tuple(unused),
        unknown=dict(work.unknown),
        on_arrays=products / max(1, products + work.counts["multiply_add"]),
    )


def _grown(model: nn.Module, args: Any, kwargs: Any) -> set[str]:
    """Names of the arrays whose inputs depend on weights that learn: their range has to have room."""
    carried, held = conversion(model), [array for array, _ in convert.arrays(model)]
    modes = {module: module.training for module in model.modules()}
    carried.counting = False
    try:
        for array in held:
            array.recorder = Recorder(array.name, 1.0, 1.0)
        model.eval()
        with torch.enable_grad():
            model(*args, **kwargs)
        return {array.name for array in held if array.recorder is not None and array.recorder.derived}
    finally:
        carried.counting = True
        for array in held:
            array.recorder = None
        for module, training in modes.items():
            module.training = training


def program(model: nn.Module, *, seed: int | None = None) -> None:
    """Write the weights as they are now into the cells of chip number `seed` (None: the one given to `to_chip`).

    Each seed is another chip: its own cells, periphery, programming errors and noise. The same seed gives the same.
    """
    carried = conversion(model)
    if seed is not None:
        carried.seed = seed
    for array, weight in convert.arrays(model):
        if not torch.isfinite(weight).all():
            raise InputError(f"{array.name} has values that are not finite; it can't be programmed")
        array.program(weight.detach(), carried.seed)


def drift(model: nn.Module, seconds: float) -> None:
    """Let `seconds` have passed since programming: conductances drift, stored bits may be lost.

    Times are counted from programming, not from the last call; before `drift.start` nothing has drifted.

    Raises
    ------
    InputError
        For a negative time, or arrays that are not programmed.
    """
    if not 0 <= seconds < float("inf"):
        raise InputError(f"drift over {seconds} s; give a time of 0 s or more")
    conversion(model)
    for array, _ in convert.arrays(model):
        if not array.programmed:
            raise InputError(f"{array.name} is not programmed, so nothing drifts; call program(model) first")
        array.drift(seconds)


def reset(model: nn.Module) -> None:
    """Forget what was counted; the programming stays counted."""
    conversion(model).examples = 0
    for array, _ in convert.arrays(model):
        array.tally.clear()


def report(model: nn.Module) -> Report:
    """Which layers are on arrays, and which are not and why."""
    return conversion(model).report


def conversion(model: nn.Module) -> Conversion:
    """What `to_chip` left on a model. Raises InputError for a model that it didn't make."""
    carried = getattr(model, ATTRIBUTE, None)
    if not isinstance(carried, Conversion):
        raise InputError("the model is not on arrays; give what to_chip(model, sample) returned")
    return carried


def _count(model: nn.Module, args: Any, kwargs: Any) -> None:
    """Count the examples of one call."""
    carried = conversion(model)
    if not carried.counting:
        return
    examples = _examples(args, kwargs, carried.batch_dim)
    if not model.training:
        carried.examples += examples
    elif torch.is_grad_enabled():
        for array in carried.learners:
            array.examples += examples


def _examples(args: Any, kwargs: Any, batch_dim: int) -> int:
    """Examples in the first tensor of a call."""
    for value in [*args, *kwargs.values()]:
        if isinstance(value, Tensor):
            return int(value.shape[batch_dim]) if value.dim() > batch_dim else 1
    return 1


def _check_all(model: nn.Module, found: Report, keep: Sequence[str]) -> None:
    """Raise InputError for a weight matrix that stays digital though nobody asked for it."""
    for name, why in found.digital.items():
        module = model.get_submodule("" if name == "(the model)" else name)
        if name not in keep and any(w.dim() > 1 for w in module.parameters(recurse=False)):
            raise InputError(f"strict: {name} stays digital ({why}); name it in keep, or use strict=False")
    if found.unused:
        raise InputError(f"strict: the sample never drives {found.unused[0]}; give a sample that does")
