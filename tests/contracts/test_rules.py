"""A design that contradicts itself is refused by every door, with one line that names both numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cimlearn import chips, cli
from cimlearn.errors import InputError
from cimlearn.experiments.pricing import price_design

REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "low above high": ({"device.low": 1e-3}, ("device.low = 0.001 S", "device.high")),
    "read above write": (
        {"periphery.read_voltage": 1.5},
        ("periphery.read_voltage = 1.5 V", "periphery.threshold = 1 V"),
    ),
    "read above vteam's threshold": (
        {"device.kind": "vteam", "periphery.read_voltage": 0.1},
        ("periphery.read_voltage = 0.1 V", "device.v_off = 0.02 V"),
    ),
    "integrators below a weight": (
        {"mapping.kind": "pair", "mapping.cells": 64},
        ("periphery.hidden_capacitance = 2e-12 F", "largest weight 2"),
    ),
    "converter without a range": (
        {"periphery.saturation": None},
        ("periphery.saturation = none", "periphery.converter_bits"),
    ),
    "wires without a reference": (
        {"periphery.wire": 1.0, "mapping.kind": "reference"},
        ("periphery.wire = 1 ohm", "periphery.reference_group = none"),
    ),
    "drift without a clock": (
        {"cell.drift": 0.05, "operation.rate": 0},
        ("cell.drift = 0.05", "operation.rate = 0"),
    ),
    "a pair that tracks": (
        {"mapping.kind": "pair", "periphery.reference_tracks": "cells"},
        ("periphery.reference_tracks = cells", "mapping.kind = pair"),
    ),
    "slices that age": (
        {"write.scheme": "slices", "mapping.cells": 2, "cell.telegraph": 0.1},
        ("cell.telegraph = 0.1", "write.scheme = slices"),
    ),
    "cells that go up alone": (
        {"device.kind": "pcm-nandakumar", "write.scheme": "cells"},
        ("write.scheme = cells", "device.way = up"),
    ),
    "pairs of cells that go both ways": (
        {"write.scheme": "one-sided"},
        ("write.scheme = one-sided", "device.kind = continuous"),
    ),
    "one-sided cells without pairs": (
        {"device.kind": "pcm-nandakumar", "mapping.cells": 2},
        ("write.scheme = one-sided", "mapping.cells = 2"),
    ),
    "driver without a wire": (
        {"periphery.source_resistance": 10.0},
        ("periphery.source_resistance = 10 ohm", "periphery.wire"),
    ),
    "reference of a pair": (
        {"mapping.kind": "pair", "periphery.reference_group": 4, "periphery.hidden_capacitance": 1e-11},
        ("periphery.reference_group = 4", "mapping.kind = pair"),
    ),
    "noise without an amplifier": (
        {"periphery.noise_factor": 1.3},
        ("periphery.noise_factor = 1.3", "periphery.transconductance"),
    ),
    "levels that rise": (
        {"device.kind": "levels", "device.mean": "1e4,2e4"},
        ("device.mean", "device.spread"),
    ),
    "pulse within the thresholds": (
        {"device.kind": "vteam", "device.v_reset": 0.01},
        ("device.v_reset = 0.01 V", "thresholds"),
    ),
}
# A design without reference columns, amplifiers or noise, and with wide windows: each rule has something to refuse.
DESIGN, BARE = "m2ru-lowohmic", {"rule.feedback": "through"}
NEGATIVE = {"periphery.wire": "-1"}
# What cimlearn.torch has no number for: capacitors are sized by its sample, ranges by its weights. Its layers know one
# write scheme and refuse the others by name before any rule between two parameters.
OTHER_SCHEMES = {"slices that age", "pairs of cells that go both ways", "one-sided cells without pairs"}
NOT_IN_TORCH = {"integrators below a weight", "drift without a clock", *OTHER_SCHEMES}


def words(settings: dict[str, Any]) -> list[str]:
    return [w for n, v in settings.items() for w in ("--set", f"{n}={'none' if v is None else v}")]


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("door", ["run", "price", "show"])
def test_the_command_line_refuses(
    case: str, door: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert cli.main([door, DESIGN, *words(BARE | settings)]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line and all(text in line for text in said), line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", REFUSED)
def test_python_refuses(case: str) -> None:
    settings, said = REFUSED[case]
    given = BARE | settings
    for door in (lambda: chips.parameters(DESIGN, given), lambda: price_design(DESIGN, given)):
        with pytest.raises(InputError) as error:
            door()
        assert all(text in str(error.value) for text in said)


@pytest.mark.parametrize("case", sorted(set(REFUSED) - NOT_IN_TORCH))
def test_torch_refuses(case: str) -> None:
    torch = pytest.importorskip("cimlearn.torch")
    settings, said = REFUSED[case]
    device = settings.get("device.kind", "continuous")
    with pytest.raises(InputError) as error:
        torch.crossbar(
            {n: v for n, v in settings.items() if not n.endswith("hidden_capacitance")}, device=device
        )
    assert all(text in str(error.value) for text in said)


@pytest.mark.parametrize("case", sorted(OTHER_SCHEMES))
def test_torch_knows_one_write_scheme(case: str) -> None:
    torch = pytest.importorskip("cimlearn.torch")
    settings, _ = REFUSED[case]
    with pytest.raises(InputError, match=r"write\.scheme = .* is M2RU's"):
        torch.crossbar(settings, device=settings.get("device.kind", "continuous"))


@pytest.mark.parametrize(
    "settings",
    [
        {"periphery.wire": 1, "mapping.kind": "pair"},
        {"periphery.reference_group": 2, "mapping.kind": "reference"},
        {"periphery.transconductance": 1},
    ],
)
def test_torch_refuses_what_it_does_not_simulate(settings: dict[str, Any]) -> None:
    torch = pytest.importorskip("cimlearn.torch")
    with pytest.raises(InputError, match=r"is not simulated by cimlearn\.torch"):
        torch.crossbar(settings)


def test_a_negative_wire_is_out_of_range() -> None:
    with pytest.raises(InputError, match=r"periphery\.wire = -1 is out of range; allowed: 0 to"):
        chips.parameters("m2ru", NEGATIVE)


def test_vteam_reads_below_its_threshold() -> None:
    p = chips.parameters("m2ru", {"device.kind": "vteam"})
    assert p["periphery.read_voltage"] < p["device.v_off"]
    assert p["periphery.read_voltage"] / p["periphery.hidden_capacitance"] == pytest.approx(0.1 / 2e-12)


def test_endurance_of_the_literature_is_allowed() -> None:
    """IEDM 2018: 1e11; TaOx: 1e12."""
    assert chips.parameters("m2ru", {"cell.endurance": 1e12})["cell.endurance"] == 1e12
