"""An independent solution of an array's wires: every node of the circuit by name, Kirchhoff's law, a dense solve."""

from __future__ import annotations

from typing import Any

import numpy as np

SHORT = 1e-7  # [ohm] stands for a wire without resistance


def currents(cells: Any, volts: Any, *, segment: float, source: float, sink: float, both: bool) -> np.ndarray:
    """(columns,) currents into the virtual grounds for cells (rows, columns) [S] and volts (rows,)."""
    rows, columns = cells.shape
    fixed = {"ground": 0.0}
    resistors: list[tuple[str, str, float]] = []
    for i in range(rows):
        fixed[f"v{i}"] = float(volts[i])
        resistors.append((f"v{i}", f"r{i},0", segment + source))
        if both:
            resistors.append((f"v{i}", f"r{i},{columns - 1}", segment + source))
        resistors += [(f"r{i},{j}", f"r{i},{j + 1}", segment) for j in range(columns - 1)]
    for j in range(columns):
        resistors += [(f"c{i},{j}", f"c{i + 1},{j}", segment) for i in range(rows - 1)]
        resistors.append((f"c{rows - 1},{j}", "ground", segment + sink))
    names = sorted({name for a, b, _ in resistors for name in (a, b)} - fixed.keys())
    place = {name: n for n, name in enumerate(names)}
    matrix, right = np.zeros((len(names), len(names))), np.zeros(len(names))

    def connect(a: str, b: str, conductance: float) -> None:
        for one, other in ((a, b), (b, a)):
            if one in place:
                matrix[place[one], place[one]] += conductance
                if other in place:
                    matrix[place[one], place[other]] -= conductance
                else:
                    right[place[one]] += conductance * fixed[other]

    for a, b, resistance in resistors:
        connect(a, b, 1 / max(resistance, SHORT))
    for i in range(rows):
        for j in range(columns):
            connect(f"r{i},{j}", f"c{i},{j}", cells[i, j])
    found = np.linalg.solve(matrix, right)
    return np.array([found[place[f"c{rows - 1},{j}"]] / max(segment + sink, SHORT) for j in range(columns)])
