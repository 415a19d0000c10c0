"""A convolutional network on split CIFAR-10 and a GRU on activities learn in situ, beside the same rule in software.

    python benchmarks/insitu_accuracy.py [--only cnn|gru] [--seeds N] [--out DIR] [--set part.key=value]

Data: CIMLEARN_DATA, or the usual places. Printed: mean accuracy over all tasks after the last one, in percent; what a
learned example costs, pulses a cell has seen for each example, and years until the first cells wear. DIR keeps the run
folders with their pages. Both placements have the same network, rate, batches, replay and seed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

import cimlearn
from cimlearn.cli.wanted import settings_of
from cimlearn.streams.base import StreamShape
from cimlearn.torch import model_chip


class Pixels(nn.Module):
    """(examples, 32, 96) rows of an image -> (examples, 3, 32, 32)."""

    def forward(self, x: Tensor) -> Tensor:
        """Colours of a pixel lie side by side in a row."""
        return x.reshape(len(x), x.shape[1], -1, 3).permute(0, 3, 1, 2) - 0.5


def convolutions(shape: StreamShape) -> nn.Module:
    """Three convolutions of 16, 32 and 32 channels, and a layer that classifies: 15,000 to 31,000 weights."""
    sizes = (3, 16, 32, 32)
    layers: list[nn.Module] = [Pixels()]
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, padding=1, stride=2), nn.ReLU()]
    side = -(-shape.steps // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * side * side, shape.classes))


class Motions(nn.Module):
    """A GRU over windows of 8 samples (0.16 s); the mean of its outputs is classified."""

    together = 8

    def __init__(self, shape: StreamShape) -> None:
        super().__init__()
        self.gru = nn.GRU(shape.features * self.together, 48, batch_first=True)
        self.out = nn.Linear(48, shape.classes)

    def forward(self, x: Tensor) -> Tensor:
        """(examples, classes) of x (examples, steps, features)."""
        windows = x.unflatten(1, (-1, self.together)).flatten(2)
        answer: Tensor = self.out(self.gru(windows)[0].mean(1))
        return answer


CNN = model_chip(convolutions, name="cnn")
GRU = model_chip(Motions, name="gru")
RUNS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "cnn": (
        "split-cifar10",
        {"rule.rate": 0.05, "replay.slots": 500, "replay.bits": 8, "training.headroom": 4.0},
    ),
    "gru": ("hapt-people", {"rule.rate": 1.0, "rule.batch": 4, "training.headroom": 8.0}),
}


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(RUNS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--on", default="chip,float")
    parser.add_argument("--set", action="append", default=[], metavar="part.key=value")
    given = parser.parse_args()
    changes = settings_of(given.set)
    with tempfile.TemporaryDirectory() as temporary:
        root = given.out or Path(temporary)
        for name, (stream, settings) in RUNS.items():
            if given.only not in (None, name):
                continue
            for on in given.on.split(","):
                began = time.perf_counter()
                done = cimlearn.run(
                    f"{Path(__file__)}:{name.upper()}", stream=stream, on=on, seeds=given.seeds,
                    settings=settings | changes, out=root / f"{name}-{on}",
                )  # fmt: skip
                print(
                    f"{name} {stream} {on}: {told(done.summary)}, {time.perf_counter() - began:.0f} s",
                    flush=True,
                )
                if given.out:
                    done.report()


def told(summary: Any) -> str:
    """A line of a run's summary."""
    accuracy = summary["accuracy"]
    found = f"{100 * accuracy['average']:.1f} %"
    if "energy" not in summary or not summary["energy"]:
        return found
    energy, years = summary["energy"], summary["lifetime_years"]
    return (
        f"{found}, {energy['learning_J'] * 1e6:.2f} uJ a learned example, {energy['inference_J'] * 1e6:.2f} uJ an "
        f"inference, first cell after {years['first_cell']:.2g} years, 10 % after {years['ten_percent']:.2g}"
    )


if __name__ == "__main__":
    main()
