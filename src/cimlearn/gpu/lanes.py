"""What the threads of a block say to each other: `lane`, `lanes`, `sync`, `votes`; rounding; counted random numbers.

The engine's kernels are written for a block of lanes that work side by side and meet at `sync`. On a GPU a lane is a
thread; on a CPU, and in plain Python, there is one lane, so the same source is a sequential program. In the simulator
of numba (NUMBA_ENABLE_CUDASIM=1) lanes are threads of Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np
from numba import config
from numba import cuda as _numba_cuda
from numba.extending import overload

from cimlearn.compiled import kernel
from cimlearn.devices.base import program
from cimlearn.noise import mixed, normal_pair

_config: Any = config
cuda: Any = _numba_cuda
LANES: Final = 512  # threads of a block on a card; with 128 registers each, a multiprocessor holds one block
SIMULATED = bool(_config.ENABLE_CUDASIM)

if SIMULATED:

    @cuda.jit(device=True)
    def lane() -> Any:
        """Number of this lane in its block."""
        return cuda.threadIdx.x

    @cuda.jit(device=True)
    def lanes() -> Any:
        """Lanes of the block."""
        return cuda.blockDim.x

    @cuda.jit(device=True)
    def sync() -> None:
        """Wait for all lanes of the block; what they wrote can be read afterwards."""
        cuda.syncthreads()

    @cuda.jit(device=True)
    def votes(yes: Any) -> Any:
        """How many lanes say 1, for all of them; a `sync` too."""
        return cuda.syncthreads_count(yes)

else:

    def lane() -> Any:
        """Number of this lane in its block."""
        return 0

    def lanes() -> Any:
        """Lanes of the block."""
        return 1

    def sync() -> None:
        """Wait for all lanes of the block; what they wrote can be read afterwards."""

    def votes(yes: Any) -> Any:
        """How many lanes say 1, for all of them; a `sync` too."""
        return yes


def rint(value: Any) -> Any:
    """The whole number nearest to a float32, the even one of two."""
    return np.rint(value)


def _on_cpu() -> None:
    options: Any = {"strict": False, "jit_options": {"no_cpython_wrapper": True}}

    @overload(lane, **options)
    def _lane() -> Any:
        return lambda: 0

    @overload(lanes, **options)
    def _lanes() -> Any:
        return lambda: 1

    @overload(sync, **options)
    def _sync() -> Any:
        return lambda: None

    @overload(votes, **options)
    def _votes(yes: Any) -> Any:
        return lambda yes: yes

    @overload(rint, **options)
    def _rint(value: Any) -> Any:
        return lambda value: np.rint(value)


def _on_cuda() -> None:
    try:
        placed: Any = import_module("numba.cuda.extending").overload  # numba-cuda keeps its own
    except AttributeError:
        placed = overload
    options: Any = {"target": "cuda", "strict": False}

    @placed(lane, **options)
    def _lane() -> Any:
        return lambda: cuda.threadIdx.x

    @placed(lanes, **options)
    def _lanes() -> Any:
        return lambda: LANES  # a constant, so that shares of columns are too

    @placed(sync, **options)
    def _sync() -> Any:
        return lambda: cuda.syncthreads()

    @placed(votes, **options)
    def _votes(yes: Any) -> Any:
        return lambda yes: cuda.syncthreads_count(yes)

    @placed(rint, **options)
    def _rint(value: Any) -> Any:
        return lambda value: cuda.libdevice.rintf(value)

    @placed(program, **options)
    def _program(device: Any, *rest: Any) -> Any:
        return program.members[device.instance_class].py_func


if not SIMULATED and not _config.DISABLE_JIT:
    _on_cpu()
    _on_cuda()

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64 goes on by this


@kernel
def word_at(key, place):
    """64 random bits (uint64) that belong to `place` of the stream of `key` (uint64)."""
    return mixed(key + _GOLDEN * np.uint64(place))


@kernel
def normal_at(key, place, j, n):
    """The standard normal of column j of n in block `place` of the stream of `key`, as in `noise.fill_normal_at`."""
    half = (n + 1) // 2
    a, b = normal_pair(word_at(key, place * half + (j if j < half else j - half)))
    return a if j < half else b


@kernel
def uniform_at(key, place):
    """A float32 in [0, 1), from 32 bits."""
    draw = np.float32(word_at(key, place) >> np.uint64(32)) * np.float32(2.0**-32)
    return min(draw, np.float32(1 - 2.0**-24))


@kernel
def below_at(key, place, n):
    """A whole number in 0 .. n - 1."""
    return (np.int64(word_at(key, place) >> np.uint64(32)) * n) >> 32
