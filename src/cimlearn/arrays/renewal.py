"""What a small write does to the drift of a cell: it makes a share of it anew.

    f = min(1, |dG| / G_0)                          share that a write by dG renews; 1 for any dG where G_0 = 0
    ln(1 + c / t_0) = (1 - f) ln(1 + x / t_0)       x, c: age of the cell's drift before the write and after it
    G(t_w) = G_l + dG,  or  G_l D(c) / D(x) + dG    where a write erases the drift of what it renews
    G(t)   = G(t_w) D(c + t - t_w) / D(c)           D(x) = (x / t_0)^-nu from x = t_0 on, 1 before

G_l is what drift left. f = 1: c = 0, the power law starts anew. f = 0: c = x, it goes on as if nobody had written.

Drift is relaxation over a spread of activation energies, so even in the logarithm of time (Ielmini et al., Appl. Phys.
Lett. 92 (2008), doi 10.1063/1.2930680). What a pulse leaves untouched is taken to relax on: so ages are mixed in that
logarithm. For phase-change cells any pulse is measured to erase the history of drift (Boybat et al., NVMTS 2018):
G_0 = 0. For filaments no publication says what a small pulse does: G_0 is assumed (docs/decisions/0022).
"""

from __future__ import annotations

from cimlearn.compiled import kernel


@kernel
def drifted(start, nu, age, carried):
    """D(carried + age) / D(carried)."""
    begun = max(carried, start)
    return ((carried + age) / begun) ** -nu if carried + age > begun else 1.0


@kernel
def left_age(start, renewal, age, moved):
    """c [s] after a write by `moved` [S] of a cell whose drift had the age `age` [s]; `renewal` is G_0 [S], not 0."""
    share = min(abs(moved) / renewal, 1.0)
    return start * ((1.0 + max(age, 0.0) / start) ** (1.0 - share) - 1.0)


@kernel
def given_back(start, nu, age, left, drifting):
    """What a write that erases drift gives back [S] of `drifting` [S], whose drift had `age` and is left `left` [s]."""
    return drifting * (1.0 / drifted(start, nu, age - left, left) - 1.0)
