"""`cimlearn example`: small files to try every door with, each made by the code below and the same every time.

They stand in for what a user brings: `pulses.csv` for a measurement, `mymodel.py` for a PyTorch model, `study.toml` for
a search, `sensor.csv` for a log that `sensor.toml` describes. All numbers in them are made up.
"""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from cimlearn.errors import InputError
from cimlearn.runfolder.files import make, write_atomic


def command(arguments: Namespace) -> None:
    """Write the files, none over one that is there."""
    folder = Path(arguments.out)
    for name in FILES:
        if (folder / name).exists():
            raise InputError(f"{folder / name} is there already; move it away, or name a folder: --out DIR")
    make(folder, exist_ok=True)
    for name, (content, _, _) in FILES.items():
        write_atomic(folder / name, content().encode())
    for name, (_, what, use) in FILES.items():  # after all are written: a reader such as `head` may leave
        print(f"{folder / name}: {what}\n    {use}")


def pulses() -> str:
    """Three cells, 100 pulses up and 100 down, as a table: G moves towards its bound by a share of what is left.

    G' = G + a (G_max - G) up and G' = G - a (G - G_min) down, a = 0.03 for the cell of the middle, 10 % from cell to
    cell and 20 % from pulse to pulse, 0.1 uS from reading to reading.
    """
    draw = np.random.default_rng(0)
    low, high = 2.0, 22.0  # uS
    rows = [("device", "polarity", "pulse", "conductance_uS")]
    for device, share in enumerate((0.027, 0.03, 0.033)):
        conductance = low + 0.5 * draw.random()
        for polarity, bound in (("potentiation", high), ("depression", low)):
            for pulse in range(101):
                reading = conductance + 0.1 * draw.standard_normal()
                rows.append((str(device), polarity, str(pulse), f"{reading:.3f}"))
                conductance += share * (1 + 0.2 * draw.standard_normal()) * (bound - conductance)
    return _table(rows)


def sensor() -> str:
    """A limb that rests, walks and runs, 20 readings a second; the sensor is mounted anew twice, six recordings each.

    Mounted anew, the same motions appear on other axes. Two axes with noise; a time of day; recordings an hour apart.
    """
    draw = np.random.default_rng(0)
    rows = [("time", "recording", "ax", "ay", "mounted", "activity")]
    recording, start = 0, datetime(2026, 1, 5, 8)
    for degrees in (0, 45, 90):
        direction = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        for _ in range(6):
            recording += 1
            for part, (activity, hertz) in enumerate((("rest", 0.0), ("walk", 1.0), ("run", 3.0))):
                phase = draw.uniform(0, 2 * np.pi)
                for reading in range(200):  # 10 s at 20 Hz
                    angle = 2 * np.pi * hertz * reading / 20 + phase
                    swing = np.sin(angle) if hertz else 0.0
                    ax, ay = swing * direction + 0.2 * draw.standard_normal(2)
                    time = start + timedelta(hours=recording, seconds=10 * part + reading / 20)
                    stamp = time.isoformat(timespec="milliseconds")
                    rows.append(
                        (stamp, str(recording), f"{ax:.4f}", f"{ay:.4f}", f"{degrees} degrees", activity)
                    )
    return _table(rows)


_MODEL: Final = '''"""A PyTorch model that learns on a chip."""

from torch import nn

from cimlearn.torch import bit_serial, model_chip


def build(shape):
    """A perceptron for examples of (steps, features)."""
    inputs = shape.steps * shape.features
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, shape.classes))


CHIP = model_chip(build)  # analog crossbars
INT8 = model_chip(build, bit_serial())  # digital arrays, weights of 8 bits
'''

_STUDY: Final = """# Sizes and cells of M2RU: which learn most for the least energy?
chip = "m2ru"

[stream]
name = "permuted-digits"
tasks = 2

[search]
trials = 12
objectives = ["accuracy", "learning_J"]
network.hidden = {low = 20, high = 120, step = 10}
device.kind = {choices = ["continuous", "ecram"]}
"""

_SENSOR: Final = """chip = "m2ru"

[stream]
name = "sensor.csv"
label = "activity"            # words or numbers
task = "mounted"              # a task per mounting, in the order of the file
group = "recording"           # a window never spans two recordings
features = ["ax", "ay"]       # the inputs; without this line, all columns that have no other purpose
window = 20                   # one second
hop = 5                       # a new window every quarter of a second
split = "groups"              # hold out whole recordings ...
test_share = 0.34             # ... a third of them
passes = 4                    # small data: show it four times

[network]
hidden = 64
"""


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# name -> content, what it is, what to do with it
FILES: Final[dict[str, tuple[Callable[[], str], str, str]]] = {
    "pulses.csv": (
        pulses,
        "conductance of three cells against pulses (made up)",
        "cimlearn device fit pulses.csv",
    ),
    "mymodel.py": (
        lambda: _MODEL,
        "a PyTorch model of two layers",
        "cimlearn run mymodel.py:CHIP --stream permuted-digits --set rule.rate=0.1",
    ),
    "study.toml": (
        lambda: _STUDY,
        "a search over sizes and cells",
        "cimlearn search study.toml",
    ),
    "sensor.csv": (
        sensor,
        "motions of a limb, two axes, three mountings (made up)",
        "cimlearn show m2ru --stream sensor.csv",
    ),
    "sensor.toml": (
        lambda: _SENSOR,
        "what its columns are for",
        "cimlearn run sensor.toml",
    ),
}
