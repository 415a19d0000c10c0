"""Mackey-Glass forecasts: an LSTM that learns in situ on the mean-square error, beside the same rule in software.

    python benchmarks/forecast.py [--tau 17] [--rate 0.2] [--passes 40] [--units 50] [--steps 50]

As NeuroBench's task: 750 values to learn from, 750 to forecast from its own answers, sMAPE. Published there, the mean
over 14 series of tau = 17 to 30 (NeuroBench's leaderboard.rst; Yik et al., Nature Communications 16 (2025), 1545): LSTM
13.37, echo state network 14.7; those learn with Adam or ridge regression in floating point, ours by plain gradient
descent. The series is ours, made from the equation, its values 1 apart.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from cimlearn.streams.forecasting import mackey_glass, smape, windows
from cimlearn.torch import InSituSGD, costs, crossbar, to_chip

VALUES: Final = 750  # to learn from, and to forecast
BATCH: Final = 8


class Forecaster(nn.Module):
    """The next value from a window of past ones, as a change of the last."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, units, batch_first=True), nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(examples, 1) of x (examples, steps, 1)."""
        answer: Tensor = x[:, -1] + self.out(self.lstm(x)[0][:, -1])
        return answer


def learned(model: nn.Module, optimiser: Any, x: Tensor, y: Tensor, passes: int) -> None:
    """Windows in a random order, the same for everyone."""
    draw = torch.Generator().manual_seed(0)
    for _ in range(passes):
        for which in torch.randperm(len(x), generator=draw).split(BATCH):
            optimiser.zero_grad()
            nn.functional.mse_loss(model(x[which]), y[which]).backward()
            optimiser.step()


def ahead(model: nn.Module, past: Tensor, count: int) -> np.ndarray[Any, Any]:
    """(count,) values from the model's own answers, after past (steps,)."""
    held, found = past[None, :, None], []
    with torch.no_grad():
        for _ in range(count):
            new = model(held)
            found.append(float(new))
            held = torch.cat([held[:, 1:], new[:, :, None]], 1)
    return np.array(found)


def told(model: nn.Module, series: np.ndarray[Any, Any], steps: int, shift: float) -> str:
    """Errors of the next value and of the free run."""
    x, y = windows(series[VALUES - steps :] - shift, steps)
    with torch.no_grad():
        near = model(torch.from_numpy(x)).numpy()
    free = ahead(model, torch.from_numpy(x[0, :, 0]), VALUES)
    next_one, whole = smape(near + shift, y + shift), smape(free + shift, y[:, 0] + shift)
    return f"sMAPE of the next value {next_one:.2f}, of {VALUES} values {whole:.1f}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tau", type=float, default=17.0)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--passes", type=int, default=40)
    parser.add_argument("--units", type=int, default=50)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--only", choices=("chip", "software"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    series = mackey_glass(2 * VALUES, tau=given.tau, past=1.2, skip=500.0)
    shift = float(series[:VALUES].mean())
    x, y = (torch.from_numpy(one) for one in windows(series[:VALUES] - shift, given.steps))
    for where in ("software", "chip"):
        if given.only not in (None, where):
            continue
        torch.manual_seed(0)
        model: nn.Module = Forecaster(given.units)
        began = time.perf_counter()
        if where == "chip":
            model = to_chip(model, x[:64], crossbar(), learn="in-situ").train()
            learned(model, InSituSGD(model, given.rate), x, y, given.passes)
        else:
            learned(model, torch.optim.SGD(model.parameters(), given.rate), x, y, given.passes)
        found = told(model.eval(), series, given.steps, shift)
        print(f"{where}: {found}, {time.perf_counter() - began:.0f} s", flush=True)
        if where == "chip":
            print(costs(model))


if __name__ == "__main__":
    main()
