"""What SAS-MRAM is expected to do against what a real small chip counts: the same but for what updates change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from test_sas_mram_chip import examples  # noqa: E402

from cimlearn.arrays.training import OPERANDS  # noqa: E402
from cimlearn.chips import build, design, parameters  # noqa: E402
from cimlearn.chips.base import Design  # noqa: E402
from cimlearn.chips.sas_mram.chip import SasMram  # noqa: E402
from cimlearn.costs import prices  # noqa: E402
from cimlearn.costs.base import Costs  # noqa: E402
from cimlearn.costs.lifetime import Rates  # noqa: E402
from cimlearn.costs.models import Done, pricing  # noqa: E402
from cimlearn.experiments.pricing import expected_wear, price  # noqa: E402
from cimlearn.learning.reservoir import expected_stored  # noqa: E402
from cimlearn.ledger import Ledger  # noqa: E402
from cimlearn.streams.base import StreamShape  # noqa: E402

SHAPE = StreamShape(28, 28, 3, False)
ROUNDING = 1e-12  # sums in another order
LEARNED, PREDICTED, TASKS = 21, 5, 2
RECIPE: dict[str, Any] = {"rule.batch": 4, "rule.horizon": 300}
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "last layer": {"network.train": "last"},
    "biases": {"network.train": "bias"},
    "Rep-Net and biases": {"network.train": "repnet+bias"},
    "integer norm and momentum": {"network.norm": "batch", "rule.momentum": 3},
    "norms folded, exponents of the last batch": {
        "network.norm": "batch",
        "network.refold": 2,
        "network.exponents": "last",
    },
    "everything": {"network.train": "full"},
    "exponents of the last batch": {"network.exponents": "last"},
    "everything, transposable": {"network.train": "full", "array.transpose": "transposable"},
    "batches that tasks fill": {"rule.batch": 1},
    "one batch": {"rule.batch": 64},
    "shared": {"network.tasks": "shared", "replay.slots": 30},
    "shared, three replayed": {"network.tasks": "shared", "replay.slots": 6, "replay.ratio": 3},
    "shared, batch larger than the task": {"network.tasks": "shared", "replay.slots": 30, "rule.batch": 64},
    "shared without replay": {"network.tasks": "shared", "replay.slots": 0},
    "shared with slots for nothing": {"network.tasks": "shared", "replay.ratio": 0},
    "transposable": {"array.transpose": "transposable"},
    "transposes in SRAM": {"array.transpose": "sram"},
    "gradients in MRAM": {"array.gradient": "mram"},
    "small sub-arrays": {"array.rows": 48, "array.columns": 64, "array.active": 20, "array.available": 3},
    "all at once": {"array.available": 0},
    "larger images": {"network.side": 48},
    "single cells": {"cell.technology": "sot-mram"},
    "lines of two": {"line.bits": 2},
    "lines of three": {"line.bits": 3},
    "SRAM": {"cell.technology": "sram"},
    "two of four": {"rule.sparsity": "2:4"},
    "MRAM and SRAM": {"cell.technology": "sas-mram+sram"},
    "three memories": {"cell.technology": "sas-mram+sram+rram", "array.transpose": "sram", "rule.residue": 8},
}
# What depends on data or chance. Every other count is exactly the expected one.
DEPENDS = {"bits_flipped", "bits_driven"}
REPLAYED = {"stored", "bits_written"}  # of the replay memory, once it is full


def made(case: str) -> tuple[SasMram, Any]:
    """A chip that has learned two tasks of 11 and 10 images, and its parameters."""
    p = parameters("sas-mram", RECIPE | CASES[case])
    chip = build("sas-mram", "chip", parameters=p, shape=SHAPE, seed=3)
    assert isinstance(chip, SasMram)
    x, y = examples(LEARNED)
    for task, (low, high) in enumerate(((0, 11), (11, LEARNED))):
        chip.start_task(task)
        chip.learn(x[low:high], y[low:high])
        chip.end_task()
    chip.predict(x[:PREDICTED], 0)
    return chip, p


def told(p: Any, **shares: Any) -> Design:
    """What is expected of it."""
    own = prices.parameters({"expected.tasks": TASKS, **shares}, "bitserial")
    return design("sas-mram", p.merged(own), SHAPE, learned=LEARNED, predicted=PREDICTED)


def flat(ledger: Ledger) -> dict[tuple[str, str, str], int]:
    """Every count by phase, part and action."""
    return {
        (phase, part, action): n
        for phase, parts in ledger.counts.items()
        for part, actions in parts.items()
        for action, n in actions.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_expected_is_measured(case: str) -> None:
    chip, p = made(case)
    real, found = chip.ledger(), told(p)
    counted, expected = flat(real), flat(found.ledger)
    assert expected.keys() == counted.keys()
    full = 0 < len(chip.memory.state.y) < LEARNED
    for key, n in counted.items():
        _, part, action = key
        if (
            action not in DEPENDS
            and part != "operands"
            and not (full and part == "buffer" and action in REPLAYED)
        ):
            assert expected[key] == n, key
    assert sum(n > 0 for n in counted.values()) >= 24
    assert found.inventory == chip.inventory()
    assert found.cell == chip.figures()
    assert found.cells == sum(w.size for w in chip.writes().values())
    assert found.writes == found.ledger.counts["learn"]["cells"]["bits_driven"] > 0


def numbers(told: dict[str, Any], start: str = "") -> dict[str, float]:
    """Every number of a JSON object, by its path."""
    found: dict[str, float] = {}
    for key, value in told.items():
        name = f"{start}.{key}"
        found |= numbers(value, name) if isinstance(value, dict) else {name: value}
    return {name: value for name, value in found.items() if value is not None}


def costs(chip: SasMram, p: Any, rates: Rates) -> Costs:
    """What the run costs that the chip has had."""
    done = Done(chip.ledger(), chip.inventory(), p, chip.figures(), LEARNED, rates)
    return pricing("bitserial").costs(done, prices.parameters(model="bitserial"), None)


@pytest.mark.parametrize("case", ["default", "transposes in SRAM", "single cells", "shared"])
def test_costs_before_are_those_after(case: str) -> None:
    """With the shares that a run measured, its costs are expected exactly; with others, all but those of writes."""
    chip, p = made(case)
    copies = 2 if p["array.transpose"] == "copy" else 1
    ledger = chip.ledger().counts["learn"]
    bits = ledger["update"]["mram_bits_written"] / copies
    shares = [ledger["cells"]["bits_flipped"] / bits] + 3 * [ledger["cells"]["bits_driven"] / bits]
    seen = ledger["operands"]
    ones = [seen[f"{name}_ones"] / seen[f"{name}_bits"] for name in OPERANDS]
    own = {
        "expected.driven": shares, "expected.tasks": TASKS, "expected.examples": LEARNED, "expected.ones": ones,
    }  # fmt: skip
    q = prices.parameters(own | {"expected.wear": 1}, "bitserial")
    before = price("sas-mram", p, q, SHAPE)
    after = costs(chip, p, expected_wear(told(p, **own), LEARNED, (1.0,)))
    assert before.twin == after.twin == {}
    figures = numbers(after.as_dict())
    assert len(figures) > 40
    assert numbers(before.as_dict()) == pytest.approx(figures, rel=ROUNDING)

    usual = price("sas-mram", p, prices.parameters(own | {"expected.driven": [0.5] * 4}, "bitserial"), SHAPE)
    for name, phase in after.phases.items():
        other = usual.phases[name]
        assert other.seconds == pytest.approx(phase.seconds, rel=ROUNDING)
        assert other.operations == phase.operations
        differ = {
            part for part, n in phase.parts.items() if other.parts[part] != pytest.approx(n, rel=ROUNDING)
        }
        assert differ == ({"mram_writes"} if name == "learning" else set())
    assert usual.area == after.area


def test_wear_is_the_mean_of_what_cells_saw() -> None:
    chip, p = made("default")
    writes = list(chip.writes().values())
    mean = sum(int(w.sum()) for w in writes) / sum(w.size for w in writes) / LEARNED
    driven = chip.ledger().counts["learn"]["cells"]["bits_driven"]
    found = told(p)._replace(writes=driven)
    assert expected_wear(found, LEARNED, (0.0, 1.0, 3.0)).mean == pytest.approx(mean)


def test_a_backbone_without_its_weights(tmp_path: Path) -> None:
    """MobileNetV2 is priced from sizes alone; a run with (random) weights counts the same."""
    from safetensors.torch import save_file

    from cimlearn.networks.backbones import build as backbone

    save_file(backbone("mobilenet_v2").public_state(), tmp_path / "weights.safetensors")
    settings = {"network.backbone": "mobilenet_v2", "network.side": 64, "rule.batch": 2}
    expected = design(
        "sas-mram",
        parameters("sas-mram", settings).merged(prices.parameters({"expected.tasks": 1}, "bitserial")),
        SHAPE,
        learned=3,
        predicted=1,
    )
    p = parameters("sas-mram", settings | {"network.weights": str(tmp_path / "weights.safetensors")})
    chip = build("sas-mram", "chip", parameters=p, shape=SHAPE, seed=0)
    x, y = examples(3)
    chip.learn(x, y)
    chip.end_task()
    chip.predict(x[:1])
    counted, told = flat(chip.ledger()), flat(expected.ledger)
    differ = {key for key in counted if counted[key] != told[key] and key[1] != "operands"}
    assert differ <= {("learn", "cells", action) for action in DEPENDS}
    assert expected.inventory == chip.inventory()


def test_lines_have_their_own_share() -> None:
    """1000 updates of single images, 3 classes: 384 weights of the head, 3,072 bits; lines of 1 to 16.

    3 bits lie between 2 and 4; two weights in a line are both left alone with 0.6 x 0.6.
    """
    shares = {"expected.driven": [0.1, 0.2, 0.3, 0.4], "expected.tasks": 1}
    for line, wanted in ((1, 0.1), (2, 0.2), (3, 0.25), (4, 0.3), (8, 0.4), (16, 0.64)):
        p = parameters("sas-mram", {"network.train": "last", "rule.batch": 1, "line.bits": line})
        own = prices.parameters(shares, "bitserial")
        cells = design("sas-mram", p.merged(own), SHAPE, learned=1000, predicted=1).ledger.counts["learn"][
            "cells"
        ]
        assert cells["bits_flipped"] == 307_200
        assert cells["bits_driven"] == pytest.approx(wanted * 3_072_000, abs=1)


@pytest.mark.parametrize("slots", [0, 1, 500])
def test_a_reservoir_stores_as_expected(slots: int) -> None:
    """All of the first, then the n-th with probability slots / n; the logarithm stands for that sum."""
    for offered in (0, 1, 500, 501, 20_000):
        late = sum(slots / n for n in range(slots + 1, offered + 1)) if slots else 0.0
        assert expected_stored(offered, slots) == pytest.approx(min(offered, slots) + late, abs=1.1)
