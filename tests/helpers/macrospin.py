"""Independent reference of the switching law: a macrospin in a thermal field, many replicas side by side.

Stochastic Landau-Lifshitz-Gilbert equation with a damping-like torque, in units of the anisotropy field H_k:
time t' = gamma mu0 H_k t, fields h = H / H_k, easy axis z, and the polarisation p of the torque collinear with it (a
type-y junction under SOT and STT, or a perpendicular one under STT; both torques add up in `drive`).

    (1 + alpha^2) dm/dt' = -m x h - alpha m x (m x h) - a m x (m x p) + alpha a m x p
    h  = (0, 0, m_z) - q (m_x, 0, 0) + h_T         q = M_eff / H_k; 0 for a perpendicular layer
    a  = drive alpha (1 + q / 2)                   drive 1: small motion about the easy axis loses its damping
    h_T ~ N(0, alpha / (Delta dt')) per component  (fluctuation and dissipation, k T / (mu0 M_s V H_k) = 1 / (2 Delta))

Heun's scheme (Stratonovich), the length set back to 1 after each step. Source: Garcia-Palacios and Lazaro, Phys. Rev. B
58 (1998), 14937.
"""

from __future__ import annotations

import numpy as np


def _slope(m: np.ndarray, thermal: np.ndarray, alpha: float, q: float, torque: float) -> np.ndarray:
    """(3, replicas) dm/dt'; the torque pulls towards p = -z."""
    hx, hy, hz = thermal[0] - q * m[0], thermal[1], thermal[2] + m[2]
    # -m x (h + alpha m x h) with the torque's fields: u = h - alpha a p, v = alpha h + a p
    ux, uy, uz = hx, hy, hz + alpha * torque
    vx, vy, vz = alpha * hx, alpha * hy, alpha * hz - torque
    along = m[0] * vx + m[1] * vy + m[2] * vz
    out = np.empty_like(m)
    out[0] = m[2] * uy - m[1] * uz + vx - along * m[0]
    out[1] = m[0] * uz - m[2] * ux + vy - along * m[1]
    out[2] = m[1] * ux - m[0] * uy + vz - along * m[2]
    out /= 1.0 + alpha * alpha
    return out


def switched(
    *,
    drive: float,
    relaxations: float,
    delta: float,
    alpha: float,
    q: float,
    replicas: int,
    step: float,
    seed: int,
    settle: float = 6.0,
) -> int:
    """How many of `replicas` stand in the other well after a pulse.

    `relaxations` is the length of the pulse in units of the energy's relaxation time, 2 alpha gamma mu0 (H_k +
    M_eff / 2) t / (1 + alpha^2); `settle` the time after it, in the same unit; `step` is dt'.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((2, replicas)) / np.sqrt(2 * delta * np.array([[1.0 + q], [1.0]]))
    m = np.stack([x[0], x[1], np.sqrt(np.clip(1 - (x**2).sum(0), 0, None))])
    rate = 2 * alpha * (1 + q / 2) / (1 + alpha * alpha)
    noise = np.sqrt(alpha / (delta * step))
    for length, torque in ((settle, 0.0), (relaxations, drive * alpha * (1 + q / 2)), (settle, 0.0)):
        for _ in range(round(length / rate / step)):
            thermal = noise * draw.standard_normal(m.shape)
            first = _slope(m, thermal, alpha, q, torque)
            second = _slope(m + step * first, thermal, alpha, q, torque)
            m += 0.5 * step * (first + second)
            m /= np.sqrt((m * m).sum(0))
    return int((m[2] < 0).sum())


def decided(
    *,
    strength: float,
    kick: float,
    drive: float,
    pulse: float,
    delta: float,
    alpha: float,
    replicas: int,
    step: float,
    seed: int,
    settle: float = 6.0,
) -> tuple[int, np.ndarray]:
    """How many of `replicas` of a perpendicular layer stay up, kicked by SOT along y and then driven down by STT.

    `strength` is the SOT field over H_k, `kick` its length in t'; `drive` the STT over the critical one, for `pulse`
    relaxation times of the energy. Also (replicas,) m_z after the kick.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((2, replicas)) / np.sqrt(2 * delta)
    m = np.stack([x[0], x[1], np.sqrt(np.clip(1 - (x**2).sum(0), 0, None))])
    rate = 2 * alpha / (1 + alpha * alpha)
    noise = np.sqrt(alpha / (delta * step))
    phases = (
        (settle / rate, (0.0, 0.0, 0.0)),
        (kick, (0.0, strength, 0.0)),
        (pulse / rate, (0.0, 0.0, -drive * alpha)),
        (settle / rate, (0.0, 0.0, 0.0)),
    )
    after = m[2]
    for number, (length, torque) in enumerate(phases):
        pull = np.array(torque)[:, None]
        for _ in range(round(length / step)):
            thermal = noise * draw.standard_normal(m.shape)
            first = _turned(m, thermal, alpha, pull)
            second = _turned(m + step * first, thermal, alpha, pull)
            m = m + 0.5 * step * (first + second)
            m /= np.sqrt((m * m).sum(0))
        if number == 1:
            after = m[2].copy()
    return int((m[2] > 0).sum()), after


def _turned(m: np.ndarray, thermal: np.ndarray, alpha: float, pull: np.ndarray) -> np.ndarray:
    """(3, replicas) dm/dt' of a perpendicular layer; `pull` (3, 1) is the torque a p; by plain cross products."""
    h = thermal.copy()
    h[2] += m[2]
    along = np.cross(m, h, axis=0)
    pulled = np.cross(m, np.broadcast_to(pull, m.shape), axis=0)
    damped, turned = np.cross(m, along, axis=0), np.cross(m, pulled, axis=0)
    return (-along - alpha * damped - turned + alpha * pulled) / (1.0 + alpha * alpha)
