"""What the tests of a digital chip's costs share: a machine small enough for paper, a ledger, a made-up run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from report_run import FIELDS, make_run

from cimlearn.costs import prices
from cimlearn.costs.bitserial.machine import DigitalMachine, digital_machine

HAND = 1e-5  # a number worked out on paper, to six digits
ROUNDING = 1e-12  # sums in another order

# Lines of four bits; every figure round.
CELL: dict[str, Any] = {
    "name": "made-up", "bits_per_write": 4, "write_energy": 1e-13, "write_time": 1e-8, "write_error": 0.0,
    "read_energy": 1e-14, "read_time": 2e-9, "read_error": 0.0, "area": 4e-14, "endurance": 1e6, "leakage": 0.0,
    "loss_rate": 0.0, "volatile": False,
}  # fmt: skip
INVENTORY = {
    "mram": {"bits": 2000, "subarrays": 2, "rows": 64, "columns": 128},
    "sram": {"bits": 512, "subarrays": 1, "rows": 16, "columns": 32},
    "memory": {"replay": 65536, "activations": 32768, "kept": 32768},
    "digital": {"adders": 128, "narrowers": 16},
}
CHIP: dict[str, Any] = {
    "array.rows": 64, "array.columns": 128, "array.active": 4, "array.available": 0, "array.clock": 1e8,
    "array.accumulator": 32, "array.transpose": "copy", "array.gradient": "sram",
}  # fmt: skip
# One column of 4 weights, one vector of 4 inputs: arrays.bitserial.multiplied(Shape(4, 1, 1), SubArray(64, 128, 4)).
PRODUCT = {
    "mram_row_activations": 32, "mram_bits_read": 256, "mram_plane_cycles": 8,
    "adders_popcounts": 64, "adders_shift_adds": 64, "adders_partial_adds": 0,
}  # fmt: skip
COUNTS: dict[str, dict[str, dict[str, int]]] = {
    "predict": {
        "forward": PRODUCT,
        "digital": {"narrowed": 1},
        "memory": {"activation_bits_written": 0, "activation_bits_read": 0},
        "time": {"forward_cycles": 8, "examples": 1, "steps": 1},
    },
    "learn": {
        "forward": PRODUCT,
        "error": {**PRODUCT, "adders_window_adds": 4},
        "gradient": {
            "sram_row_activations": 32, "sram_bits_read": 256, "sram_plane_cycles": 8, "sram_bits_written": 8,
            "sram_rows_written": 1, "adders_popcounts": 32, "adders_shift_adds": 32, "adders_partial_adds": 0,
        },
        "update": {"mram_bits_written": 64, "mram_rows_written": 8},
        "digital": {"narrowed": 6, "relu": 4, "softmax": 2},
        "memory": {"activation_bits_written": 64, "activation_bits_read": 64},
        "buffer": {"offered": 1, "stored": 1, "replayed": 1, "bits_written": 24, "bits_read": 40},
        "cells": {"bits_flipped": 3, "bits_driven": 8},
        "time": {
            "forward_cycles": 8, "error_cycles": 8, "gradient_cycles": 9, "update_cycles": 4,
            "examples": 2, "steps": 1,
        },
    },
}  # fmt: skip


def made(cell: dict[str, Any] | None = None, **changes: Any) -> DigitalMachine:
    """The small machine; `array__clock` stands for array.clock."""
    chip = CHIP | {name.replace("__", "."): value for name, value in changes.items()}
    return digital_machine(INVENTORY, chip, CELL | (cell or {}))


def at(**changes: Any) -> prices.ParameterSet:
    """The chip's prices; `price__add` stands for price.add."""
    return prices.parameters({name.replace("__", "."): v for name, v in changes.items()}, "bitserial")


def make_digital_run(folder: Path, **settings: Any) -> Path:
    """A run folder of the digital chip: that of `make_run` with its own chip, counts and cells."""
    make_run(folder, **settings)
    config = json.loads((folder / "run.json").read_text())
    config |= {"chip": "sas-mram", "inventory": INVENTORY, "cell": CELL}
    config["parameters"] = {
        name: dict(zip(FIELDS, (value, "1", "assumed", "made up", name, False), strict=True))
        for name, value in CHIP.items()
    }
    config["prices"] = {
        name: {field: getattr(entry, field) for field in FIELDS} for name, entry in at().entries().items()
    }
    (folder / "run.json").write_text(json.dumps(config))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        n = 60000 * (line["task"] + 1)
        line["ledger"] = {"counts": times(n), "conductance_on_S": {"learn": {}, "predict": {}}}
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def times(n: int) -> dict[str, dict[str, dict[str, int]]]:
    """The small ledger `n` times."""
    return {
        phase: {part: {action: n * count for action, count in of.items()} for part, of in parts.items()}
        for phase, parts in COUNTS.items()
    }
