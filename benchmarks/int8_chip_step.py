"""How much longer a training step of the whole SAS-MRAM chip takes than that of its float32 twin.

    python benchmarks/int8_chip_step.py [--weights FILE] [--repeats 15] [--images 16] [--set PART.KEY=VALUE ...]

The shipped ResNet-8, and ResNet-20 where its weights are given, with every default: Rep-Net, clipping, equalised
channels, stochastic rounding, misread bits, writes into cells that wear. The twin is the same network in PyTorch with
autograd and Adam. One thread; the two take turns; medians count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np
import torch
from programs.record import record

from cimlearn.chips import build, parameters
from cimlearn.streams.base import StreamShape

WANTED = 1.5
SHAPE = StreamShape(32, 96, 10, False)
WARM = 3  # steps before any is timed


def seconds(chip: Any, x: Any, y: Any) -> float:
    began = time.process_time()
    chip.learn(x, y)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", help="a .safetensors file of ResNet-20")
    parser.add_argument("--images", type=int, default=16, help="images of a step")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], metavar="PART.KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    given: dict[str, Any] = dict(one.split("=", 1) for one in options.set)
    given |= {"rule.batch": options.images}
    cases = {"resnet8": given}
    if options.weights:
        cases["resnet20"] = given | {"network.backbone": "resnet20", "network.weights": options.weights}
    worst = 0.0
    for name, settings in cases.items():
        p = parameters("sas-mram", settings)
        chips = [build("sas-mram", on, parameters=p, shape=SHAPE, seed=0) for on in ("float", "chip")]
        taken: list[list[float]] = [[], []]
        for step in range(WARM + options.repeats):
            x = rng.random((options.images, SHAPE.steps, SHAPE.features), np.float32)
            y = rng.integers(SHAPE.classes, size=options.images)
            for times, chip in zip(taken, chips, strict=True):
                spent = seconds(chip, x, y)
                times += [spent] if step >= WARM else []
        floating, whole = (statistics.median(times) for times in taken)
        worst = max(worst, whole / floating)
        print(
            f"{name}, {options.images} images: float32 {floating * 1e3:.1f} ms, "
            f"INT8 chip {whole * 1e3:.1f} ms, ratio {whole / floating:.2f}"
        )
    record("INT8 chip / float32, a step", worst, wanted=WANTED, most=True)
    print(f"largest ratio {worst:.2f}, wanted at most {WANTED}")
    sys.exit(worst > WANTED)


if __name__ == "__main__":
    main()
