"""Pulsed cells: closed forms, statistics of a float64 simulation of the published equations, whole pulses, wear."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hardware import SIGMAS

from cimlearn.compiled import entry
from cimlearn.devices.base import Wear, new_cells, program
from cimlearn.devices.catalog import device
from cimlearn.devices.pulsed import BEND_UP, DOWN, HIGHEST, LOWEST, UP, Pulsed, typical
from cimlearn.devices.pulsed_mean import mean_response, mean_step
from cimlearn.errors import InputError
from cimlearn.parameters import load

FOREVER = Wear(None, 0.0, 0.0, "low")
CELLS = 10_000
SINGLE = 2e-4  # float32 rounding of a place after hundreds of steps, in half windows
BARE = {
    f"device.{name}": 0.0
    for name in ("step_spread", "asymmetry_spread", "bound_low_spread", "bound_high_spread", "cycle")
}


def make(**changes: Any) -> Pulsed:
    """A pulsed cell without any chance, with changes."""
    settings = {**BARE, **{f"device.{name}": value for name, value in changes.items()}}
    return device(load("pulsed").replace(settings).part("device"))


@entry
def _writes(one, g, state, own, change, normal, uniform, pulses):
    for n in range(g.size):
        g[n], state[n], pulses[n] = program(one, g[n], state[n], own[n], change, normal[n], uniform[n])


class Cells:
    """Many cells of a device, written one after the other."""

    def __init__(self, one: Pulsed, count: int, place: float = 0.0, seed: int = 0) -> None:
        self.one, self.rng = one, np.random.default_rng(seed)
        start = float(one.middle) + place * float(one.half)
        self.g, self.state = np.full(count, start, np.float32), np.full(count, start, np.float32)
        self.own = one.traits((count,), np.random.default_rng(seed + 1))

    def write(self, change: float, uniform: float | None = None) -> np.ndarray:
        """Ask each for a change [S]; answers the pulses of each."""
        count = len(self.g)
        drawn = self.rng.random(count) if uniform is None else np.full(count, uniform)
        pulses = np.zeros(count, np.int64)
        normal = self.rng.standard_normal(count).astype(np.float32)
        _writes(
            self.one,
            self.g,
            self.state,
            self.own,
            np.float32(change),
            normal,
            drawn.astype(np.float32),
            pulses,
        )
        return pulses

    @property
    def w(self) -> np.ndarray:
        """Places that are read, in half windows."""
        return (self.g.astype(float) - float(self.one.middle)) / float(self.one.half)


LAWS = [
    {"law": "constant"},
    {"law": "linear", "bend_up": 0.4, "bend_down": 0.9, "asymmetry": 0.3},
    {"law": "linear", "bend_up": 0.6, "bend_down": -0.5, "asymmetry": -0.1},
    {"law": "soft-bounds", "bound_low": -0.75, "bound_high": 1.25},
    {"law": "power", "bend_up": 0.5, "bend_down": 2.0},
    {"law": "power", "bend_up": 1.0, "bend_down": 1.0},
    {"law": "exponential", "bend_up": 0.0972, "rate_up": -2.5, "bend_down": 0.99, "rate_down": 2.5},
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law['law']}-{law.get('bend_up', '')}")
@pytest.mark.parametrize("up", [True, False])
def test_mean_response_is_the_closed_form(law: dict[str, Any], up: bool) -> None:
    """600 pulses of 1/1000 of half a window from -0.7 or 0.7; the closed form is that of small steps."""
    one, sign = make(step=1e-3, **law), 1 if up else -1
    cell, seen = Cells(one, 1, -0.7 * sign), []
    change = sign * float(one.pulse)
    for _ in range(600):
        cell.write(change, 0.5)
        seen.append(cell.w[0])
    wanted = mean_response(one, -0.7 * sign, np.arange(1, 601), up)
    assert np.abs(np.array(seen) - wanted).max() < 1.5e-3 + SINGLE
    assert abs(seen[-1] + 0.7 * sign) > 0.1


def test_table_is_walked_between_its_points() -> None:
    one = make(step=1e-3, law="table", table_up=[2.0, 1.0, 0.5], table_down=[0.5, 1.0, 2.0])
    places = np.linspace(-1, 1, 9)
    for up, sign in ((True, 1), (False, -1)):
        for place in places[1:-1]:
            cell = Cells(one, 1, place)
            cell.write(sign * float(one.pulse), 0.5)
            wanted = 1e-3 * np.interp(place, [-1, 0, 1], [2, 1, 0.5] if up else [0.5, 1, 2])
            assert sign * (cell.w[0] - place) == pytest.approx(wanted, abs=1e-6)
            assert mean_step(one, np.array([place]), up)[0] == pytest.approx(wanted)


def test_a_write_is_a_whole_number_of_pulses() -> None:
    """n = floor(c / pulse + u): mean c / pulse, only the two numbers around it, at most `most`."""
    one = make(step=0.01, most=7)
    for asked in (0.3, 2.6, 6.9):
        cells = Cells(one, CELLS)
        pulses = cells.write(asked * float(one.pulse))
        assert set(np.unique(pulses)) <= {int(asked), int(asked) + 1}
        share = asked - int(asked)
        assert pulses.mean() == pytest.approx(asked, abs=SIGMAS * np.sqrt(share * (1 - share) / CELLS))
        assert np.allclose(cells.w, 0.01 * pulses, atol=1e-6)
    assert np.all(Cells(one, 10).write(1e3 * float(one.pulse)) == 7)
    assert not Cells(one, 10).write(0.0).any()


@pytest.mark.parametrize(
    "noise", [{"cycle": 0.4}, {"cycle_absolute": 0.4}, {"cycle": 0.3, "cycle_absolute": 0.2}]
)
def test_each_pulse_of_a_write_has_its_own_noise(noise: dict[str, float]) -> None:
    """A write of 25 pulses and 25 writes of one have the same mean and the standard deviation s sqrt(25)."""
    one = make(step=0.004, **noise)
    together, alone = Cells(one, CELLS, seed=3), Cells(one, CELLS, seed=4)
    together.write(25 * float(one.pulse), 0.5)
    for _ in range(25):
        alone.write(float(one.pulse), 0.5)
    sigma = 0.004 * 5 * np.hypot(noise.get("cycle", 0), noise.get("cycle_absolute", 0))
    for cells in (together, alone):
        assert cells.w.mean() == pytest.approx(0.1, abs=SIGMAS * sigma / np.sqrt(CELLS) + 1e-5)
        assert cells.w.std() == pytest.approx(sigma, rel=SIGMAS / np.sqrt(2 * CELLS) + 1e-3)


def test_write_noise_hides_the_cells_own_place() -> None:
    """What is read scatters by step times write_noise around a hidden place, which the next write starts from."""
    one = make(step=0.002, write_noise=40.0)
    cells = Cells(one, CELLS, 0.3)
    for n in range(1, 4):
        cells.write(float(one.pulse), 0.5)
        hidden = (cells.state.astype(float) - float(one.middle)) / float(one.half)
        assert np.allclose(hidden, 0.3 + 0.002 * n, atol=1e-5)
        assert (cells.w - hidden).std() == pytest.approx(0.08, rel=SIGMAS / np.sqrt(2 * CELLS))
        assert abs((cells.w - hidden).mean()) < SIGMAS * 0.08 / np.sqrt(CELLS)


def published(name: str) -> Pulsed:
    """A cell of the panel."""
    return device(load("pulsed").merged(load(name)).part("device"))


def test_cells_differ_as_published() -> None:
    """Statistics of 10,000 cells of reram_es: Gong et al. 2018 as in IBM aihwkit, ReRamESPresetDevice."""
    one = published("reram_es")
    own = one.traits((CELLS,), np.random.default_rng(0)).astype(float)
    tight = SIGMAS / np.sqrt(CELLS)
    assert own[:, UP].mean() == pytest.approx(0.00135, abs=tight * 0.21 * 0.00135)
    assert own[:, DOWN].mean() == pytest.approx(0.00135 * (1 - 0.259359), abs=tight * 0.21 * 0.00135)
    difference = (own[:, UP] - own[:, DOWN]) / 0.00135
    assert difference.std() == pytest.approx(2 * 0.05, rel=tight)
    assert own[:, HIGHEST].std() == pytest.approx(0.3, rel=2 * tight)
    assert own[:, LOWEST].mean() == pytest.approx(-1, abs=0.3 * tight + 1e-3)
    assert np.all(own[:, LOWEST] <= 0) and np.all(own[:, HIGHEST] >= 0)


def test_linear_steps_of_ecram_at_the_bounds() -> None:
    """Tang et al. 2018 as in aihwkit: steps up are 11.5 % smaller at w_max, down 50.9 % smaller at w_min."""
    one = published("ecram")
    for up, bound, less in ((True, 1.1724, 0.1153), (False, -0.8276, 0.5085)):
        at = mean_step(one, np.array([0.0, bound]), up)
        assert at == pytest.approx([0.002, 0.002 * (1 - less)], rel=1e-4)
    own = one.traits((CELLS,), np.random.default_rng(0)).astype(float)
    assert (own[:, BEND_UP] * 1.1724).std() == pytest.approx(0.05, rel=0.05)


def test_pulses_of_pcm_have_the_published_mean_and_noise() -> None:
    """dw = 0.01 (1 + 27.235 exp(-5 w / 2)), sigma = 0.6 (dw + 0.042 + 0.108 w), w from 0 to 2; cells of 20 %."""
    one = published("pcm_nandakumar")._replace(bound_spread=(0.0, 0.0))
    for place in (0.5, 1.0, 1.4):
        cells = Cells(one, CELLS, place - 1)
        cells.write(float(one.pulse), 0.5)
        mean = 0.01 * (1 + 27.235 * np.exp(-2.5 * place))
        between = np.hypot(0.2, 0.05)
        sigma = np.sqrt((0.6 * (mean + 0.042 + 0.108 * place)) ** 2 + mean**2 * between**2 * (1 + 0.36))
        assert (cells.w + 1 - place).mean() == pytest.approx(mean, abs=SIGMAS * sigma / np.sqrt(CELLS))
        assert (cells.w + 1).std() == pytest.approx(sigma, rel=SIGMAS / np.sqrt(2 * CELLS) + 1e-3)


def test_a_cell_of_one_way_goes_down_by_a_reset_alone() -> None:
    """Whatever is asked: one pulse, to |0.01 + 0.02236 x| above the lowest place."""
    one = published("pcm_nandakumar")
    cells = Cells(one, CELLS, 0.7)
    assert np.all(cells.write(-1e-12) == 1)
    w = np.abs(0.01 + 0.02236 * np.random.default_rng(8).standard_normal(100 * CELLS))
    assert (cells.w + 1).mean() == pytest.approx(w.mean(), abs=SIGMAS * w.std() / np.sqrt(CELLS))
    assert (cells.w + 1).std() == pytest.approx(w.std(), rel=2 * SIGMAS / np.sqrt(2 * CELLS))
    assert one.rest()[0] == pytest.approx(float(one.middle) - 0.99 * float(one.half), rel=1e-6)


# Chen, Peng and Yu, IEEE TCAD 37 (2018), table 1; Jerry et al., IEDM 2017: states, nonlinearities, ohm, on/off, noise
NEUROSIM = {
    "ag_si": (97, 2.4, -4.88, 26e6, 12.5, 0.035),
    "taox_tio2": (102, 1.85, -1.79, 5e6, 2, 0.01),
    "pcmo": (50, 3.68, -6.76, 23e6, 6.84, 0.01),
    "alox_hfo2": (40, 1.94, -0.61, 16.9e3, 4.43, 0.05),
    "fefet": (32, 1.75, 1.46, 559.28e3, 45, 0.005),
    "epiram": (64, 0.5, -0.5, 81e3, 50.2, 0.02),
}
# The normalised A of a nonlinearity, from MLP+NeuroSim's table
A = {
    2.4: 0.499181, 4.88: 0.200303, 1.85: 0.661941, 1.79: 0.685502, 3.68: 0.300644, 6.76: 0.100251,
    1.94: 0.629249, 0.61: 2.063266, 1.75: 0.702081, 1.46: 0.848677, 0.5: 2.519877,
}  # fmt: skip


@pytest.mark.parametrize("name", NEUROSIM)
def test_response_is_the_published_exponential(name: str) -> None:
    """G(P) = B (1 - exp(-P / A)) + Gmin over all states, up and down; noise of a pulse is a share of the window."""
    states, up, down, ohm, ratio, noise = NEUROSIM[name]
    one = published(name)
    low, high = one.window()
    assert (high, high / low) == pytest.approx((1 / ohm, ratio), rel=1e-4)
    pulses = np.arange(states + 1)
    for rising, label in ((True, up), (False, down)):
        a = np.copysign(A[abs(label)], label) * states
        x = (1 - np.exp(-pulses / a)) / (1 - np.exp(-states / a))
        wanted = 2 * (x if rising else x[::-1]) - 1
        found = mean_response(one, -1.0 if rising else 1.0, pulses, rising)
        assert np.abs(found - wanted).max() < 2e-4
    step = typical(one)[UP]
    assert float(one.cycle_absolute) * step == pytest.approx(2 * noise, rel=1e-4) or one.asymmetry < 0


def reference(w: np.ndarray, own: dict[str, np.ndarray], pulses: int, noise: float, rng: Any) -> np.ndarray:
    """Soft bounds as published (additive noise), float64: w += s (1 - w / h) + s noise x, cut."""
    for _ in range(pulses):
        w = w + own["up"] * (1 - w / own["high"]) + own["up"] * noise * rng.standard_normal(w.size)
        w = np.clip(w, own["low"], own["high"])
    return w


@pytest.mark.parametrize("name", ["array_om", "array_hfo2", "reram_sb"])
def test_soft_bounds_have_the_statistics_of_the_published_equations(name: str) -> None:
    """Mean and spread between 10,000 cells after 5 and 20 pulses, against cells drawn and stepped independently."""
    one, preset = published(name), load(name)
    rng = np.random.default_rng(9)
    spread = preset["device.step_spread"]
    gain = (
        np.exp(spread * rng.standard_normal(CELLS))
        if preset["device.step_spread_law"] == "log-normal"
        else 1 + spread * rng.standard_normal(CELLS)
    )
    own = {
        "up": preset["device.step"] * np.abs(gain + 0.01 * rng.standard_normal(CELLS)),
        "high": preset["device.bound_high"]
        * np.abs(1 + preset["device.bound_high_spread"] * rng.standard_normal(CELLS)),
        "low": preset["device.bound_low"]
        * np.abs(1 + preset["device.bound_low_spread"] * rng.standard_normal(CELLS)),
    }
    cells, w, done = Cells(one, CELLS), np.zeros(CELLS), 0
    for pulses in (5, 20):
        for _ in range(pulses - done):
            cells.write(float(one.pulse), 0.5)
        w, done = reference(w, own, pulses - done, preset["device.cycle_absolute"], rng), pulses
        hidden = (cells.state.astype(float) - float(one.middle)) / float(one.half)
        error = np.sqrt(2) * SIGMAS * w.std() / np.sqrt(CELLS)
        assert hidden.mean() == pytest.approx(w.mean(), abs=error)
        assert hidden.std() == pytest.approx(w.std(), rel=0.06)


@pytest.mark.parametrize(
    "name", [*NEUROSIM, "gokmen", "capacitor", "ecram", "ecram_mo", "reram_es", "reram_sb", "pcm_nandakumar"]
)
def test_every_preset_owns_its_numbers(name: str) -> None:
    """Nothing but windows, and spreads that nobody published, is assumed."""
    own = load(name)
    assumed = {key for key in own if own.entry(key).origin == "assumed"}
    free = {"low", "high", *(f"{what}_spread" for what in ("step", "asymmetry", "bound_low", "bound_high"))}
    assert assumed <= {f"device.{key}" for key in free}
    assert all(own.entry(key).source for key in own)


def test_wear_counts_every_pulse() -> None:
    cells = new_cells(make(), (1, 2, 3), variation=0.0, wear=Wear(1e15, 0.0, 0.0, "low"), seed=0, name="x")
    assert cells.gain.shape == (1, 2, 3, 6)
    assert np.all(cells.limit == 10**15)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"low": 1e-4, "high": 1e-4}, "is not below device.high"),
        ({"asymmetry": 1.0}, "pulses down never move a cell"),
        ({"law": "exponential", "bend_up": -1.0}, "pulses up never move a cell"),
        ({"table_up": [1.0, 1.0, 1.0]}, "table_up has 3 points and device.table_down 2"),
        ({"step": 0}, "out of range"),
    ],
)
def test_bad_cells_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**changes)
