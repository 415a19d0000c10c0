"""A run folder as an experiment writes it, made up: helper of the tests of the report."""

import json
from pathlib import Path

import numpy as np
import report_ledger

from cimlearn.costs import prices

FIELDS = ("value", "unit", "origin", "source", "help", "changed")
PARAMETERS = {
    "network.hidden": (100, "1", "paper", "Figure 4", "hidden units", False),
    "network.mix": (
        0.9,
        "1",
        "authors",
        "tuned on plain MNIST, see the decision record",
        "lambda of MiRU-2",
        False,
    ),
    "rule.name": ("dfa", "1", "paper", "Abstract", "how errors reach the hidden layer", False),
    "rule.rate": (
        0.01,
        "1",
        "assumed",
        "one pass of 60,000 images lands on 91 %",
        "step of the output layer",
        True,
    ),
    "rule.keep": (
        0.57,
        "1",
        "derived",
        "the share that gives 12.2 years",
        "share of changes that are written",
        False,
    ),
    "replay.examples": (1875, "count", "assumed", "a power of two near 2,000", "size of the buffer", False),
    "device.r_min": (
        3534.0,
        "ohm",
        "literature",
        "Liehr et al., IIRW 2020",
        "mean of the lowest level",
        False,
    ),
    "cell.endurance": (1e9, "count", "literature", "IEDM 2018", "writes until a cell sticks", False),
    "cell.endurance_spread": (0.3, "1", "assumed", "log-normal between cells", "of ln(endurance)", False),
    "device.stuck": (None, "1", "assumed", "switched off", "share of cells stuck at the start", False),
    "periphery.hidden_capacitance": (2e-13, "F", "assumed", "a usual size at 65 nm", "C_f", False),
    "periphery.output_capacitance": (1e-13, "F", "assumed", "a usual size at 65 nm", "C_f", False),
    "periphery.clock": (2e7, "Hz", "assumed", "the working assumption", "one bit of an input", False),
    "periphery.read_voltage": (0.1, "V", "authors", "arXiv 2405.13347", "amplitude of an input bit", False),
    "periphery.converter_bits": (8, "bit", "paper", "Figure 4", "of a converter", False),
    "mapping.kind": ("reference", "1", "assumed", "one cell per weight", "cells of a weight", False),
    "network.state_bits": (16, "bit", "assumed", "enough for the state", "of a hidden state", False),
    "digital.change_bits": (16, "bit", "assumed", "enough for a change", "of an added-up change", False),
    "clock.period": (
        5e-8,
        "s",
        "assumed",
        "20 MHz, the working assumption",
        "one bit of a streamed input",
        False,
    ),
    "levels.mean": ([25014.0, 18022.0], "ohm", "literature", "Liehr <et al.>", "levels", False),
}


def _writes(rng: np.random.Generator, rows: int, columns: int, steps: int) -> dict:
    wear = rng.poisson(
        steps * rng.gamma(2, 0.5, (rows, 1)) * rng.gamma(4, 0.25, (1, columns)), (rows, columns)
    )
    width = int(wear.max()) // 32 + 1
    block = [-(-rows // 64), -(-columns // 64)]
    mean = [
        [float(wear[i : i + block[0], j : j + block[1]].mean().round(3)) for j in range(0, columns, block[1])]
        for i in range(0, rows, block[0])
    ]
    return {
        "cells": wear.size,
        "total": int(wear.sum()),
        "mean": float(wear.mean()),
        "max": int(wear.max()),
        "worn": int((wear > 12 * steps).sum()),
        "histogram": {
            "edges": [width * i for i in range(33)],
            "counts": np.bincount(wear.ravel() // width, minlength=32).tolist(),
        },
        "map": {"rows": rows, "columns": columns, "block": block, "mean": mean},
    }


def _line(rng: np.random.Generator, seed: int, task: int, name: str, *, on: str) -> dict:
    n = 60000 * (task + 1)
    fall = {"chip": 0.013, "float": 0.009, "adam": 0.006}[on]
    accuracy = [round(0.925 - fall * (task - j) - 0.01 * rng.random(), 4) for j in range(task + 1)]
    chip = on == "chip"
    writes = {
        "hidden": _writes(rng, 129, 100, 40 * (task + 1)),
        "output": _writes(rng, 101, 10, 9 * (task + 1)),
    }
    counts = report_ledger.ledger(n, {name: w["total"] for name, w in writes.items()}) if chip else {}
    return {
        "seed": seed,
        "task": task,
        "task_name": name,
        "accuracy": accuracy,
        "examples": 60000,
        "ledger": {"counts": counts, "conductance_on_S": report_ledger.conductance_on(counts)},
        "writes": writes if chip else {},
    }


def make_run(
    folder: Path, *, on="chip", seeds=(0,), tasks=5, names=None, stop=None, stream="permuted-mnist"
) -> Path:
    """A run folder as an experiment writes it; `stop` = (seed, tasks) ends that seed early."""
    folder.mkdir(parents=True)
    names = names or [f"permutation {i + 1}" for i in range(tasks)]
    config = {
        "format": 1,
        "cimlearn": "0.1.0",
        "chip": "m2ru",
        "on": on,
        "stream": stream,
        "scenario": "domain-incremental",
        "seeds": list(seeds),
        "shape": {"steps": 28, "features": 28, "classes": 10, "signed": False},
        "tasks": [{"name": name, "examples": 60000, "held_out": 10000} for name in names],
        "parameters": {name: dict(zip(FIELDS, entry, strict=True)) for name, entry in PARAMETERS.items()},
        "prices": {
            name: {field: getattr(entry, field) for field in FIELDS}
            for name, entry in prices.parameters().entries().items()
        },
        "inventory": report_ledger.inventory() if on == "chip" else {},
        "versions": {"python": "3.11.7", "numpy": "2.3.5"},
        "command": ["cimlearn", "run", "m2ru", "--stream", stream, "--set", "rule.rate=0.01"],
        "data": {"mnist/train-images-idx3-ubyte.gz": "ab" * 32},
    }
    (folder / "run.json").write_text(json.dumps(config))
    lines, timing = [], {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        done = stop[1] if stop and stop[0] == seed else len(names)
        lines += [json.dumps(_line(rng, seed, task, names[task], on=on)) for task in range(done)]
        timing[str(seed)] = {str(task): {"seconds": 12.0, "examples": 60000} for task in range(done)}
    (folder / "records.jsonl").write_text("".join(line + "\n" for line in lines))
    (folder / "timing.json").write_text(json.dumps(timing))
    return folder
