"""Every array of this package against the public checks of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cimlearn.arrays.build import crossbar
from cimlearn.arrays.plain import plain
from cimlearn.chips import parameters
from cimlearn.devices.catalog import device
from cimlearn.testing import Check, checks
from cimlearn.testing.arrays import ArrayKind

EXACT: dict[str, Any] = {
    "device.kind": "ideal",
    "cell.variation": 0,
    "cell.read_noise": 0,
    "periphery.input_bits": "none",
    "periphery.converter_bits": "none",
    "periphery.saturation": "none",
    "periphery.cycle_mismatch": 0,
    "periphery.column_mismatch": 0,
    "periphery.offset": 0,
    "periphery.thermal": 0,
}
PAIRS = {"mapping.kind": "pair", "mapping.cells": 2, "tile.rows": 5}


def _crossbar(**settings: Any) -> ArrayKind:
    p = parameters(
        "m2ru-lowohmic", settings.pop("base", {}) | {k.replace("__", "."): v for k, v in settings.items()}
    )

    def build(weight: np.ndarray) -> Any:
        return crossbar(device(p.part("device")), p, weight, name="hidden", seed=1)

    exact = p["device.kind"] == "ideal"
    return ArrayKind(build, 1e-5 if exact else 1.0)


ARRAYS = {
    "plain": ArrayKind(plain),
    "ideal": _crossbar(base=EXACT),
    "ideal pairs": _crossbar(base=EXACT | PAIRS),
    "default": _crossbar(),
    "levels": _crossbar(device__kind="levels"),
    "vteam": _crossbar(device__kind="vteam"),
    "accumulators and verify": _crossbar(write__least=0.05, write__tries=3),
}


@pytest.mark.parametrize(
    "check",
    [pytest.param(check, id=f"{name}:{check}") for name, kind in ARRAYS.items() for check in checks(kind)],
)
def test_contract(check: Check) -> None:
    check()
