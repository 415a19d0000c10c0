"""The ledger and inventory of a made-up chip of 28 inputs, 100 hidden units, 10 classes: helper of report_run.py."""

STEPS, HIDDEN, CLASSES = 28, 100, 10
SHAPES = {"hidden": (129, 100), "output": (101, 10)}  # rows, columns
WEIGHTS = sum(rows * columns for rows, columns in SHAPES.values())
CONVERTERS = {"hidden": 16, "output": 10}
CYCLES = 7  # of one input vector
EXAMPLE_BITS = 28 * 28 * 4 + 4  # of one stored example


def ledger(n: int, writes: dict) -> dict:
    """Counts of learning `n` examples, each with one replayed, in `writes` by array, and of answering n / 3."""
    learn, predict = passes(2 * n), passes(n // 3)
    updates = n // 2
    for name, total in writes.items():
        learn[name] |= {"writes": total, "verify_reads": 0}
        predict[name] |= {"writes": 0, "verify_reads": 0}
    learn["time"] |= {
        "gradient_cycles": 2 * n * (STEPS * (129 + 12) + 101),
        "sweep_cycles": updates * -(-WEIGHTS // 128) * 2,
        "update_row_cycles": sum(writes.values()),
        "updates": updates,
    }
    learn["digital"] |= {
        "gradient": 2 * n * (STEPS * (HIDDEN * 13 + 12_900) + 1010),
        "exp": 2 * n * CLASSES,
        "kwta": 0,
        "compare": updates * WEIGHTS,
        "scale": updates * WEIGHTS,
    }
    learn["buffer"] = {
        "offered": n,
        "stored": n // 20,
        "replayed": n,
        "bits_written": n // 20 * EXAMPLE_BITS,
        "bits_read": n * EXAMPLE_BITS,
        "random_numbers": 2 * n,
    }
    moved = (2 * n + updates) * WEIGHTS * 16
    learn["trace"] = {"bits_written": 2 * n * STEPS * 229 * 16, "bits_read": 2 * n * STEPS * 13_129 * 16}
    learn["changes"] = {"bits_written": moved, "bits_read": moved}
    learn["feedback"] = {"copies_read": 1, "bits_written": 224_000, "bits_read": 2 * n * STEPS * 8000}
    return {"learn": learn, "predict": predict}


def passes(n: int) -> dict:
    """Counts of `n` examples through the network."""
    vectors, parts, convert = {"hidden": STEPS * n, "output": n}, {}, 0
    for name, (rows, columns) in SHAPES.items():
        groups = -(-columns // CONVERTERS[name])
        convert += groups * vectors[name]
        parts[name] = {
            "vectors": vectors[name],
            "products": vectors[name] * rows * columns,
            "tile_reads": vectors[name],
            "cycles": CYCLES * vectors[name],
            "active_bits": 3 * rows * vectors[name],
            "row_pulses": 3 * rows * vectors[name],
            "integrations": vectors[name] * columns * (CYCLES + groups),
            "conversions": vectors[name] * columns,
        }
    parts["time"] = {
        "stream_cycles": CYCLES * sum(vectors.values()),
        "convert_cycles": convert,
        "examples": n,
        "steps": STEPS * n,
        "state_cycles": (STEPS * 3 + 1) * n,
    }
    parts["digital"] = {"multiply_add": STEPS * 3 * HIDDEN * n, "tanh": STEPS * HIDDEN * n, "tile_add": 0}
    return parts


def conductance_on(counts: dict) -> dict:
    """Conductance switched on [S]: every active bit of a ledger finds cells of 15 uS."""
    return {
        phase: {name: 15e-6 * parts[name]["active_bits"] * SHAPES[name][1] for name in SHAPES}
        for phase, parts in counts.items()
    }


def inventory() -> dict:
    """What the chip is made of."""
    arrays = {
        name: {
            "weights": rows * columns,
            "cells": rows * columns,
            "tiles": 1,
            "rows": rows,
            "columns": columns,
            "level_shifters": rows,
            "integrators": columns,
            "converters": CONVERTERS[name],
        }
        for name, (rows, columns) in SHAPES.items()
    }
    memory = {
        "replay": 1875 * EXAMPLE_BITS,
        "feedback": 224_000,
        "trace": STEPS * 229 * 16,
        "changes": WEIGHTS * 16,
    }
    return {**arrays, "memory": memory, "digital": {"lanes": 128, "kwta_inputs": 0}}
