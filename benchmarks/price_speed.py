"""How many designs of each chip a second can be priced without training, beside one call of the costs alone.

    python benchmarks/price_speed.py [--points 2000] [--quick]

Designs of different sizes, clocks and nodes, one core, everything from settings to lifetime. Wanted: 10,000 designs in
a minute. Designs that each have another memory cell also pay for the physics of that cell.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Sequence
from typing import Any

from programs.record import record

from cimlearn import chips
from cimlearn.chips.m2ru.expected import expected
from cimlearn.chips.m2ru.sizes import inventory
from cimlearn.costs import prices
from cimlearn.costs.crossbar.energy import energy
from cimlearn.costs.crossbar.machine import machine
from cimlearn.experiments.pricing import price_design
from cimlearn.streams.base import StreamShape

WANTED = 10_000 / 60.0  # designs a second
ROUNDS = 5


NODES = ("65nm", "45nm", "32nm", "22nm")
AXES: dict[str, tuple[str, dict[str, Sequence[Any]]]] = {
    "m2ru": (
        "m2ru",
        {
            "technology.node": NODES,
            "periphery.converter_bits": (4, 5, 6, 7, 8),
            "periphery.clock": (5e6, 1e7, 2e7, 4e7),
            "network.hidden": range(16, 16 + 1024),
        },
    ),
    "sas-mram": (
        "sas-mram",
        {
            "technology.node": NODES,
            "array.clock": (1e8, 2e8, 4e8, 7e8),
            "array.active": (32, 64, 128),
            "array.rows": (128, 256, 512),
            "rule.batch": range(1, 1024),
        },
    ),
    "sas-mram, MobileNetV2 at 224 pixels": (
        "sas-mram",
        {
            "network.backbone": ("mobilenet_v2",),
            "network.side": (224,),
            "technology.node": NODES,
            "array.clock": (1e8, 2e8, 4e8, 7e8),
            "array.rows": (128, 256, 512),
            "rule.batch": range(1, 1024),
        },
    ),
    "sas-mram, another cell each": (
        "sas-mram",
        {"line.pitch": [1.5e-7 + 1e-11 * n for n in range(2000)], "rule.batch": range(1, 1024)},
    ),
}


def designs(axes: dict[str, Sequence[Any]], count: int) -> list[dict[str, Any]]:
    """`count` different settings; the first axes change fastest."""
    points = itertools.product(*reversed(axes.values()))
    names = list(reversed(axes))
    return [dict(zip(names, values, strict=True)) for values in itertools.islice(points, count)]


def cpu(chip: str, todo: list[dict[str, Any]]) -> float:
    """CPU seconds per design."""
    began = time.process_time()
    for settings in todo:
        price_design(chip, settings)
    return (time.process_time() - began) / len(todo)


def energy_alone(repeats: int) -> float:
    """CPU seconds of the sums of counts times prices, of one design."""
    p, q = chips.parameters("m2ru"), prices.parameters()
    shape = StreamShape(28, 28, 10, False)
    ledger = expected(p.merged(q), shape, learned=1000, predicted=1000)
    made_of = machine(inventory(p, shape), p)
    began = time.process_time()
    for _ in range(repeats):
        energy(ledger, made_of, q)
    return (time.process_time() - began) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=2000, help="designs in all")
    parser.add_argument("--quick", action="store_true", help="a tenth of them")
    arguments = parser.parse_args()
    each = max(1, arguments.points // ROUNDS // (10 if arguments.quick else 1))
    for name, (chip, axes) in AXES.items():
        todo = designs(axes, each * ROUNDS)
        price_design(chip, todo[0])  # reads the presets
        seconds = statistics.median(cpu(chip, todo[k * each : (k + 1) * each]) for k in range(ROUNDS))
        print(name)
        print(f"  {'designs priced a second (CPU)':<44}{1 / seconds:>8.0f}")
        print(f"  {'milliseconds a design':<44}{1e3 * seconds:>8.2f}")
        print(f"  {'10,000 designs in a minute are (>= 1 wanted)':<44}{1 / seconds / WANTED:>8.2f}")
        if name == "m2ru":
            record("a priced design / its sums of energy alone", seconds / energy_alone(each), most=True)
            print(f"  {'a design / its sums of energy alone':<44}{seconds / energy_alone(each):>8.1f}")


if __name__ == "__main__":
    main()
