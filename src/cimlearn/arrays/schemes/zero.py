"""Zero shift: the first cell of every weight is brought to its symmetry point, which its second cell then holds.

`pulses` pulses up and down in turn bring a cell to where both move it equally; the second cell of the pair is
programmed to the same conductance with write-verify, so that the weight is 0 there. Kim et al., arXiv 1907.10228.
"""

from __future__ import annotations

from cimlearn.arrays.refresh import refresh
from cimlearn.arrays.schemes.cells import pulse, pulse_until
from cimlearn.compiled import entry, kernel
from cimlearn.devices.base import inside


@kernel
def _pick_all(bar, layer):
    """Choose the cell `layer` of every weight; answers how many."""
    rows, columns = bar.state.weight.shape
    for i in range(rows):
        for j in range(columns):
            n = i * columns + j
            bar.scratch.pick[0, n], bar.scratch.pick[1, n], bar.scratch.pick[2, n] = layer, i, j
    return rows * columns


@entry
def shift_zero(bar, pulses, size):
    """Do it with `pulses` pulses that ask for a change of `size` [S] each."""
    rows, columns = bar.state.weight.shape
    for n in range(pulses):
        count = _pick_all(bar, 0)
        bar.scratch.asked[0, :count] = size if n % 2 == 0 else -size
        pulse(bar, count)
    count = _pick_all(bar, 1)
    for i in range(rows):
        for j in range(columns):
            n, wanted = i * columns + j, bar.state.cells.conductance[0, i, j]
            bar.scratch.asked[0, n] = wanted - bar.state.cells.conductance[1, i, j]
            bar.scratch.asked[1, n] = inside(bar.device, wanted)
    pulse_until(bar, count, bar.scheme.first_tries, bar.scheme.tolerance)
    refresh(bar, 0, rows)
