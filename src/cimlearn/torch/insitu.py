"""Learning on the chip: a layer's weights are its cells, in training too, and its updates are writes to them.

Forward, a product is that of `CrossbarArray` with the cells as they are. Back, the error is brought through the same
cells by a transposed read (transposed.py). The gradient of the weights, the sum over vectors of e_j x_i, is digital; it
stays in factors (direct.py) where `InSituSGD` learns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.base import COUNTERS, PULSES, VERIFY_READS
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.crossbar_counts import ArrayTally
from cimlearn.arrays.lines import Blind, LineScratch, scratch, written_as
from cimlearn.errors import InputError
from cimlearn.learning.insitu_pulses import Trains
from cimlearn.learning.sparsify import ROOM
from cimlearn.parameters import ParameterSet
from cimlearn.torch import direct, fast, insitu_state, insitu_writes
from cimlearn.torch.array import check_learns
from cimlearn.torch.cells import Curve, programmed
from cimlearn.torch.chance import Chance
from cimlearn.torch.crossbar import CrossbarArray, Prepared
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import torch
from cimlearn.torch.tally import Tally
from cimlearn.torch.transposed import Held, Product, back_periphery, read_back

Tensor = torch.Tensor


class InSituArray(CrossbarArray):
    """One layer's weights on analog tiles that learn where they are."""

    def __init__(
        self, p: ParameterSet, layout: Layout, weight: Tensor, error: Curve, *, name: str, seed: int
    ) -> None:
        """An unprogrammed array for a weight like `weight` (outputs, rows)."""
        check_learns(name, weight)
        super().__init__(p, layout, weight, error, name=name, seed=seed)
        self.bar: Crossbar | None = None
        self.direct = False  # gradients wait as factors (direct.py)
        self.factors: list[tuple[Tensor, Tensor]] = []  # (tiles, vectors, tall), (tiles, vectors, columns)
        self.seen: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []  # (vectors, inputs), as above
        self.lines: tuple[Blind | Crossbar, LineScratch] | None = None  # how updates write to `bar`
        self.asking = Chance(seed, f"{name}.predict")  # noise of inference
        self.learned = Tally()  # products of learning, forward
        self.back_tally = Tally()  # transposed reads
        self.grows = False  # its inputs depend on weights that learn
        self.updates, self.kept = 0, 1.0
        self.examples = 0  # that the model learned
        self.start = np.zeros(COUNTERS, np.int64)  # what programming counted
        self.start_writes: NDArray[np.int64] | None = None  # (layers, inputs, columns) writes of programming
        self.trains: Trains | None = None  # updates are pulses that coincide
        self.back = back_periphery(p, layout, name=name, seed=seed, bits=self.converter, ranged=self.ranged)

    # --- products

    def wanted(self, weight: Tensor) -> bool:
        """Once programmed, the cells are the weights."""
        return not self.programmed

    def prepare(self, weight: Tensor) -> Prepared:
        """The cells' weights, with the gradient of `weight`."""
        if self.recorder is not None or self.bar is None or not self.programmed:
            return super().prepare(weight)
        held = torch.from_numpy(self.bar.state.weight)
        w = self.layout.tiled(held)
        if self.training and weight.requires_grad and torch.is_grad_enabled():
            w = Held.apply(weight, self.bound, w, self.layout, self.direct)
        variance = (
            self.layout.tiled(torch.from_numpy(self.bar.state.variance)) if self.read_variance else None
        )
        return Prepared(w, variance, self.bound)

    def product(self, x: Tensor, prepared: Prepared) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs); learning counts apart from inference."""
        if self.bar is None or not self.programmed or self.recorder is not None:
            return super().product(x, prepared)
        if not fast.fits(x):
            raise InputError(f"{self.name}: inputs are {x.dtype} on {x.device}; give float32 on a CPU")
        return self._compiled_product(x, prepared)

    def answer(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(vectors, outputs) of x (vectors, inputs), bias (outputs,) added: by one kernel each way."""
        if (
            self.direct
            and self.training
            and self.programmed
            and self.recorder is None
            and x.numel() * self.layout.columns <= fast.ALONE
            and torch.is_grad_enabled()
            and fast.fits(x)
        ):
            found: Tensor = direct.Learned.apply(x, weight, bias, self)
            return found
        return super().answer(x, weight, bias)

    def conducting(self, w: Tensor) -> NDArray[np.float64]:
        """Learning is counted too."""
        if self.bar is None or not self.programmed:
            return super().conducting(w)
        found: NDArray[np.float64] = self.bar.state.row_on
        return found

    def counting(self) -> Tally:
        """Learning counts apart from inference."""
        return self.learned if self.training and self.programmed else self.tally

    def _sums(self, x: Tensor, prepared: Prepared) -> Tensor:
        """The error goes back through the cells."""
        learns = x.requires_grad or (self.direct and prepared.w.requires_grad)
        if not (learns and self.programmed):
            return super()._sums(x, prepared)
        sums: Tensor = Product.apply(x, prepared.w, prepared.variance, self)
        return sums

    def key(self) -> int:
        """Learning and inference draw apart: what is learned never depends on what was asked."""
        if not self._chancy:
            return 0
        return (self.chance if self.training else self.asking).key()

    def read_back(self, error: Tensor, w: Tensor, variance: Tensor | None) -> Tensor:
        """A transposed read: (tiles, vectors, tall) of error (tiles, vectors, columns) and w (tiles, tall, columns)."""
        assert self.bar is not None
        encoder, on = self.seen_by_kernels().encoder, self.bar.state.row_on
        return read_back(
            self.back, error, w, variance, encoder=encoder, row_on=on, key=self.key(), tally=self.back_tally
        )

    # --- cells

    def settle(self, inputs: float, sums: float) -> None:
        """Fix the ranges, with room for sums as for weights, and for inputs that depend on what is learned."""
        if self.by_row:  # a row is driven with 1, and its sum is one weight
            super().settle(inputs, sums)
            return
        room = self.p["range.headroom"] if self.grows else 1.0
        super().settle(inputs * room, sums * self.back.headroom)

    def bounds(self, weight: Tensor) -> Tensor:
        """The range of weight (outputs, rows), with room to grow."""
        return super().bounds(weight) * self.back.headroom

    @torch.no_grad()
    def program(self, weight: Tensor, seed: int) -> None:
        """Program the cells of chip number `seed` to weight (outputs, rows); learning starts anew."""
        bound = self.bounds(weight)
        wanted = (weight / bound[:, None]).clamp(-1, 1).float().numpy()
        self._hold(programmed(self.p, self.layout, wanted, name=self.name, seed=seed))
        assert self.bar is not None
        self.bound.copy_(bound)
        self.age.zero_()
        self.start = self.bar.state.counts.copy()
        self.start_writes = self.bar.state.cells.writes.astype(np.int64)
        self.tally.pulses, self.tally.verify_reads = self.programming()
        self.learned.clear()
        self.back_tally.clear()
        self.back.reach[0] = 0
        self.chance.restart(seed)
        self.updates = self.examples = 0
        self.forget()
        if self.trains is not None:
            self.trains = None
            self.by_pulses()
        self.asking.restart(seed)
        self.programmed = True
        self._take_over()

    def _hold(self, bar: Crossbar) -> None:
        """These are the cells."""
        self.bar = bar
        self.lines = written_as(bar), scratch(self.layout.columns, ROOM + 2)
        self._surround(bar.periphery, self.conductance)

    def programming(self) -> tuple[int, int]:
        """Pulses and verifying reads of programming."""
        return int(self.start[PULSES]), int(self.start[VERIFY_READS])

    @torch.no_grad()
    def descend(self, gradient: Tensor | None, rate: float, keep: float, weight: Tensor) -> None:
        """Ask the weights for -rate times gradient (outputs, rows); None: that of the factors, which it then forgets.

        Of each column the share `keep` of the changes, the largest, is written; weight (outputs, rows) follows.
        """
        if self.bar is None or not self.programmed:
            raise InputError(f"{self.name} is not programmed, so it can't learn; call program(model) first")
        insitu_writes.descend(self, gradient, rate, keep, weight)
        self._written(keep)

    def by_pulses(self) -> None:
        """From now on updates are random pulses that coincide on rows and columns; InputError where they can't be."""
        made = insitu_writes.trains(self)
        self.trains = made if self.trains is None else self.trains

    @torch.no_grad()
    def pulse(self, rate: float, weight: Tensor) -> None:
        """Give the cells the pulses of the factors that wait, and forget these; weight (outputs, rows) follows."""
        if self.bar is None or self.trains is None or not self.programmed:
            raise InputError(f"{self.name} is not programmed, so it can't learn; call program(model) first")
        insitu_writes.pulse(self, rate, weight)
        self._written(self.kept)

    def _written(self, keep: float) -> None:
        """An update is done."""
        self.forget()
        self.updates, self.kept = self.updates + 1, keep
        if self.layout.padded:  # kernels see a copy of the weights
            self._views = None

    def gradient(self) -> Tensor:
        """(outputs, rows) of the factors that wait."""
        return insitu_writes.gradient(self)

    def forget(self) -> None:
        """No gradient waits."""
        self.factors.clear()
        self.seen.clear()

    @property
    def waits(self) -> bool:
        """Whether a gradient waits as factors."""
        return bool(self.factors or self.seen)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has no optimiser yet that would take its factors."""
        super().__setstate__(state)
        self.direct = False
        self.forget()

    def _memory(self) -> tuple[fast.Array, fast.Array, fast.Array]:
        """What kernels read: the cells' own memory where every tile is full."""
        if self.bar is None:
            return super()._memory()
        state, layout = self.bar.state, self.layout
        variance = layout.tiled(torch.from_numpy(state.variance)).numpy() if self.read_variance else None
        weight = layout.tiled(torch.from_numpy(state.weight)).numpy()
        return weight, fast.NONE[np.float32, 3] if variance is None else variance, state.row_on

    def _take_over(self) -> None:
        """What other methods know of the cells: their conductance, and what reads of them need."""
        assert self.bar is not None
        self._views = None
        cells = self.layout.unstacked(self.bar.state.cells.conductance)
        self.conductance.copy_(torch.from_numpy(np.ascontiguousarray(cells)))

    @torch.no_grad()
    def refresh(self) -> None:
        """Products use the cells themselves; nothing else is kept in step."""
        self._views = None

    @torch.no_grad()
    def drift(self, seconds: float) -> None:
        """Drift between programming and a later time doesn't know of writes in between."""
        raise InputError(
            f"{self.name} learns in situ: drift() counts from programming and doesn't know when a cell was last "
            "written; take the model off with from_chip and put it on arrays without learn='in-situ'"
        )

    def weights(self) -> Tensor:
        """(outputs, rows) the layer's weight as the cells hold it now."""
        if self.bar is None:
            return super().weights()
        return self.layout.unstacked(torch.from_numpy(self.bar.state.weight)) * self.bound[:, None]

    def counted(self) -> tuple[ArrayTally, ArrayTally]:
        """What learning did since programming: products forward and writes; transposed reads."""
        return insitu_state.counted(self)

    def writes(self) -> NDArray[np.int64]:
        """(layers, inputs, columns) pulses that each cell has seen since it was programmed."""
        if self.bar is None or self.start_writes is None:
            raise InputError(f"{self.name} is not programmed; call program(model) first")
        found: NDArray[np.int64] = self.bar.state.cells.writes.astype(np.int64) - self.start_writes
        return found

    # --- state (torch/insitu_state.py)

    def numbers(self) -> NDArray[np.float64]:
        """(14,) all counters that aren't in the cells' state."""
        return insitu_state.numbers(self)

    def drawn(self) -> dict[str, NDArray[Any]]:
        """What pulses leave behind: their generator and counts; nothing where cells are written one by one."""
        one = self.trains
        return {} if one is None else {"words": one.scheme.state.words, "counts": one.counts}

    def fabricate(self) -> None:
        """Have cells of this chip, whose state is about to be loaded."""
        if self.bar is None:
            weight = np.zeros((self.layout.outputs, self.layout.rows), np.float32)
            self._hold(programmed(self.p, self.layout, weight, name=self.name, seed=self.chance.seed))

    def forget_views(self) -> None:
        """Cells were changed from outside; kernels look at them afresh."""
        self._views = None

    def take_numbers(self, given: NDArray[np.float64]) -> None:
        """What `numbers` gave."""
        insitu_state.take_numbers(self, given)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ever, but cells can't be moved or have another type."""
        found = super()._apply(*args, **kwargs)
        if self.bound.dtype != torch.float32 or self.bound.device.type != "cpu":
            raise InputError(
                f"{self.name} learns in situ, in float32 on a CPU; it can't be moved or converted"
            )
        return found

    def get_extra_state(self) -> Any:
        """Seed, generators used, whether it is programmed; cells, counters and ranges of transposed reads."""
        return insitu_state.extra_state(self, super().get_extra_state())

    def set_extra_state(self, state: Any) -> None:
        """What `get_extra_state` gave."""
        super().set_extra_state(state["base"])
        insitu_state.take_extra_state(self, state)
