"""Digital bit-serial arrays in PyTorch: INT8 products, exact whole numbers, with gradients.

    y = 2^(e_x + e_w) sum_i x_i w_i,     x_i, w_i whole numbers of -127 to 127 (learning/integer/tensor.py)

e_x comes from the sample, e_w from the largest weight of each output. Whole numbers lie in floating-point tensors:
float32 where no partial sum reaches 2^24, else float64, so the sum is the one that arrays/bitserial.py defines. Stored
bits may be wrong: failed writes, bits lost at rest, misread bits of one call (arrays/faults.py).
"""

from __future__ import annotations

import numpy as np

from cimlearn.arrays.faults import ErrorRates, upset, written
from cimlearn.devices.technology import Technology
from cimlearn.learning.integer.products import STORED
from cimlearn.learning.integer.tensor import LARGEST, MAGNITUDE, SINGLE, fitting
from cimlearn.random import generator
from cimlearn.torch.array import Array, Work
from cimlearn.torch.chance import Chance
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch
from cimlearn.torch.quantisers import mantissas, power

Tensor = torch.Tensor


class BitSerialArray(Array):
    """One layer's weights in bits."""

    written: Tensor  # (outputs, rows) int8 after programming
    kept: Tensor  # (outputs, rows) int8 as stored now
    weight_exponent: Tensor  # (outputs,) int32 e_w of what is stored
    input_exponent: Tensor  # () int32 e_x

    def __init__(
        self, cell: Technology, rates: ErrorRates, layout: Layout, weight: Tensor, *, name: str, seed: int
    ) -> None:
        """An unprogrammed array for a weight like `weight` (outputs, rows).

        `rates`: probabilities that a bit is written wrong (up) and misread (down).
        """
        super().__init__(layout, name, seed)
        self.cell, self.write_error, self.read_error = cell, rates.up, rates.down
        device, shape = weight.device, (layout.outputs, layout.rows)
        self.register_buffer("written", torch.zeros(shape, dtype=torch.int8, device=device))
        self.register_buffer("kept", torch.zeros(shape, dtype=torch.int8, device=device))
        self.register_buffer("weight_exponent", torch.zeros(layout.outputs, dtype=torch.int32, device=device))
        self.register_buffer("input_exponent", torch.zeros((), dtype=torch.int32, device=device))

    def prepare(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Whole numbers (outputs, rows), exponents (outputs,); the exact weight while ranges are looked for."""
        if self.recorder is not None:
            return weight, self.weight_exponent
        if self.wanted(weight):
            exponent = self.exponents(weight)
            return mantissas(weight, exponent[:, None], LARGEST), exponent
        return self._read(), self.weight_exponent

    def product(self, x: Tensor, prepared: tuple[Tensor, Tensor]) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) and what `prepare` gave."""
        stored, exponent = prepared
        if self.recorder is not None:
            self.recorder.saw(x, x.new_zeros(1))
            return self._sums(x, stored)
        if not self.training:
            self.tally.vectors += len(x)
        whole = mantissas(x, self.input_exponent, LARGEST)
        exact = x.dtype if self.layout.rows * LARGEST * STORED < SINGLE else torch.float64
        sums = self._sums(whole.to(exact), stored.to(exact))
        return sums.to(x.dtype) * power(exponent + self.input_exponent, x.dtype)

    def _sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) and weight (outputs, rows), group by group."""
        layout = self.layout
        if layout.groups == 1:
            return x @ weight.t()
        grouped = x.reshape(len(x), layout.groups, layout.rows).transpose(0, 1)
        sums = torch.bmm(grouped, weight.reshape(layout.groups, layout.columns, layout.rows).transpose(1, 2))
        return sums.transpose(0, 1).reshape(len(x), layout.outputs)

    def work(self) -> Work:
        """A sum is rounded to int8 for what follows."""
        return {"narrowed": self.tally.vectors * self.layout.outputs}

    def exponents(self, weight: Tensor) -> Tensor:
        """(outputs,) int32: ceil(log2 of the largest weight of each output) - 7, and -7 where all is 0."""
        fraction, exponent = torch.frexp(weight.detach().abs().amax(1))
        exact = exponent - (fraction == 0.5).to(exponent.dtype) - MAGNITUDE
        return torch.where(fraction == 0, -MAGNITUDE, exact)

    def _read(self) -> Tensor:
        """What is stored, with the bits that this call of the layer misreads."""
        return self.kept if self.training else self._misread(self.chance)

    def _misread(self, chance: Chance) -> Tensor:
        """What is stored, with the bits that one read misreads."""
        bits = self.kept.numel() * 8
        if not self.read_error:
            return self.kept
        draw = generator(chance.seed, chance.name, "misread", str(chance.used))
        chance.used += 1
        count = int(draw.binomial(bits, self.read_error))
        if not count:
            return self.kept
        places = torch.as_tensor(draw.choice(bits, count, replace=False), device=self.kept.device)
        read = self.kept.clone().view(torch.uint8).reshape(-1)
        for bit in range(8):  # places are distinct, so no weight comes twice for one bit
            read[places[places % 8 == bit] // 8] ^= 1 << bit
        return read.view(torch.int8).reshape(self.kept.shape)

    # --- ranges

    def settle(self, inputs: float, sums: float) -> None:
        """Fix e_x so that it holds inputs up to `inputs`."""
        self.input_exponent.fill_(fitting(inputs))

    # --- cells

    @torch.no_grad()
    def program(self, weight: Tensor, seed: int) -> None:
        """Write weight (outputs, rows) over bits that were 0, on chip number `seed`."""
        exponent = self.exponents(weight)
        wanted = mantissas(weight.double(), exponent[:, None], LARGEST).to(torch.int8).cpu().numpy()
        draw = generator(seed, self.name, "write")
        rates = ErrorRates(self.write_error, self.write_error)
        stored = written(np.zeros_like(wanted), wanted, rates, generator=draw)
        self.written.copy_(torch.from_numpy(stored))
        self.kept.copy_(self.written)
        self.weight_exponent.copy_(exponent)
        self.tally.pulses = wanted.size * 8
        self.chance.restart(seed)
        self.programmed = True

    @torch.no_grad()
    def drift(self, seconds: float) -> None:
        """Let `seconds` have passed since programming, with the supply on: each bit may have been lost."""
        lost = self.cell.retention_failure(seconds)
        draw = generator(self.chance.seed, self.name, "retention")
        now = upset(self.written.cpu().numpy(), ErrorRates(lost, lost), generator=draw)
        self.kept.copy_(torch.from_numpy(now))

    def refresh(self) -> None:
        """Nothing: products read what is kept."""

    def weights(self) -> Tensor:
        """(outputs, rows) the layer's weight as the bits hold it now."""
        return self.kept * power(self.weight_exponent, torch.float64)[:, None]
