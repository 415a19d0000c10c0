"""M2RU: a Minion Recurrent Unit on memristor crossbars that learns on the chip."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from numpy.typing import NDArray

from cimlearn.arrays import rules
from cimlearn.chips.base import Chip, Design, Kind
from cimlearn.chips.m2ru.fast import with_capacitors
from cimlearn.devices import catalog as devices
from cimlearn.errors import InputError
from cimlearn.parameters import ParameterSet, load
from cimlearn.streams.base import StreamShape

DEVICE: Final = "device.kind"
HARDWARE: Final = ("metaplastic", "recursive")  # consolidation of the chip and its float twin
SOFTWARE: Final = ("ewc", "si")  # of the Adam twin
AGEING: Final = "cell.ageing"  # names a preset of what time and temperature do to cells


# Designs: names of the chip with one circuit or the other (docs/decisions/0023-twins-and-designs.md).
M2RU: Final = "m2ru"  # the served circuit around its own cells; around others that of LOWOHMIC
LOWOHMIC: Final = "m2ru-lowohmic"  # the window of the HfO2 table: no circuit serves it as it is set
HIGHOHMIC: Final = "m2ru-highohmic"  # the window of the laboratory's other chips, served
CELL: Final = "continuous"  # that the served circuit is made around
OTHERS: Final = (
    "device.low",
    "device.high",
    "mapping.kind",
    "mapping.cells",
)  # settings that make other cells of them
SERVED: Final = "m2ru_highohmic"  # preset of what the served circuit has otherwise than m2ru.toml
SERVED_PRICES: Final = ("prices_m2ru_highohmic",)


def parameters(changes: Mapping[str, Any], circuit: str = M2RU) -> ParameterSet:
    """Every parameter with the changes applied; device, probed feedback and the served circuit bring their own.

    Raises
    ------
    InputError
        For parameters that contradict each other, and for another device in a design around its own.
    """
    name, usual = devices.chosen(changes), load("m2ru")
    if circuit == HIGHOHMIC and name != CELL:
        raise InputError(
            f"device.kind = {name} stands in no circuit of {HIGHOHMIC}, which is made around its own cells; "
            f"take {LOWOHMIC}, or leave device.kind"
        )
    if changes.get("rule.update", usual["rule.update"]) == "parallel":
        usual = usual.merged(load("m2ru_parallel"))
    own = devices.parameters(name)
    if changes.get("rule.feedback", usual["rule.feedback"]) == "probed":
        usual = usual.merged(load("m2ru_probed"))
    if changes.get("write.scheme") == "transfer":
        usual = usual.merged(load("m2ru_transfer"))
    found = own.merged(usual).merged(rules.around(name, own)).merged(own).merged(_clock())
    alone = name == CELL and not any(setting in changes for setting in OTHERS)
    alone = alone and changes.get("write.scheme", "cells") == "cells"  # the others stand in no circuit
    if circuit == HIGHOHMIC or (circuit == M2RU and alone):
        found = found.merged(load(SERVED))
    chosen = found.replace({AGEING: changes[AGEING]} if AGEING in changes else {})[AGEING]
    if chosen != "none":
        found = found.merged(load(f"ageing_{chosen}"))
    found = found.replace(changes)
    if found["write.scheme"] == "transfer":
        found = with_capacitors(found)
    probed = ("feedback",) if found["rule.feedback"] == "probed" else ()
    rules.check(found, (*rules.ARRAYS, *probed))
    _check_parallel(found)
    _check_remainder(found)
    return found


def _check_parallel(p: ParameterSet) -> None:
    """Raise InputError for what parallel writes don't go with."""
    if p["rule.update"] != "parallel":
        return
    rules.check_pulses(p)
    off = {"rule.keep_hidden": None, "rule.keep_output": None, "rule.consolidate": "none", "rule.follow": 0}
    for name, only in off.items():
        if p[name] != only:
            raise InputError(
                f"{name} = {p[name]} needs the changes themselves, and rule.update = parallel forms none; "
                f"set {name} = {'none' if only is None else only}, or rule.update = rows"
            )


