"""Tiki-Taka: rows move from a fast array to a slow one as the equations say; zero shift finds the symmetry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
from hardware import QUIET

from cimlearn.arrays.plain import plain
from cimlearn.chips import parameters
from cimlearn.chips.m2ru.fast import FAST, fast_design
from cimlearn.errors import InputError
from cimlearn.learning.transfer import HIDDEN, OUTPUT, Transfer, TransferScratch, TransferState, put, settle
from cimlearn.random import kernel_state

SHAPES = {"hidden": (5, 4), "output": (4, 3)}


@numba.njit
def _update(transfer, hidden, output, change, other):
    put(transfer, HIDDEN, hidden, change)
    put(transfer, OUTPUT, output, other)
    settle(transfer, hidden, output)


def fast_plain(chop: float) -> Transfer:
    """Fast arrays without physics: each second update moves two rows."""
    return Transfer(
        every=2,
        rows=2,
        rate=0.25,
        gain=0.5,
        chop=chop,
        hidden=plain(np.zeros(SHAPES["hidden"])),
        output=plain(np.zeros(SHAPES["output"])),
        state=TransferState(
            np.zeros(1, np.int64),
            np.zeros(2, np.int64),
            np.ones(5, np.float32),
            np.ones(4, np.float32),
            kernel_state(0, "transfer"),
        ),
        scratch=TransferScratch(*(np.zeros(s, np.float32) for s in ((2, 1), (2, 1, 4), (2, 1, 3)))),
    )


@pytest.mark.parametrize("chop", [0.0, 1.0])
def test_rows_move_in_turn(chop: float) -> None:
    """12 updates against the same in float64; with chop = 1 every row that was moved turns its sign."""
    transfer = fast_plain(chop)
    slow = {name: plain(np.zeros(shape)) for name, shape in SHAPES.items()}
    rng = np.random.default_rng(0)
    fast, wanted = ({n: np.zeros(s) for n, s in SHAPES.items()} for _ in range(2))
    signs, turn = {n: np.ones(s[0]) for n, s in SHAPES.items()}, dict.fromkeys(SHAPES, 0)
    for update in range(1, 13):
        changes = {n: rng.uniform(-0.05, 0.05, s).astype(np.float32) for n, s in SHAPES.items()}
        for name, change in changes.items():
            fast[name] += 0.5 * signs[name][:, None] * change
            for _ in range(2 if update % 2 == 0 else 0):
                i = turn[name]
                wanted[name][i] += 0.25 * signs[name][i] * fast[name][i]
                signs[name][i] *= -1 if chop else 1
                turn[name] = (i + 1) % len(signs[name])
        _update(transfer, slow["hidden"], slow["output"], changes["hidden"].copy(), changes["output"].copy())
    for name in SHAPES:
        assert np.allclose(getattr(transfer, name).state.weight, fast[name], atol=1e-6)
        assert np.allclose(slow[name].state.weight, wanted[name], atol=1e-6) and np.any(wanted[name])


def chip(kind: str, **changes: Any) -> Any:
    """Parameters of quiet arrays of a kind of cell."""
    own = {"write.scheme": "transfer", "device.kind": kind}
    return parameters("m2ru-lowohmic", {**QUIET, **own, **changes})


def test_a_fast_array_has_a_capacitor_for_one_row() -> None:
    p = chip("ideal", **{"periphery.saturation": 0.8})
    for slow, fast in FAST.items():
        one = parameters("m2ru-lowohmic", {**QUIET, "device.kind": "ideal", "periphery.saturation": 0.8})
        assert 0 < p[f"periphery.{fast}_capacitance"] < one[f"periphery.{slow}_capacitance"]
    assert fast_design(chip("gokmen", **{"transfer.zero_pulses": 10}))["mapping.kind"] == "pair"


ZERO = """
import json, sys
import numpy as np
from cimlearn.chips import parameters
from cimlearn.chips.m2ru.fast_arrays import make_transfer
p = parameters("m2ru-lowohmic", json.loads(sys.argv[1]))
bar = make_transfer(p, {"hidden": (3, 3), "output": (1, 1)}, seed=1, on="chip").hidden
place = (bar.state.cells.conductance - bar.device.middle) / bar.device.half
found = (place, bar.state.cells.gain[0], bar.state.weight, bar.state.cells.writes)
print(json.dumps([one.tolist() for one in found]))
"""


def test_zero_shift_finds_the_symmetry_point() -> None:
    """Soft bounds: up (1 - w / h) = down (1 - w / l) at w = (up - down) / (up / h - down / l), of each cell.

    Within 0.02: steps are 0.002, and 1,000 pulses each way leave 2 % of the way. As Python, which compiles nothing.
    """
    still: dict[str, Any] = dict.fromkeys(
        ("device.write_noise", "device.cycle", "device.cycle_absolute"), 0.0
    )
    more = {"transfer.zero_pulses": 2000, "write.tolerance": 0.002, "write.first_tries": 20}
    kind = {"write.scheme": "transfer", "device.kind": "reram-sb", "device.asymmetry_spread": 0.1}
    words = [sys.executable, "-W", "ignore", "-c", ZERO, json.dumps({**QUIET, **still, **more, **kind})]
    done = subprocess.run(
        words, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=True
    )
    place, own, weight, writes = (np.array(one) for one in json.loads(done.stdout))
    up, down, low, high = np.moveaxis(own[..., :4], -1, 0)
    wanted = (up - down) / (up / high - down / low)
    assert np.allclose(place[0], wanted, atol=0.02) and np.ptp(wanted) > 0.1
    assert np.mean(np.abs(weight)) < 0.02
    assert np.all(writes[0] >= 2000)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule.follow": 2}, r"rule\.follow = 2 is not simulated with write\.scheme = transfer"),
        ({"mapping.kind": "pair"}, r"mapping\.kind = pair is not simulated with write\.scheme = transfer"),
        ({"transfer.zero_pulses": 5}, r"transfer\.zero_pulses = 5 needs cells that are written by pulses"),
        ({"periphery.transconductance": 1e-3}, r"not simulated with write\.scheme = transfer"),
    ],
)
def test_what_fast_arrays_lack_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parameters("m2ru-lowohmic", {"write.scheme": "transfer", "device.kind": "ideal", **settings})
