"""A Monte Carlo on a card: which experiments may, and how the chip of every seed gets there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numba import config, cuda

from cimlearn import chips
from cimlearn.chips.base import Chip
from cimlearn.chips.m2ru import NAMES
from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.compiled import STRICT, STRICTLY
from cimlearn.errors import InputError
from cimlearn.gpu import served
from cimlearn.gpu.card import check_card, chip_bytes
from cimlearn.gpu.fleet import CardChip, Fleet
from cimlearn.gpu.lanes import SIMULATED
from cimlearn.parameters import ParameterSet

MOST: Final = 2048  # chips side by side: each has a thread of this process
FEEDBACK: Final = "rule.feedback"  # brings parameters of its own
FILL: Final = 0.8  # part of the card's free memory that chips may take
_config: Any = config


def check(chip: str, p: ParameterSet, *, on: str) -> None:
    """Raise InputError for a chip, with parameters `p` and placement `on`, that no card here simulates."""
    if chip not in NAMES:
        raise InputError(f"--on-device cuda simulates {', '.join(NAMES)}, not {chip}; leave --on-device away")
    if STRICT:
        raise InputError(f"{STRICTLY} = 1 promises the same bits everywhere, a GPU has its own; unset it")
    served.check(p, chips.parameters(chip, {FEEDBACK: p[FEEDBACK]}), on=on)
    if SIMULATED and not _config.DISABLE_JIT:
        raise InputError("NUMBA_ENABLE_CUDASIM = 1 runs kernels as Python: set NUMBA_DISABLE_JIT=1 beside it")
    check_card()


def card_name() -> str:
    """The card as its driver calls it."""
    if SIMULATED:
        return "simulator"
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def side_by_side(chip: Chip, seeds: int) -> int:
    """How many of `seeds` chips run at once."""
    assert isinstance(chip, M2RU)
    if SIMULATED:
        return min(seeds, MOST)
    free = cuda.current_context().get_memory_info()[0]
    return max(1, min(seeds, MOST, int(FILL * free / chip_bytes(chip))))


def on_card(build: Callable[[int], tuple[Any, Chip]], capacity: int) -> Callable[[int], tuple[Any, Chip]]:
    """`build` with every chip on one card, `capacity` at a time."""
    fleet = Fleet(capacity)

    def built(seed: int) -> tuple[Any, Chip]:
        stream, chip = build(seed)
        assert isinstance(chip, M2RU)
        return stream, CardChip(chip, seed, fleet)

    return built
