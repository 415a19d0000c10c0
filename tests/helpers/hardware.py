"""What the physics and chip tests share: quiet hardware, compiled callers of kernels, a plain generator.

Kernels can't be called from Python (cimlearn/compiled.py), so the small compiled functions here call them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import product, write
from cimlearn.arrays.build import crossbar
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.devices import catalog
from cimlearn.devices.continuous import Continuous
from cimlearn.devices.levels import Levels
from cimlearn.parameters import ParameterSet, load

SIGMAS = 4.5  # a statistic of a fixed seed may lie this many standard errors off (chance 7e-6)
UNLIKELY = 1e-3  # smallest p-value of a fixed seed

Float = NDArray[np.float32]

EXACT_PERIPHERY = {
    "periphery.converter_bits": None,
    "periphery.saturation": None,
    "periphery.cycle_mismatch": 0,
    "periphery.column_mismatch": 0,
    "periphery.offset": 0,
    "periphery.thermal": 0,
}
EXACT_CELLS = {"cell.variation": 0, "cell.read_noise": 0, "cell.stuck": 0, "cell.endurance": None}
# every non-ideality that is not the device's is off, and the first programming is one blind pulse per cell
QUIET: dict[str, Any] = {**EXACT_PERIPHERY, **EXACT_CELLS, "write.first_tries": 0}
UNIT = Continuous(
    np.float32(0), np.float32(1), np.float32(0), False
)  # exact, window 0 .. 1 S: dyadic weights have dyadic conductances


def unchecked(changes: dict[str, Any]) -> ParameterSet:
    """Parameters of M2RU without the rules between them: the devices of these tests have windows of their own."""
    kind = changes.get("device.kind", "continuous")
    return catalog.parameters(kind).merged(load("m2ru")).replace(changes)


def bar(
    weight: Any, changes: dict[str, Any], device: Any = UNIT, *, name: str = "hidden", seed: int = 1
) -> Crossbar:
    """A quiet crossbar programmed to weight (rows, columns), with some parameters changed."""
    kind = {"device.kind": "levels"} if isinstance(device, Levels) else {}
    chosen = unchecked({**QUIET, **kind, **changes})
    return crossbar(device, chosen, np.asarray(weight, np.float32), name=name, seed=seed)


@numba.njit
def _multiply(array, x, applied, out):
    for n in range(x.shape[0]):
        product(array, x[n], applied[n], out[n])


@numba.njit
def _write_all(array, changes):
    for n in range(changes.shape[0]):
        write(array, changes[n])


def multiply(array: Any, x: Any) -> Float:
    """(vectors, columns) what the array answers to x (vectors, rows)."""
    return multiply_and_tell(array, x)[0]


def multiply_and_tell(array: Any, x: Any) -> tuple[Float, Float]:
    """(vectors, columns) what the array answers to x (vectors, rows), and what it says that it applied."""
    x = np.ascontiguousarray(x, np.float32)
    out = np.full((len(x), array.state.weight.shape[1]), np.nan, np.float32)
    applied = np.full_like(x, np.nan)
    _multiply(array, x, applied, out)
    return out, applied


def write_all(array: Any, changes: Any) -> np.ndarray:
    """Ask the array for each of changes (updates, rows, columns) in turn; answers what writes leave in their place."""
    spent = np.array(changes, np.float32, order="C")
    _write_all(array, spent)
    return spent


class Xoshiro:
    """xoshiro256++ as its authors write it (prng.di.unimi.it/xoshiro256plusplus.c), in Python's whole
    numbers.
    """

    def __init__(self, state: Any) -> None:
        self.s = [int(word) for word in state]

    def word(self) -> int:
        """The next 64 bits."""
        s, mask = self.s, 2**64 - 1

        def rotl(x: int, k: int) -> int:
            return ((x << k) | (x >> (64 - k))) & mask

        result = (rotl((s[0] + s[3]) & mask, 23) + s[0]) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result
