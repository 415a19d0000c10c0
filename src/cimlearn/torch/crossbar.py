"""Analog crossbars in PyTorch: the product of arrays/crossbar.py for many vectors at once, with gradients.

    x' = sign(x) code(|x| / s_x)                             weighted-bit streaming; s_x: range of the inputs
    z_t = Q(clip((g_t / r) (x'_t W_t + n_t) + o_t))          of tile t: gain, noise, offset, range r, converter Q
    y = s_x b r sum_t z_t                                    b: weight range of each column

W = w / b in -1 .. 1 is what conductances stand for. The noise of reads is lumped: independent Gaussian noise of cells
and cycles adds up to one normal number per column, of variance sum_i q_i v_i + thermal, with v = var(W) of a read and
q_i the sum of squared cycle weights (exactly the distribution of a draw per cell). Its gradient is not followed.

While training, W gets the error that programming leaves on this device (cells.Curve), drawn afresh for each call of a
layer (a sequence sees one draw); the gradient goes through to w. Codes and converters have the straight-through
gradient (quantisers.py); ranges count as constants.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cimlearn.arrays.base import PULSES, VERIFY_READS
from cimlearn.arrays.periphery import Periphery
from cimlearn.arrays.vectors import Converter, Encoder
from cimlearn.parameters import ParameterSet
from cimlearn.torch import fast, held, tensor_product, wanted
from cimlearn.torch.array import Array, Work
from cimlearn.torch.cells import Curve, mapping, programmed, surrounding
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch
from cimlearn.torch.tally import Tally

Tensor = torch.Tensor


class Prepared(NamedTuple):
    """What a product is made with."""

    w: Tensor  # (tiles, tall, columns) in -1 .. 1
    variance: Tensor | None  # (tiles, tall, columns) of a read; None: not needed
    bound: Tensor  # (outputs,) or (1,) the weight that W = 1 stands for


class CrossbarArray(Array):
    """One layer's weights on analog tiles."""

    conductance: Tensor  # (layers, outputs, rows) after programming [S]
    bound: Tensor  # (outputs,) or (1,) the weight that a cell's whole window stands for
    input_range: Tensor  # () s_x
    reach: Tensor  # () r, in units of s_x b
    age: Tensor  # () seconds since programming
    gain: Tensor  # (tiles, 1, columns) of the integrators
    offset: Tensor  # (tiles, 1, columns) in units of r
    code: Tensor  # (2, steps) effective input of each code; sum of its squared cycle weights
    ones: Tensor  # (steps,) bits that are 1
    effective: Tensor  # (tiles, tall, columns) W of the cells
    variance: Tensor  # (tiles, tall, columns) v of the cells
    row_on: Tensor  # (inputs,) conductance of all cells of a row [S]
    error: Tensor  # (2, TARGETS) mean and spread of the error of programming

    def __init__(
        self, p: ParameterSet, layout: Layout, weight: Tensor, error: Curve, *, name: str, seed: int
    ) -> None:
        """An unprogrammed array for a weight like `weight` (outputs, rows)."""
        super().__init__(layout, name, seed)
        self.p, self.mapping = p, mapping(p)
        self._views: fast.Views | None = None
        self.converter, self.ranged = p["periphery.converter_bits"], p["periphery.saturation"] is not None
        self.read_variance, self.noise = p["cell.read_noise"] ** 2, p["training.noise"]
        if not np.any(error):
            self.noise = 0.0
        like = weight.detach()
        columns = layout.outputs if p["mapping.scale"] == "column" else 1
        tiled = (layout.groups * layout.tiles, layout.tall, layout.columns)
        self.register_buffer("conductance", like.new_zeros(self.mapping.layers, layout.outputs, layout.rows))
        self.register_buffer("bound", like.new_ones(columns))
        for name_, value in {"input_range": 1.0, "reach": 1.0, "age": 0.0}.items():
            self.register_buffer(name_, like.new_tensor(value))
        for name_, shape in {"effective": tiled, "variance": tiled, "row_on": (layout.inputs,)}.items():
            self.register_buffer(name_, like.new_zeros(shape), persistent=False)
        self.register_buffer("error", like.new_tensor(np.stack(error)), persistent=False)
        self._surround(surrounding(p, layout, name=name, seed=seed), like)

    def _surround(self, around: Periphery, like: Tensor) -> None:
        """Take over a periphery whose range is 1."""
        self.thermal, self._views = around.thermal, None
        persistent = {
            "gain": around.column[0][:, None],
            "offset": around.column[1][:, None],
            "code": around.code,
        }
        for name, value in persistent.items():
            self.register_buffer(name, like.new_tensor(value))
        self.register_buffer("ones", like.new_tensor(around.ones), persistent=False)

    # --- products

    def prepare(self, weight: Tensor) -> Prepared:
        """W, its read variance and its range: of the cells, or wanted, with a draw of the programming error."""
        if self.recorder is not None:
            bound = self.bounds(weight)
            return Prepared(self.layout.matrices(weight / bound[:, None]), None, bound)
        if not self.wanted(weight):
            return Prepared(self.effective, self.variance if self.read_variance else None, self.bound)
        bound = self.bounds(weight)
        if fast.fits(weight):
            return self._compiled_wanted(weight, bound)
        w = self.layout.matrices((weight / bound[:, None]).clamp(-1, 1))
        read = self.read_variance
        variance = wanted.variance(self.mapping, read, w.detach()) if read else None
        if self.training and self.noise:
            w = w + wanted.programming_error(self.error, self.chance, self.noise, w.detach())
        return Prepared(w, variance, bound)

    def _compiled_wanted(self, weight: Tensor, bound: Tensor) -> Prepared:
        """`prepare` for weights as they are wanted, on a CPU."""
        m, noise = self.mapping, float(self.noise) if self.training else 0.0
        at_rest = m.scale * m.middle
        read = (self.read_variance, m.layers * at_rest**2, 2 * at_rest * m.signs / m.layers, 1 / m.layers)
        key = self.chance.key() if noise else 0
        w, variance = fast.wanted_weights(weight, bound, self.error.numpy(), noise, read, key)
        tiled = None if variance is None else self.layout.matrices(variance)
        return Prepared(self.layout.matrices(w), tiled, bound)

    def product(self, x: Tensor, prepared: Prepared) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) and what `prepare` gave."""
        if self.recorder is not None:
            sums = torch.bmm(self.layout.spread(x), prepared.w)
            self.recorder.saw(x, sums)
            return self.layout.gathered(sums) * prepared.bound
        if fast.fits(x, prepared.w):
            return self._compiled_product(x, prepared)
        y = tensor_product.product(self, x / self.input_range, prepared.w, prepared.variance)
        return y * (prepared.bound * self.input_range)

    def answer(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs) with bias (outputs,) added: a few vectors by one kernel."""
        if (
            self.training
            or not self.programmed
            or self.recorder is not None
            or x.shape[0] > fast.FEW
            or not fast.fits(x, weight)
            or (torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)))
        ):
            return super().answer(x, weight, bias)
        views = self.seen_by_kernels()
        y, counts = fast.few(x, bias, views, self.key())
        self.tally.drove(x.shape[0], counts)
        return y

    def _compiled_product(self, x: Tensor, prepared: Prepared) -> Tensor:
        """`product` on a CPU."""
        views, layout = self.seen_by_kernels(), self.layout
        noisy, on = prepared.variance is not None, self.conducting(prepared.w)
        driven, squares, counts = fast.inputs(x, views, noisy=noisy, row_on=on)
        if on.size:
            self.counting().drove(len(x), counts)
        sums = self._sums(layout.spread(driven), prepared)
        power = fast.NONE[np.float32, 3]
        if prepared.variance is not None:
            power = torch.bmm(layout.spread(torch.from_numpy(squares)), prepared.variance).numpy()
        key = self.key()
        return fast.outputs(sums, prepared.bound, views, key=key, groups=layout.groups, power=power)

    def conducting(self, w: Tensor) -> fast.Array:
        """(inputs,) conductance of rows [S] for what is counted; (0,) while it learns in software."""
        if self.training:
            return fast.NONE[np.float64, 1]
        views = self.seen_by_kernels()
        return views.row_on if self.programmed else self.wanted_on(w).double().numpy()

    def counting(self) -> Tally:
        """Where products are counted."""
        return self.tally

    def _sums(self, x: Tensor, prepared: Prepared) -> Tensor:
        """(tiles, vectors, columns) of x (tiles, vectors, tall) and the weights."""
        return torch.bmm(x, prepared.w)

    def key(self) -> int:
        """What the noise of the next product is drawn from."""
        return self.chance.key() if self._chancy else 0

    @property
    def _chancy(self) -> bool:
        """Whether a product draws noise."""
        return bool(self.read_variance or self.thermal)

    def seen_by_kernels(self) -> fast.Views:
        """The memory of the tensors; a model that was moved, copied or programmed has another."""
        if self._views is None:
            half = 0.0 if self.converter is None else 2.0 ** (self.converter - 1)
            exact = self.p["periphery.input_bits"] is None
            code, ones = self.code.numpy(), self.ones.numpy().astype(np.int64)
            self._views = fast.Views(
                Encoder(code[:, :0] if exact else code, ones[:0] if exact else ones),
                Converter(
                    self.gain[:, 0].numpy(), self.offset[:, 0].numpy(), self.ranged, half, self.thermal
                ),
                self.layout.table,
                self.input_range.numpy(),
                self.reach.numpy(),
                self.bound.numpy(),
                *self._memory(),
                self.layout.outputs,
            )
        return self._views

    def _memory(self) -> tuple[fast.Array, fast.Array, fast.Array]:
        """(tiles, tall, columns) weights and variance of their reads, (inputs,) conductance of rows [S]."""
        variance = self.variance.numpy() if self.read_variance else fast.NONE[np.float32, 3]
        return self.effective.numpy(), variance, self.row_on.double().numpy()

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; tensors that move are no longer where kernels saw them."""
        self._views = None
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """All but the views, which belong to this object's own memory."""
        return self.__dict__ | {"_views": None}

    def work(self) -> Work:
        """An output is scaled and its bias added; sums of tiles are added up."""
        outputs = self.tally.vectors * self.layout.outputs
        return {"multiply_add": outputs, "tile_add": outputs * (0 if self.by_row else self.layout.tiles - 1)}

    # --- weights as they are wanted

    def bounds(self, weight: Tensor) -> Tensor:
        """(outputs,) or (1,) the range of weight (outputs, rows); 1 where all is 0."""
        return wanted.bounds(self.p, weight)

    def wanted_on(self, w: Tensor) -> Tensor:
        """(inputs,) conductance of the cells of a row [S], for w (tiles, tall, columns)."""
        return wanted.conducting(self.mapping, self.layout, w)

    # --- ranges

    def settle(self, inputs: float, sums: float) -> None:
        """Fix the ranges: the largest code stands for `inputs`, integrators reach to `sums`, in units of that."""
        steps, self._views = self.code.shape[1], None
        stretched = inputs if self.p["periphery.input_bits"] is None else inputs * steps / (steps - 1)
        self.input_range.fill_(stretched)
        self.reach.fill_(sums * inputs / stretched)

    # --- cells

    @torch.no_grad()
    def program(self, weight: Tensor, seed: int) -> None:
        """Program the cells of chip number `seed` to weight (outputs, rows)."""
        bound = self.bounds(weight)
        wanted = (weight / bound[:, None]).clamp(-1, 1).float().cpu().numpy()
        bar = programmed(self.p, self.layout, wanted, name=self.name, seed=seed)
        self.conductance.copy_(torch.from_numpy(self.layout.unstacked(bar.state.cells.conductance).copy()))
        self.bound.copy_(bound)
        self.age.zero_()
        self._surround(bar.periphery, self.conductance)
        self.tally.pulses, self.tally.verify_reads = (
            int(bar.state.counts[PULSES]),
            int(bar.state.counts[VERIFY_READS]),
        )
        self.chance.restart(seed)
        self.programmed = True
        self.refresh()

    @torch.no_grad()
    def drift(self, seconds: float) -> None:
        """Let `seconds` have passed since programming."""
        self.age.fill_(seconds)
        self.refresh()

    def drifted(self) -> Tensor:
        """(layers, outputs, rows) conductance now [S]."""
        age, seed = float(self.age), self.chance.seed
        return held.drifted(self.p, self.conductance, age, seed=seed, name=self.name)

    @torch.no_grad()
    def refresh(self) -> None:
        """Weights, variances and switched-on conductance of the cells as they are now."""
        m, layout, self._views = self.mapping, self.layout, None
        cells = self.drifted()
        self.effective = layout.matrices(self._stored(cells)).contiguous()
        self.variance = layout.matrices(self.read_variance * m.scale**2 * cells.square().sum(0)).contiguous()
        self.row_on = layout.stacked(cells.sum(0)).sum(1)

    def _stored(self, cells: Tensor) -> Tensor:
        """(outputs, rows) W of cells (layers, outputs, rows)."""
        return held.stored(self.p, self.mapping, cells, self.conductance)

    def weights(self) -> Tensor:
        """(outputs, rows) the layer's weight as the cells hold it now."""
        return self._stored(self.drifted()) * self.bound[:, None]
