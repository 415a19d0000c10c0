"""Learning in INT8 on bit-serial arrays, where the weights are: the stored bits are the weights, in training too.

    y_nj = 2^(e_x + e_j) sum_i x_ni w_ji                 forward, the bits as they are
    d_nj = dL/dy_nj 2^e_j,   q = round(d 2^-e_d)         the error as int8, one exponent e_d for a product
    dL/dx_ni = 2^e_d sum_j q_nj w_ji                     back through the same bits, transposed
    g_ji = sum_n q_nj x_ni,  w <- clip(w - g_ji / 2^s)   the integer rule (learning/integer/update.py)

x, w and q are whole numbers of -127 to 127, all sums exact. e_x and e_j stay as they were found, with room to grow
(`range.headroom`, `training.headroom`); s is chosen for each
output, so that its largest change is a wanted number of steps. Between layers numbers are floating-point ones, since
what stands there is digital and the user's own. Bits that change are written line by line, may fail, and wear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.faults import ErrorRates, written
from cimlearn.arrays.wear import Law, Lines
from cimlearn.devices.technology import Technology
from cimlearn.errors import InputError
from cimlearn.learning.integer.tensor import LARGEST, Int8, Sums, fits, fitting, largest
from cimlearn.learning.integer.update import UpdateRule, updated
from cimlearn.parameters import ParameterSet
from cimlearn.random import generator
from cimlearn.torch.array import check_learns
from cimlearn.torch.bitserial import BitSerialArray
from cimlearn.torch.chance import Chance
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch
from cimlearn.torch.quantisers import power

Tensor = torch.Tensor


class InSituBits(BitSerialArray):
    """One layer's weights in bits that learn where they are."""

    def __init__(
        self,
        p: ParameterSet,
        cell: Technology,
        rates: ErrorRates,
        layout: Layout,
        weight: Tensor,
        *,
        name: str,
        seed: int,
    ) -> None:
        """An unprogrammed array for a weight like `weight` (outputs, rows)."""
        check_learns(name, weight)
        super().__init__(cell, rates, layout, weight, name=name, seed=seed)
        self._law = Law(cell.endurance, cell.endurance_spread, p["faults.stuck"])
        self._accumulator = p["array.accumulator"]
        self._room, self._inputs_room = p["training.headroom"], p["range.headroom"]
        self.lines: Lines | None = None
        self.drawing = Chance(seed, f"{name}.learn")  # misread bits of learning
        self.waiting: Tensor | None = None  # (outputs, rows) g, whole numbers
        self._vectors = 0  # of the gradient that waits
        self.steps: Counter[int] = Counter()  # vectors of an update -> updates
        self.forward_vectors = self.back_vectors = 0  # of learning
        self.flipped = 0  # bits that learning changed, or was to change
        self.examples = 0  # that the model learned
        self.grows = False

    @property
    def updates(self) -> int:
        """Times that it was written."""
        return sum(self.steps.values())

    # --- products

    def wanted(self, weight: Tensor) -> bool:
        """Once programmed, the bits are the weights."""
        return not self.programmed

    def answer(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs), bias (outputs,) added; while it trains, the error comes back."""
        if not (self.training and self.programmed and self.recorder is None and torch.is_grad_enabled()):
            return super().answer(x, weight, bias)
        if x.dtype != torch.float32 or x.device.type != "cpu":
            raise InputError(f"{self.name}: inputs are {x.dtype} on {x.device}; give float32 on a CPU")
        y: Tensor = _Product.apply(x, weight, self)
        return y if bias is None else y + bias

    def _read(self) -> Tensor:
        """What is stored, with the bits that this read misreads; learning draws apart from inference."""
        return self._misread(self.drawing if self.training else self.chance)

    def forward_product(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """y (vectors, outputs) of x (vectors, inputs); x as whole numbers, and where it lay within their range."""
        scaled = x * power(-self.input_exponent, x.dtype)
        whole = _rounded(scaled)
        sums = self._sums(whole.double(), self._read().double())
        self.forward_vectors += len(x)
        scale = power(self.weight_exponent + self.input_exponent, torch.float64)
        return (sums * scale).float(), whole, scaled.abs() <= LARGEST + 0.5

    def backward_product(self, d: Tensor, whole: Tensor, by_x: bool, by_weight: bool) -> Tensor | None:
        """dL/dx (vectors, inputs) of d = dL/dy (vectors, outputs), if asked for; the gradient by the weight waits.

        Raises
        ------
        InputError
            If a gradient waits already, the error is not finite, or a sum overflows the accumulator.
        """
        layout, vectors = self.layout, len(d)
        scaled = d.double() * power(self.weight_exponent, torch.float64)
        size = float(scaled.abs().max()) if scaled.numel() else 0.0
        if not np.isfinite(size):
            raise InputError(
                f"{self.name}: an error is not finite; lower the rates, or look for a division by zero"
            )
        exponent = fitting(size)
        error = _rounded(scaled * 2.0**-exponent)
        sides = error.reshape(vectors, layout.groups, layout.columns).transpose(
            0, 1
        )  # (groups, vectors, columns)
        if by_weight:
            if self.waiting is not None:
                raise InputError(
                    f"{self.name} has a gradient that waits already; call step() after each backward(), with each "
                    "layer used once"
                )
            inputs = whole.double().reshape(vectors, layout.groups, layout.rows).transpose(0, 1)
            found = torch.bmm(sides.transpose(1, 2), inputs).reshape(layout.outputs, layout.rows)
            fits(largest(found), self._accumulator)
            self.waiting, self._vectors = found, vectors
        if not by_x:
            return None
        stored = self._read().double().reshape(layout.groups, layout.columns, layout.rows)
        back = torch.bmm(sides, stored).transpose(0, 1).reshape(vectors, layout.inputs)
        fits(largest(back), self._accumulator)
        self.back_vectors += vectors
        return (back * 2.0**exponent).float()

    # --- ranges

    def settle(self, inputs: float, sums: float) -> None:
        """Fix e_x so that it holds inputs up to `inputs`, with room where they depend on what is learned."""
        super().settle(inputs * (self._inputs_room if self.grows else 1.0), sums)

    def exponents(self, weight: Tensor) -> Tensor:
        """(outputs,) int32 of weight (outputs, rows), with room to grow."""
        return super().exponents(weight * self._room)

    # --- cells

    def program(self, weight: Tensor, seed: int) -> None:
        """Write weight (outputs, rows) on chip number `seed`; learning starts anew."""
        super().program(weight, seed)
        self.lines = self._fresh(seed)
        self.kept.copy_(torch.from_numpy(self.lines.born(self.kept.numpy())))
        self.drawing.restart(seed)
        self.steps.clear()
        self.forward_vectors = self.back_vectors = self.flipped = self.examples = 0
        self.waiting = None

    def _fresh(self, seed: int) -> Lines:
        """Cells that were never written while learning."""
        each = self.cell.bits_per_write
        return Lines(self.kept.numpy(), each, self._law, seed=seed, names=("insitu", self.name))

    @torch.no_grad()
    def learn(self, rule: UpdateRule, weight: Tensor) -> None:
        """Write the changes that the waiting gradient asks for; the layer's parameter `weight` follows."""
        assert self.waiting is not None and self.lines is not None
        old = self.kept.numpy().copy()
        after = updated(Int8(self.kept.float(), 0), Sums(self.waiting, 0), rule).mantissa
        new = after.to(torch.int8).numpy()
        draw = generator(self.chance.seed, self.name, "update", str(self.updates))
        possible = self.lines.write(old, new)
        rates = ErrorRates(self.write_error, self.write_error)
        self.kept.copy_(torch.from_numpy(written(old, possible, rates, generator=draw)))
        self.flipped += int(np.bitwise_count((old ^ new).view(np.uint8)).sum())
        self.steps[self._vectors] += 1
        self.waiting = None
        weight.copy_(self.weights().reshape(weight.shape))

    def drift(self, seconds: float) -> None:
        """Loss of bits between programming and a later time doesn't know of writes in between."""
        raise InputError(
            f"{self.name} learns in situ: drift() counts from programming and doesn't know when a bit was last "
            "written; take the model off with from_chip and put it on arrays without learn='in-situ'"
        )

    def writes(self) -> NDArray[np.int64]:
        """(8, outputs, rows) writes that each cell has seen since it was programmed, with its line."""
        if self.lines is None:
            raise InputError(f"{self.name} is not programmed; call program(model) first")
        return self.lines.seen()

    # --- state

    def cells(self) -> dict[str, NDArray[Any]]:
        """What a chip saves of it, by reference where it lies in memory: bits, exponents, writes, counters."""
        assert self.lines is not None
        used = (self.chance.used, self.drawing.used)
        counted = (self.forward_vectors, self.back_vectors, self.flipped, self.examples, self.tally.vectors)
        return {
            "kept": self.kept.numpy(),
            "weight_exponent": self.weight_exponent.numpy(),
            "input_exponent": self.input_exponent.reshape(1).numpy(),
            "lines": self.lines.writes,
            "numbers": np.array([*used, *counted], np.int64),
        }

    def take_cells(self, saved: Mapping[str, NDArray[Any]], steps: Sequence[Sequence[int]]) -> None:
        """Go on from what `cells` gave, bits and exponents being in place; `steps`: vectors of an update, updates."""
        assert self.lines is not None
        self.lines.load(saved["lines"])
        answered, drawn, *counted, self.tally.vectors = saved["numbers"].tolist()
        self.chance.restart(self.chance.seed, answered)
        self.drawing.restart(self.chance.seed, drawn)
        self.forward_vectors, self.back_vectors, self.flipped, self.examples = counted
        self.steps = Counter({int(n): int(times) for n, times in steps})
        self.waiting = None

    def get_extra_state(self) -> Any:
        """Seed, generators used, whether it is programmed; writes of lines, counters."""
        base = super().get_extra_state()
        if self.lines is None:
            return {"base": base}
        numbers = (self.drawing.used, self.forward_vectors, self.back_vectors, self.flipped, self.examples)
        return {
            "base": base,
            "lines": torch.from_numpy(self.lines.writes.copy()),
            "numbers": torch.tensor(numbers),
            "steps": torch.tensor(sorted(self.steps.items()), dtype=torch.int64).reshape(-1, 2),
        }

    def set_extra_state(self, state: Any) -> None:
        """What `get_extra_state` gave."""
        super().set_extra_state(state["base"])
        if "lines" not in state:
            return
        self.lines = self._fresh(self.chance.seed)
        self.lines.load(state["lines"].numpy())
        used, self.forward_vectors, self.back_vectors, self.flipped, self.examples = state["numbers"].tolist()
        self.drawing.restart(self.chance.seed, used)
        self.steps = Counter({int(n): int(times) for n, times in state["steps"]})
        self.waiting = None


class _Product(torch.autograd.Function):
    """A layer's product; the error comes back through the same bits, the gradient by the weight waits in the array."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, array: InSituBits) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs)."""
        y, whole, inside = array.forward_product(x.detach())
        ctx.save_for_backward(whole, inside)
        ctx.array = array
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """By x, where it was not cut."""
        whole, inside = ctx.saved_tensors
        by_x, by_weight, _ = ctx.needs_input_grad
        back = ctx.array.backward_product(gradients[0], whole, by_x, by_weight)
        return None if back is None else back * inside, None, None


def _rounded(scaled: Tensor) -> Tensor:
    """Whole numbers of -127 to 127 nearest to `scaled` (...), half away from zero."""
    return ((scaled.abs() + 0.5).floor() * scaled.sign()).clamp_(-LARGEST, LARGEST)
