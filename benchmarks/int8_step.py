"""How much longer a training step takes in INT8 than in float32: forward, back, gradients, update.

    python benchmarks/int8_step.py [--batch 16] [--repeats 15]

A basic block of each of ResNet-20's three sizes, all layers learning, one core. Float32 is the same block, its
normalisations folded, with autograd and plain SGD. The programs take turns; medians count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from programs.record import record
from torch import nn

from cimlearn.learning.integer.graph import IntGraph
from cimlearn.learning.integer.tensor import from_float
from cimlearn.learning.integer.update import UpdateRule

SIZES = ((16, 32), (32, 16), (64, 8))  # channels, side of the map
WANTED = 2.0


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in "ab")
        self.relu = nn.ReLU()

    def forward(self, x: Any) -> Any:
        return self.relu(self.conv2(self.relu(self.conv1(x))) + x)


def float_step(block: nn.Module, x: Any, e: Any) -> Callable[[], None]:
    optimiser = torch.optim.SGD(block.parameters(), 1e-3)
    inside = x.clone().requires_grad_()

    def step() -> None:
        optimiser.zero_grad()
        inside.grad = None
        block(inside).backward(e)
        optimiser.step()

    return step


def int8_step(block: nn.Module, x: Any, e: Any, **options: Any) -> Callable[[], None]:
    graph = IntGraph(block, trained=True, **options)
    x8, e8 = from_float(x), from_float(e)

    def step() -> None:
        graph.forward(x8)
        graph.backward(e8)
        graph.update(UpdateRule(3))

    return step


def seconds(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    worst = 0.0
    for channels, side in SIZES:
        x = torch.randn(options.batch, channels, side, side)
        e = torch.randn_like(x) * 0.01
        steps = [float_step(Block(channels), x, e), int8_step(Block(channels), x, e)]
        for step in steps * 3:
            step()
        taken = [[seconds(step) for step in steps] for _ in range(options.repeats)]
        floating, whole = (statistics.median(each) for each in zip(*taken, strict=True))
        worst = max(worst, whole / floating)
        print(
            f"{channels} channels, {side} x {side}, batch {options.batch}: float32 {floating * 1e3:.1f} ms, "
            f"INT8 {whole * 1e3:.1f} ms, ratio {whole / floating:.2f}"
        )
    record("INT8 blocks / float32, a step", worst, wanted=WANTED, most=True)
    print(f"largest ratio {worst:.2f}, wanted at most {WANTED}")
    sys.exit(worst > WANTED)


if __name__ == "__main__":
    main()
