"""Every chip and twin of this package against the public checks of a chip."""

from __future__ import annotations

from typing import Any

import pytest

from cimlearn import chips
from cimlearn.streams.base import StreamShape
from cimlearn.testing import Check, checks

pytest.importorskip("torch", reason="two of the chips learn with PyTorch")

M2RU: dict[str, Any] = {
    "network.hidden": 8,
    "replay.slots": 12,
    "replay.random": "lfsr",
    "rule.batch": 2,
    "rule.centre_over": 20,
    "write.least": 0.01,
    "cell.stuck": 0.02,
    "adam.batch": 6,
}
SAME = ("m2ru-lowohmic",)  # another name of m2ru's parameters (tests/chips/test_designs.py)
SMALL: dict[str, dict[str, Any]] = {
    "m2ru": M2RU,
    "m2ru-highohmic": M2RU,
    "sas-mram": {
        "rule.batch": 8,
        "rule.horizon": 64,
        "network.tasks": "shared",
        "replay.slots": 6,
        "rule.flip": True,
        "faults.write_error": "1e-3",
        "faults.stuck": 0.01,
    },
}
SHAPES = {
    **dict.fromkeys(("m2ru", "m2ru-highohmic"), StreamShape(4, 4, 3, False)),
    "sas-mram": StreamShape(16, 16, 3, False),
}


def test_every_chip_is_checked() -> None:
    assert sorted([*SMALL, *SAME]) == chips.names()


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}:{check}")
        for name in SMALL
        for check in checks(chips.kind(name), settings=SMALL[name], shape=SHAPES[name])
    ],
)
def test_contract(check: Check) -> None:
    check()
