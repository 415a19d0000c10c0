"""Examples learned in a second in situ, beside aihwkit where it is installed: python benchmarks/insitu_speed.py

A network of 784-256-10 with a sigmoid, one thread, CPU time, rounds of all in turn; the median round. Cells have soft
bounds. Inputs are dense (all drive a row) or sparse (a fifth does, as of a handwritten digit's pixels).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from programs.record import record
from torch import nn

from cimlearn.torch import InSituSGD, crossbar, to_chip

ROUNDS, SECONDS, EXAMPLES = 5, 0.3, 1024
CELLS = {
    "continuous": crossbar({"device.soft": True}),
    "reram-sb": crossbar(device="reram-sb"),
    "ecram": crossbar(device="ecram"),
}
Step = Callable[[torch.Tensor, torch.Tensor], None]


def network() -> nn.Sequential:
    """The same weights for all."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 256), nn.Sigmoid(), nn.Linear(256, 10))


def stepper(model: nn.Module, optimiser: torch.optim.Optimizer) -> Step:
    """One step of learning."""

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def learners(x: torch.Tensor) -> dict[str, Step]:
    """Ours, SGD in floating point, and aihwkit's soft-bounds cells where it is installed."""
    found: dict[str, Step] = {}
    for name, hardware in CELLS.items():
        chip = to_chip(network(), x[:64], hardware, learn="in-situ").train()
        found[name] = stepper(chip, InSituSGD(chip, 0.05))
    plain = network()
    found["float SGD"] = stepper(plain, torch.optim.SGD(plain.parameters(), 0.05))
    try:
        from aihwkit.nn.conversion import convert_to_analog
        from aihwkit.optim import AnalogSGD
        from aihwkit.simulator.configs import SingleRPUConfig
        from aihwkit.simulator.configs.devices import SoftBoundsDevice
        from aihwkit.simulator.configs.utils import MappingParameter
    except ImportError:
        return found
    whole = MappingParameter(
        max_input_size=0, max_output_size=0
    )  # its own tiles of 512 rows refuse these weights
    theirs = convert_to_analog(network(), SingleRPUConfig(device=SoftBoundsDevice(), mapping=whole))
    analog = AnalogSGD(theirs.parameters(), lr=0.05)
    analog.regroup_param_groups(theirs)
    found["aihwkit"] = stepper(theirs, analog)
    return found


def rate(step: Step, x: torch.Tensor, y: torch.Tensor, batch: int) -> float:
    """Examples a second of CPU time."""
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SECONDS:
        first = done % (EXAMPLES - batch + 1)
        step(x[first : first + batch], y[first : first + batch])
        done += batch
    return done / spent


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    dense, y = torch.rand(EXAMPLES, 784), torch.randint(10, (EXAMPLES,))
    for kind, x in {"dense": dense, "sparse": dense * (torch.rand(EXAMPLES, 784) < 0.2)}.items():
        known = learners(x)
        for batch in (1, 64):
            for step in known.values():  # compiled, and in the cache
                step(x[:batch], y[:batch])
            rounds = [{n: rate(step, x, y, batch) for n, step in known.items()} for _ in range(ROUNDS)]
            middle = {name: statistics.median(one[name] for one in rounds) for name in known}
            other = middle.get("aihwkit")
            print(f"{kind} inputs, batch {batch}")
            wanted = {1: 10.0, 64: 5.0}[batch]
            for against in ("float SGD", "aihwkit"):
                if against in middle:
                    ratio = middle["reram-sb"] / middle[against]
                    named = f"784-256-10 in situ, {kind}, batch {batch}: soft bounds / {against}"
                    record(named, ratio, wanted=wanted if against == "aihwkit" else None)
            for name, found in middle.items():
                ratio = "" if other is None else f"   {found / other:5.1f} x aihwkit"
                print(f"  {name:12s} {found:9,.0f} examples/s{ratio}")


if __name__ == "__main__":
    main()
