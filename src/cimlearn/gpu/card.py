"""Chips on a card: memory for them, what is copied to it and back, and launches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from cimlearn.chips.m2ru.chip import M2RU
from cimlearn.errors import InputError
from cimlearn.gpu import pack
from cimlearn.gpu.lanes import LANES, SIMULATED
from cimlearn.gpu.layout import Many
from cimlearn.gpu.programs import Programs, programs
from cimlearn.install import install

SIMULATED_LANES: Final = 4
CHUNK: Final = 500  # examples that a chip brings at a time (experiments/loop.py)
ROOM: Final = 48 * 1024  # bytes of memory that a block may share without asking for more
SHARED: Final = ("tiles", "hanging", "ones", "hidden_rate", "output_rate")  # leaves without an axis of chips
SCRATCH: Final = ("rows", "candidate", "states", "delta", "x", "signs", "ask")  # that no copy needs

Float = NDArray[np.float32]
Whole = NDArray[np.int64]


def check_card() -> None:
    """Raise InputError where there is no CUDA GPU that numba can use, or a NumPy that numba-cuda can't."""
    if not SIMULATED:
        try:
            import_module("numba.cuda.np.arrayobj")
        except ImportError:
            pass  # an older one, with files of other names
        except AttributeError as error:
            raise InputError(
                f"--on-device cuda: numba-cuda doesn't go with NumPy {np.__version__} ({error}): {install('cuda')}"
            ) from None
    if not cuda.is_available():
        raise InputError(
            "--on-device cuda: numba finds no CUDA GPU here; leave --on-device away, or give this machine a GPU, its "
            f"driver, and numba-cuda: {install('cuda')}"
        )


def leaves(many: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every array of `many` with its name."""
    if hasattr(many, "_fields"):
        for field in many._fields:
            yield from leaves(getattr(many, field), f"{name}.{field}" if name else field)
    elif hasattr(many, "shape") and hasattr(many, "dtype") and many.ndim > 0:
        yield name, many


def mapped(many: Any, change: Any, name: str = "") -> Any:
    """`many` with change(name, array) in place of every array."""
    if hasattr(many, "_fields"):
        fields = {f: mapped(getattr(many, f), change, f"{name}.{f}" if name else f) for f in many._fields}
        return type(many)(**fields)
    if isinstance(many, np.ndarray) and many.ndim > 0:
        return change(name, many)
    return many


def room_bytes(lanes: int, longest: int, hidden: int, classes: int) -> int:
    """Bytes that the lanes of a block share."""
    widest = max(hidden, classes)
    numbers = 3 * longest + 2 * max(lanes, widest) + 2 * hidden + 1 + 2 * widest + 5 * classes + 4
    return 4 * numbers + 8 * 3 * lanes


def _is_shared(name: str) -> bool:
    return name.rpartition(".")[2] in SHARED


def chip_bytes(chip: M2RU) -> int:
    """Bytes that a chip like this one takes on a card, a chunk of its examples included."""
    shape = chip.shape
    chunk = CHUNK * (4 * shape.steps * shape.features + 8)
    return chunk + sum(a.nbytes for name, a in leaves(pack.empty(chip, 1)) if not _is_shared(name))


class Card:
    """Places for `capacity` chips like `chip`. Only one thread may use it."""

    def __init__(self, chip: M2RU, capacity: int) -> None:
        rows, hidden = chip.net.hidden.state.weight.shape
        classes = chip.shape.classes
        self._sizes = (max(rows, hidden + 1, classes), hidden, classes)
        self.lanes = SIMULATED_LANES if SIMULATED else LANES
        self.capacity = capacity
        self.seconds = 0.0  # of the last launch that learned, without copies
        need = room_bytes(self.lanes, *self._sizes)
        if need > ROOM:
            raise InputError(
                f"network.hidden = {hidden} with {chip.shape.features} features needs {need:,} bytes of memory that "
                f"a block of threads shares, and has {ROOM:,}; such a chip runs on the CPU: leave --on-device away"
            )
        self._programs: Programs = programs(self.lanes, *self._sizes)
        self._one = pack.empty(chip, 1)  # on the host, for copies

        def place(name: str, array: Any) -> Any:
            if _is_shared(name):
                return cuda.to_device(np.ascontiguousarray(array))
            return cuda.device_array((capacity, *array.shape[1:]), array.dtype)

        self.many: Many = mapped(self._one, place)
        self._places = dict(leaves(self.many))

    def put(self, chip: M2RU, seed: int, place: int) -> None:
        """Copy the state of `chip` to a place of the card."""
        pack.put(chip, seed, self._one, 0)
        for name, array in leaves(self._one):
            if not _is_shared(name) and name not in SCRATCH and array.size:
                self._places[name][place : place + 1].copy_to_device(array)

    def take(self, chip: M2RU, place: int) -> None:
        """Copy the state at a place of the card into `chip`."""
        for name, array in leaves(self._one):
            if not _is_shared(name) and name not in SCRATCH and array.size:
                self._places[name][place : place + 1].copy_to_host(array)
        pack.take(chip, self._one, 0)

    def learn(self, places: Sequence[int], examples: Sequence[tuple[Float, Whole]]) -> None:
        """Every chip at `places` learns its own x (examples, steps, features), y (examples,), all side by side."""
        which, x, counts = self._gathered(places, [x for x, _ in examples])
        y = np.zeros(x.shape[:2], np.int64)
        for n, (_, classes) in enumerate(examples):
            y[n, : len(classes)] = classes
        given = [cuda.to_device(array) for array in (which, x, y, counts)]
        cuda.synchronize()
        began = time.perf_counter()
        self._programs.learn[len(places), self.lanes](self.many, *given)
        cuda.synchronize()
        self.seconds = time.perf_counter() - began

    def predict(self, places: Sequence[int], examples: Sequence[Float]) -> list[Whole]:
        """The classes (examples,) that every chip at `places` gives its own x (examples, steps, features)."""
        which, x, counts = self._gathered(places, examples)
        found = cuda.to_device(np.zeros(x.shape[:2], np.int64))
        launch = self._programs.predict[len(places), self.lanes]
        launch(self.many, cuda.to_device(which), cuda.to_device(x), found, cuda.to_device(counts))
        classes = found.copy_to_host()
        return [classes[n, : len(x)].copy() for n, x in enumerate(examples)]

    def facts(self) -> dict[str, Any]:
        """Registers and memory of the compiled programs; nothing in the simulator, or where numba doesn't tell."""
        found: dict[str, Any] = {"lanes": self.lanes}
        for name in ("learn", "predict"):
            program = getattr(self._programs, name)
            for fact in ("get_regs_per_thread", "get_shared_mem_per_block", "get_local_mem_per_thread"):
                with suppress(Exception):
                    found[f"{name} {fact[4:]}"] = list(getattr(program, fact)().values())
        return found

    def _gathered(self, places: Sequence[int], examples: Sequence[Float]) -> tuple[Whole, Float, Whole]:
        longest = max(len(x) for x in examples)
        x = np.zeros((len(places), longest, *examples[0].shape[1:]), np.float32)
        for n, one in enumerate(examples):
            x[n, : len(one)] = one
        return np.array(places, np.int64), x, np.array([len(x) for x in examples], np.int64)
