"""Any PyTorch model on a chip: its Linear, Conv and recurrent layers on our arrays, with physics and prices.

from cimlearn.torch import costs, crossbar, drift, program, to_chip

chip = to_chip(model, sample, crossbar({"periphery.converter_bits": 6}))
chip(images)            # inference with non-idealities
chip.train()            # hardware-aware training: gradients go through quantisers, noise is drawn afresh
program(chip)           # write what was learned
drift(chip, 86400)      # a day later
print(costs(chip))      # energy, time and area of each layer

chip = to_chip(model, sample, crossbar(), learn="in-situ").train()
InSituSGD(chip, 0.05)   # its steps are writes to the cells
"""

from __future__ import annotations

from cimlearn.torch import library as library  # first: it says in one line that PyTorch is missing
from cimlearn.torch.chip import (
    Report,
    calibrate,
    drift,
    from_chip,
    program,
    report,
    reset,
    to_chip,
)
from cimlearn.torch.costs import ModelCosts, Share, costs
from cimlearn.torch.expected import expected_costs
from cimlearn.torch.hardware import Hardware, bit_serial, crossbar, ideal
from cimlearn.torch.integer import IntegerSGD
from cimlearn.torch.ledger import ledger
from cimlearn.torch.model import model_chip
from cimlearn.torch.optimiser import InSituSGD

__all__ = [
    "Hardware",
    "InSituSGD",
    "IntegerSGD",
    "ModelCosts",
    "Report",
    "Share",
    "bit_serial",
    "calibrate",
    "costs",
    "crossbar",
    "drift",
    "expected_costs",
    "from_chip",
    "ideal",
    "ledger",
    "model_chip",
    "program",
    "report",
    "reset",
    "to_chip",
]
