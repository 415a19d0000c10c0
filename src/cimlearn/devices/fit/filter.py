"""How likely measured trains are under a pulsed cell: an extended Kalman filter over the hidden place w.

    w_n = w_{n-1} +- s f(w_{n-1}) + q x        q^2 = (cycle s f)^2 + (cycle_absolute s)^2
    z_n = a z_{n-1} + k sqrt(1 - a^2) x'       a = exp(-1 / memory),  k^2 = alike read^2
    v_n = w_n + z_n + r y                      what is read; r^2 = (1 - alike) read^2,  read = step write_noise

z is noise of readings that stays alike for some pulses; it starts anywhere. The first value of a train is where it
starts, known within read. Linear steps are exact; others to first order in the filter's own uncertainty.
"""

from __future__ import annotations

import numpy as np

from cimlearn.compiled import entry
from cimlearn.devices.pulsed import HIGHEST, LOWEST, UP, response

TINY = 1e-10  # variance that keeps noiseless data finite, in half windows^2
LITTLE = 1e-3  # half windows between which the slope of f is taken


@entry
def likelihood(device, own, values, cell, up, first, noise, out):
    """Log-likelihood of values (n,) of trains one after the other; `first` (n,) marks where one starts.

    own (cells, TRAITS), cell (n,), up (n,); noise = (cycle, cycle_absolute, read, alike, memory); out (3, n): the
    place that is filtered, the error of the prediction in its standard deviations (0 at starts), and its
    log-likelihood.
    """
    total, w, z = 0.0, 0.0, 0.0
    ww, wz, zz = 0.0, 0.0, 0.0  # covariance of w and z
    kept = noise[2] * noise[2] * noise[3]
    read = noise[2] * noise[2] - kept
    stays = np.exp(-1.0 / noise[4]) if kept > 0 else 0.0
    for n in range(values.size):
        mine = own[cell[n]]
        if first[n]:
            w, z = values[n], 0.0
            ww, wz, zz = read + kept, -kept, kept
            out[0, n], out[1, n], out[2, n] = w, 0.0, 0.0
            continue
        sign = 1.0 if up[n] else -1.0
        at = np.float32(w)
        mean = float(response(device, mine, at, up[n]))
        more = float(response(device, mine, at + np.float32(LITTLE), up[n]))
        less = float(response(device, mine, at - np.float32(LITTLE), up[n]))
        slope = 1.0 + sign * (more - less) / (2 * LITTLE)
        scale = noise[1] * mine[UP if up[n] else UP + 1]
        w = min(max(w + sign * mean, float(mine[LOWEST])), float(mine[HIGHEST]))
        z *= stays
        ww = slope * slope * ww + noise[0] * noise[0] * mean * mean + scale * scale
        wz *= slope * stays
        zz = stays * stays * zz + (1 - stays * stays) * kept
        spread = ww + 2 * wz + zz + read + TINY
        error = values[n] - w - z
        out[2, n] = -0.5 * (np.log(2 * np.pi * spread) + error * error / spread)
        total += out[2, n]
        out[1, n] = error / np.sqrt(spread)
        of_w, of_z = ww + wz, wz + zz  # covariance with what is read
        w += of_w / spread * error
        z += of_z / spread * error
        ww -= of_w * of_w / spread
        wz -= of_w * of_z / spread
        zz -= of_z * of_z / spread
        out[0, n] = w
    return total