def _check_remainder(p: ParameterSet) -> None:
    """Raise InputError where there is no memory of changes that could keep what is not written."""
    if p["rule.remainder"] == "forgotten":
        return
    alone = (
        p["rule.batch"] == 1 and not (p["replay.slots"] and p["replay.ratio"]) and not p["rule.keep_hidden"]
    )
    why = {
        "rule.update = parallel forms no changes": p["rule.update"] == "parallel",
        "rule.consolidate = recursive makes changes of sums": p["rule.consolidate"] == "recursive",
        "every pass is written at once, so the chip has no memory of changes": alone,
    }
    for text, wrong in why.items():
        if wrong:
            raise InputError(f"rule.remainder = kept: {text}; set rule.remainder = forgotten")


def check_consolidation(on: str, p: ParameterSet) -> None:
    """Raise InputError for a consolidation that the placement doesn't have."""
    chosen, mine = p["rule.consolidate"], SOFTWARE if on == "adam" else HARDWARE
    if chosen not in ("none", *mine):
        other = "for the Adam twin (--on adam)" if chosen in SOFTWARE else "for the chip and its float twin"
        raise InputError(
            f"rule.consolidate = {chosen} is {other}, not --on {on}; use {mine[0]}, {mine[1]} or none there"
        )


def _clock() -> ParameterSet:
    """New examples a second: the lifetime's rate, by which simulated time runs too; a chip may have no clock."""
    rate = load("prices").entry("operation.rate")
    return ParameterSet({"operation.rate": rate.model_copy(update={"optional": True, "range": (0.0, 1e9)})})


def build(on: str, *, parameters: ParameterSet, shape: StreamShape, seed: int) -> Chip:
    """The chip, its float twin, or the twin that Adam trains."""
    check_consolidation(on, parameters)
    if on == "adam":
        from cimlearn.chips.m2ru.adam import AdamTwin

        return AdamTwin(parameters, shape, seed=seed)
    from cimlearn.chips.m2ru.chip import M2RU

    return M2RU(parameters, shape, seed=seed, on=on)


def design(p: ParameterSet, shape: StreamShape, *, learned: int, predicted: int) -> Design:
    """What it is expected to do, without a run."""
    check_consolidation("chip", p)
    from cimlearn.chips.m2ru import expected
    from cimlearn.chips.m2ru.sizes import check_answer

    if shape.numbers and not p.entry("rule.answer").changed:
        p = p.replace({"rule.answer": "linear"})
    check_answer(p, shape)

    return expected.design(p, shape, learned=learned, predicted=predicted)


def suit(
    p: ParameterSet,
    shape: StreamShape,
    examples: int,
    sample: Callable[[], NDArray[Any] | None],
    given: Collection[str],
) -> ParameterSet:
    """Batch, rates and memory of the state for a stream (chips/m2ru/suited.py)."""
    from cimlearn.chips.m2ru.suited import suited

    return suited(p, shape, examples, sample, given)


KIND: Final = Kind(
    name=M2RU,
    placements=("chip", "float", "adam"),
    parameters=parameters,
    build=build,
    design=design,
    device=DEVICE,
    costs="crossbar",
    prices=SERVED_PRICES,
    first_streams=("permuted-mnist", "permuted-digits"),
    packages={"adam": ("torch",)},
    suit=suit,
    numbers=True,
)
KINDS: Final = (
    KIND,
    replace(KIND, name=LOWOHMIC, parameters=partial(parameters, circuit=LOWOHMIC), prices=()),
    replace(KIND, name=HIGHOHMIC, parameters=partial(parameters, circuit=HIGHOHMIC)),
)
NAMES: Final = tuple(kind.name for kind in KINDS)
