"""The cells of one array, programmed by the device's own physics: `arrays.build.crossbar`, in weights up to 1.

Programming happens once, so it runs in the compiled kernels that M2RU is programmed with: device, spread of cells,
write-verify, stuck cells. What training needs of it is a curve: the mean and the spread of the error that programming
leaves, as functions of the weight that was wanted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.arrays.build import crossbar, describe_periphery
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.periphery import Periphery, periphery
from cimlearn.devices.catalog import device
from cimlearn.parameters import Parameter, ParameterSet
from cimlearn.torch.layout import Layout

TARGETS: Final = 33  # wanted weights of the error curve, from -1 to 1
TRIALS: Final = 256  # cells for each
ROUNDING: Final = 1e-6  # no device errs by less


class Mapping(NamedTuple):
    """w = scale (sum_l s_l G_l - reference), |w| <= 1, on `layers` cells (arrays/crossbar.py)."""

    layers: int
    signs: float  # sum of s_l
    scale: float  # weight per siemens [ohm]
    reference: float  # [S]
    middle: float  # conductance of a cell of weight 0 [S]


class Curve(NamedTuple):
    """The error of programming at weights evenly spaced from -1 to 1."""

    mean: NDArray[np.float32]  # (TARGETS,)
    spread: NDArray[np.float32]  # (TARGETS,) standard deviation


def capacitance(p: ParameterSet, scale: float, reach: float) -> float | None:
    """The integrators' capacitor [F] that reaches its range at a sum of `reach`; None where they have no range.

    C_f = V_r T_b reach / (scale V_sat): arrays.periphery.volts_per_unit, turned round.
    """
    if p["periphery.saturation"] is None:
        return None
    charge = p["periphery.read_voltage"] * p["periphery.integration"] / (p["periphery.clock"] * scale)
    return float(charge * reach / p["periphery.saturation"])


def settled(p: ParameterSet, name: str, reach: float) -> ParameterSet:
    """`p` with what an array called `name` needs: weights up to 1, integrators that reach to sums of `reach`."""
    found = capacitance(p, mapping(p).scale, reach)
    own = {
        f"mapping.{name}_range": (1.0, "1", "largest weight, as a part of the layer's own"),
        f"periphery.{name}_capacitance": (found or 1e-12, "F", "feedback capacitor of the integrators"),
    }
    entries = {
        key: Parameter(
            value=value, unit=unit, origin="derived", source="the layer's weights and sample", help=what
        )
        for key, (value, unit, what) in own.items()
    }
    return p.merged(ParameterSet(entries))


def mapping(p: ParameterSet) -> Mapping:
    """How weights up to 1 are mapped to conductances (arrays.build.crossbar)."""
    cells, paired = p["mapping.cells"], p["mapping.kind"] == "pair"
    low, high = device(p.part("device")).window()
    return Mapping(
        layers=cells * (2 if paired else 1),
        signs=0.0 if paired else float(cells),
        scale=(1 if paired else 2) / (cells * (high - low)),
        reference=0.0 if paired else 0.5 * cells * (low + high),
        middle=0.5 * (low + high),
    )


def programmed(
    p: ParameterSet, layout: Layout, weight: NDArray[np.float32], *, name: str, seed: int, reach: float = 1.0
) -> Crossbar:
    """A crossbar programmed to weight (outputs, rows) in -1 .. 1, its groups one above the other.

    Tiles and periphery are those of `layout`: no tile holds rows of two groups.
    """
    own = settled(p, name, reach)
    wanted = np.ascontiguousarray(layout.stacked(weight), np.float32)
    bar = crossbar(device(own.part("device")), own, wanted, name=name, seed=seed)
    around = surrounding(p, layout, name=name, seed=seed, reach=reach)
    starts = [layout.borders[:-1] + group * layout.rows for group in range(layout.groups)]
    return bar._replace(periphery=around, tiles=np.append(np.concatenate(starts), layout.inputs))


def surrounding(p: ParameterSet, layout: Layout, *, name: str, seed: int, reach: float = 1.0) -> Periphery:
    """The periphery of an array; sums in units of its range where `reach` is 1."""
    return periphery(
        describe_periphery(settled(p, name, reach), name),
        scale=mapping(p).scale,
        tiles=layout.groups * layout.tiles,
        columns=layout.columns,
        seed=seed,
        name=name,
    )


def curve(p: ParameterSet, seed: int) -> Curve:
    """What programming leaves: TRIALS fresh weights for each of TARGETS wanted ones."""
    wanted = np.repeat(np.linspace(-1, 1, TARGETS, dtype=np.float32)[:, None], TRIALS, axis=1)
    own = settled(p, "trial", 1.0)
    bar: Any = crossbar(device(own.part("device")), own, wanted, name="trial", seed=seed)
    error = bar.state.weight - wanted
    error[np.abs(error) < ROUNDING] = 0  # conductances are float32
    return Curve(error.mean(axis=1, dtype=np.float32), error.std(axis=1, dtype=np.float32))
