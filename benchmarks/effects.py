"""What each effect of circuit, time and temperature takes from accuracy, and what a countermeasure gives back.

    python benchmarks/effects.py [--only WORD] [--examples N] [--held-out N] [--batch N] [--set part.key=value ...]

Permuted MNIST, five tasks, one seed: differences below a point are chance. `learned`: accuracy after the last task was
learned. `rested`: after the rest that follows it, nothing learned again but what the settings ask for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cimlearn import api
from cimlearn.experiments.experiment import Experiment

DAY = {"operation.rest": 86400.0}
DRIFT = DAY | {"cell.drift": 0.005, "cell.drift_spread": 0.005}
WARM = DAY | {"cell.temperature_coefficient": 5e-4, "operation.temperature": (300.0, 340.0)}
WIRES = {"periphery.wire": 1.0, "periphery.reference_group": 100}
OFFSET = {"periphery.offset": 0.02}
ERASED = {"cell.drift_mended": True}
MENDED = {"operation.calibration": "sum", "operation.refresh": 2000}
ALL = DAY | {
    "cell.drift": 0.005,
    "cell.drift_spread": 0.005,
    "cell.telegraph": 0.01,
    "cell.temperature_coefficient": 5e-4,
    "cell.temperature_spread": 1e-4,
    "operation.temperature": (273.15, 343.15),
    "operation.temperature_order": "random",
    "periphery.offset": 0.02,
}
# What `cimlearn price m2ru` names as the cheapest change that a circuit serves, without its prices.
SERVED = {
    "periphery.saturation": 0.35,
    "periphery.integration": 0.5,
    "periphery.hidden_capacitance": 3.657e-13,
    "periphery.output_capacitance": 7.314e-13,
    "periphery.reference_group": 1,
    "periphery.clock": 1.25e6,
    "periphery.noise_factor": 1.33,
    "periphery.calibration": "mean",
    "periphery.transconductance": 2.1e-4,
    "device.low": 3.9978e-7,
    "device.high": 2.82965e-6,
    "tile.rows": 64,
}
NODE = SERVED | {"periphery.wire": 0.65}
NO, ONCE, AGAIN = ({"periphery.reference_tracks": word} for word in ("no", "cells", "rewritten"))
EFFECTS: dict[str, dict[str, Any]] = {
    "off": {},
    "drift 0.005 +- 0.005, fixed reference": DRIFT | NO,
    "drift, reference of cells written once": DRIFT | ONCE,
    "drift, reference rewritten": DRIFT | AGAIN,
    "drift erased by writes, fixed reference": DRIFT | NO | ERASED,
    "drift erased by writes, reference rewritten": DRIFT | AGAIN | ERASED,
    "drift erased by writes, rewritten, calibrated, refreshed": DRIFT | AGAIN | MENDED | ERASED,
    "drift, fixed reference, calibrated (sum)": DRIFT | NO | {"operation.calibration": "sum"},
    "drift, fixed reference, refreshed by 2000 replays": DRIFT | NO | {"operation.refresh": 2000},
    "drift, reference rewritten, calibrated, refreshed": DRIFT | AGAIN | MENDED,
    "phase change (pcm), reference rewritten": DAY | {"cell.ageing": "pcm"} | AGAIN,
    "phase change (pcm), rewritten, calibrated, refreshed": DAY | {"cell.ageing": "pcm"} | AGAIN | MENDED,
    "CMO/HfOx (cmo_hfox), reference rewritten": DAY | {"cell.ageing": "cmo_hfox"} | AGAIN,
    "relaxation 2 %": {"cell.relaxation": 0.02},
    "relaxation 5 %": {"cell.relaxation": 0.05},
    "telegraph noise 3 %": {"cell.telegraph": 0.03},
    "telegraph noise 5 %": {"cell.telegraph": 0.05},
    "2 % common change, fixed reference": WARM | NO,
    "2 % common change, tracking": WARM | ONCE,
    "2 % common change, fixed reference, calibrated (sum)": WARM | NO | {"operation.calibration": "sum"},
    "offset 20 mV": OFFSET,
    "offset 20 mV, zero read of copies": OFFSET | {"periphery.zero_read": True},
    "offset 20 mV, calibrated (offset)": OFFSET | {"operation.calibration": "offset"},
    "wires 1 ohm": WIRES,
    "wires 1 ohm, gain of the tile": WIRES | {"periphery.calibration": "mean"},
    "wires 1 ohm, gain of each column": WIRES | {"periphery.calibration": "column"},
    "served design, off": SERVED,
    "served design, all effects, fixed reference": NODE | ALL | NO,
    "served design, all effects, all countermeasures": NODE | ALL | AGAIN | MENDED,
    "served design, all effects, drift erased by writes, fixed reference": NODE | ALL | NO | ERASED,
    "served design, all effects, drift erased by writes, all countermeasures": NODE
    | ALL
    | AGAIN
    | MENDED
    | ERASED,
}


def measured(settings: dict[str, Any]) -> dict[str, Any]:
    """The summary of a run with `settings`."""
    with tempfile.TemporaryDirectory() as folder:
        made = Experiment("m2ru", "permuted-mnist", settings=settings).run(Path(folder) / "run")
        return api.finished(made).summary


def rows(chosen: dict[str, dict[str, Any]], base: dict[str, Any]) -> Iterator[str]:
    """A line for each effect."""
    yield "| effect | learned | rested | inference |"
    yield "|---|---|---|---|"
    for name, settings in chosen.items():
        found = measured(base | settings)
        rested = f"{100 * found['rested']['after']:.1f}" if "rested" in found else ""
        joules = found["energy"]["inference_J"]
        yield f"| {name} | {100 * found['accuracy']['average']:.1f} | {rested} | {joules * 1e6:.2f} uJ |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="effects whose name holds this word")
    parser.add_argument("--examples", type=int, default=6000)
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], dest="more", metavar="part.key=value")
    given = parser.parse_args()
    base = {"stream.examples": given.examples, "stream.held_out": given.held_out, "rule.batch": given.batch}
    base |= dict(one.split("=", 1) for one in given.more)
    chosen = {name: settings for name, settings in EFFECTS.items() if given.only in name}
    for line in rows(chosen, base):
        print(line, flush=True)


if __name__ == "__main__":
    main()
