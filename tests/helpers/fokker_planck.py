"""Independent reference of the macrospin: the density of m_z of a perpendicular layer under a collinear torque.

Fokker-Planck equation on the sphere, one equation in z because nothing depends on the azimuth (Brown, Phys. Rev. 130
(1963), 1677), with s = alpha t' / (1 + alpha^2), i the torque over the critical one, towards z = -1:

    dP/ds = -dJ/dz,    J = (1 - z^2) ((z - i) P - 1 / (2 D) dP/dz)

Central differences for the flux and Crank and Nicolson in time: another scheme than that of the package.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_banded


def stays(
    *,
    drive: float,
    relaxations: float,
    delta: float,
    settle: float = 6.0,
    cells: int = 2000,
    steps: int = 4000,
) -> float:
    """Share that is still up after a pulse of `relaxations` energy relaxation times (= 2 s), from the upper well."""
    edge = np.linspace(-1.0, 1.0, cells + 1)
    z, width = 0.5 * (edge[1:] + edge[:-1]), edge[1] - edge[0]
    density = np.where(z > 0, np.exp(delta * (z * z - 1)), 0.0)
    density /= density.sum()
    for length, i in ((relaxations, drive), (settle, 0.0)):
        inner = edge[1:-1]
        mobile = (1 - inner * inner) / width
        here, there = 0.5 * mobile * (inner - i), mobile / (2 * delta * width)
        lower, upper = here + there, here - there  # J = lower P[k - 1] + upper P[k] at the edge between
        matrix = np.zeros((3, cells))  # banded: d P / d s
        matrix[1, :-1] -= lower
        matrix[1, 1:] += upper
        matrix[0, 1:] -= upper
        matrix[2, :-1] += lower
        step = 0.5 * length / steps
        left = -0.5 * step * matrix
        left[1] += 1.0
        for _ in range(steps):
            right = density + 0.5 * step * (
                matrix[1] * density
                + np.append(matrix[0, 1:] * density[1:], 0.0)
                + np.append(0.0, matrix[2, :-1] * density[:-1])
            )
            density = solve_banded((1, 1), left, right)
    return float(density[z > 0].sum())
