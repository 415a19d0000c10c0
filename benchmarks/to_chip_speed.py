"""How much slower a model on arrays is than the same model in floating point: python benchmarks/to_chip_speed.py

CPU time on one thread, the best of several rounds, batches of 64; ratios to the float model.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from programs.record import record
from torch import nn

from cimlearn.torch import bit_serial, crossbar, ideal, to_chip

ROUNDS, BATCH = 5, 64
MODELS = {
    "linear 784-256-10": (
        lambda: nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)),
        (BATCH, 784),
    ),
    "cnn 28 x 28": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten()
        ),
        (BATCH, 1, 28, 28),
    ),
    "gru 28 steps, 100": (lambda: nn.GRU(28, 100, batch_first=True), (BATCH, 28, 28)),
}
HARDWARE = {
    "ideal": ideal(),
    "crossbar": crossbar(),
    "without read noise": crossbar({"cell.read_noise": 0, "periphery.thermal": 0}),
    "bit-serial": bit_serial(),
}


def best(work: Callable[[], object]) -> float:
    """Least CPU time of one call [s]."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(3):
            work()
        times.append((time.process_time() - start) / 3)
    return min(times)


def inference(model: nn.Module, x: torch.Tensor) -> float:
    """Time of a batch forward [s]."""
    model.eval()
    with torch.no_grad():
        return best(lambda: model(x))


def learning(model: nn.Module, x: torch.Tensor) -> float:
    """Time of a batch forward and backward [s]."""
    model.train()

    def step() -> None:
        y = model(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    return best(step)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, (make, shape) in MODELS.items():
        plain, x = make(), torch.rand(shape)
        base = inference(plain, x), learning(plain, x)
        print(f"{name}: float {base[0] * 1e3:.2f} ms forward, {base[1] * 1e3:.2f} ms with backward")
        for kind, hardware in HARDWARE.items():
            chip = to_chip(plain, x, hardware)
            forward, both = inference(chip, x) / base[0], learning(chip, x) / base[1]
            record(f"{name} on {kind} / float, forward", forward, most=True)
            print(f"  {kind:20s} {forward:6.1f} x forward   {both:6.1f} x with backward")


if __name__ == "__main__":
    main()
