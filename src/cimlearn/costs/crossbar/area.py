"""Area by part [m2]: pieces of the inventory times the area of one."""

from __future__ import annotations

from collections.abc import Mapping

from cimlearn.costs.base import Parts
from cimlearn.costs.crossbar.drivers import driver_width, references
from cimlearn.costs.crossbar.energy import ANALOG_FEATURE, converter_area
from cimlearn.costs.crossbar.machine import Machine
from cimlearn.costs.crossbar.twin import memories_area
from cimlearn.costs.logic import logic_area
from cimlearn.parameters import ParameterSet


def area(m: Machine, p: ParameterSet, mean: Mapping[str, float]) -> Parts:
    """Area of each part of the chip [m2]; wiring between the parts is not in it.

    `mean` is the mean conductance of each array's cells [S], for drivers that are sized.
    """
    feature = p["technology.feature"]
    analog = (feature / ANALOG_FEATURE) ** 2

    def pieces(kind: str) -> int:
        return sum(a[kind] for a in m.arrays.values())

    cells = pieces("cells") + sum(
        references(m, p, name) * a["level_shifters"] for name, a in m.arrays.items()
    )
    widths = sum(driver_width(p, m, name, mean[name]) * a["level_shifters"] for name, a in m.arrays.items())
    capacitors = sum(a["integrators"] * m.capacitance[name] for name, a in m.arrays.items())
    return {
        "cells": cells * p["price.cell_features"] * feature**2,
        "level_shifters": pieces("level_shifters") * p["price.shifter_area"] * analog
        + widths * p["price.driver_pitch"] * feature,
        "integrators": capacitors * (1 + p["price.load"]) / p["price.capacitor"]
        + pieces("integrators") * p["price.amplifier_area"] * analog,
        "converters": pieces("converters") * converter_area(p, m.converter_bits),
        "kwta": m.kwta_inputs * p["price.kwta_area"] * analog,
        "logic": logic_area(p, m.lanes, m.state_bits, m.word_bits, m.change_bits),
        "memories": memories_area(m, p),
    }
