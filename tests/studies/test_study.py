"""Study files: names of runs, what is drawn, and one line for whatever is wrong, before anything runs."""

from __future__ import annotations

import math
from pathlib import Path

import hostile
import numpy as np
import pytest

from cimlearn import random
from cimlearn.errors import InputError
from cimlearn.studies.axes import Choice, LogNormal, Normal, Range, spread_of, value_text
from cimlearn.studies.study import Study, load

BASE = 'chip = "m2ru"\n[stream]\nname = "permuted-digits"\nexamples = 60\n'


def study(tmp_path: Path, text: str, start: str = BASE) -> Study:
    """The study whose file is `start` and `text`; keys at the top have to be in `start`."""
    (tmp_path / "s.toml").write_text(start + text)
    return load(tmp_path / "s.toml")


def names(of: Study) -> list[str]:
    return [point.name for point in of.points()]


def test_names_and_order(tmp_path: Path) -> None:
    found = study(
        tmp_path, '[grid]\ncell.endurance = [1e6, "none"]\non = ["chip", "float"]', "seeds = 2\n" + BASE
    )
    assert names(found) == [
        f"m2ru/endurance={e}/on={on}/seed={s}" for e in ("1e6", "none") for on in ("chip", "float") for s in (0, 1)
    ]  # fmt: skip
    last = found.points()[-1].experiment
    assert (last.on, last.seeds, last.parameters[0]["cell.endurance"]) == ("float", (1,), None)
    assert last.parameters[1]["stream.examples"] == 60
    assert (found.name, found.varied, str(found.folder)) == ("s", ("cell.endurance", "on"), "studied/s")


def test_a_plain_experiment_is_a_study_of_one_run(tmp_path: Path) -> None:
    assert names(study(tmp_path, "")) == ["m2ru/seed=0"]


def test_zipped_lists_go_together_and_quoted_names_are_the_same(tmp_path: Path) -> None:
    found = study(tmp_path, '[zip]\n"network.hidden" = [20, 40]\nrule.keep_hidden = [8, "none"]')
    assert names(found) == ["m2ru/hidden=20/keep_hidden=8/seed=0", "m2ru/hidden=40/keep_hidden=none/seed=0"]


def test_what_is_clear_alone_stands_alone(tmp_path: Path) -> None:
    found = study(tmp_path, "[grid]\nperiphery.clock = [1e7]\ntwin.clock = [2e7]\nnetwork.hidden = [8]")
    assert names(found) == ["m2ru/periphery.clock=1e7/twin.clock=2e7/hidden=8/seed=0"]
    found = study(tmp_path, '[grid]\nchip = ["m2ru"]\nstream.examples = [50]\n[network]\nhidden = 9')
    assert names(found) == ["m2ru/examples=50/seed=0"]


def test_random_draws_depend_on_seed_name_and_number_alone(tmp_path: Path) -> None:
    spread = "rule.rate_bias = {low = 0.01, high = 1.0, log = true}\n"
    few = study(tmp_path, f"[random]\ndraws = 3\nseed = 5\n{spread}")
    more = study(
        tmp_path, f"[random]\ndraws = 5\nseed = 5\nnetwork.hidden = {{low = 8, high = 12}}\n{spread}"
    )
    other = study(tmp_path, f"[random]\ndraws = 3\nseed = 6\n{spread}")
    rates = [[p.experiment.settings["rule.rate_bias"] for p in s.points()] for s in (few, more, other)]
    assert rates[0] == rates[1][:3] and rates[0] != rates[2]
    assert names(few) == ["m2ru/draw=0/seed=0", "m2ru/draw=1/seed=0", "m2ru/draw=2/seed=0"]
    assert all(isinstance(p.experiment.settings["network.hidden"], int) for p in more.points())


def test_each_chip_of_a_monte_carlo_is_a_seed_with_draws_of_its_own(tmp_path: Path) -> None:
    text = (
        "[monte_carlo]\nchips = {}\nfirst_seed = 3\ncell.variation = {{mean = 0.1, std = 0.02, low = 0.0}}\n"
    )
    few, more = (study(tmp_path, text.format(n) + "[grid]\nnetwork.hidden = [10, 20]") for n in (2, 4))
    drawn = {p.name: p.experiment.settings["cell.variation"] for p in more.points()}
    assert {p.name: p.experiment.settings["cell.variation"] for p in few.points()}.items() <= drawn.items()
    assert drawn["m2ru/hidden=10/seed=3"] == drawn["m2ru/hidden=20/seed=3"]  # one chip, two designs
    assert len(set(drawn.values())) == 4
    assert [p.experiment.seeds for p in few.points()] == [(3,), (4,), (3,), (4,)]


def test_spreads_have_their_moments() -> None:
    rng, n = random.generator(1, "moments"), 4000
    close = 5 / math.sqrt(n)

    def drawn(spread: Range | Choice | Normal | LogNormal, **whole: bool) -> np.ndarray:
        return np.array([spread.draw(rng, **whole) for _ in range(n)])

    assert abs(drawn(Range(2.0, 4.0)).mean() - 3) < close
    assert abs(np.log10(drawn(Range(1e2, 1e6, log=True))).mean() - 4) < 4 * close
    assert set(drawn(Range(1, 3), whole=True)) == {1, 2, 3}
    assert set(drawn(Range(1, 3, log=True), whole=True)) == {1, 2, 3}
    assert abs(drawn(Normal(5.0, 2.0)).std() - 2) < 2 * close
    assert drawn(Normal(0.0, 1.0, low=0.0)).min() >= 0
    logs = np.log(drawn(LogNormal(1e6, 0.5)))
    assert abs(logs.mean() - math.log(1e6)) < close and abs(logs.std() - 0.5) < close
    assert set(drawn(Choice(("a", "b")))) == {"a", "b"}
    with pytest.raises(InputError, match="none of 10000 draws lies between 50 and 60"):
        Normal(0.0, 1.0, low=50.0, high=60.0).draw(rng)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e6, "1e6"), (1000000, "1e6"), (250000.0, "2.5e5"), (100, "100"), (0.05, "0.05"), (1e-7, "1e-7"), (0, "0"),
        ("none", "none"), (None, "none"), (True, "true"), ([8, 4.5], "8+4.5"), ("my/data set.npz", "my-data-set.npz"),
        (-2.5, "-2.5"), (99999, "99999"), (123456789, "1.23456789e8"),
    ],
)  # fmt: skip
def test_values_in_names(value: object, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gird]\nnetwork.hidden = [1]", r"unknown table \[gird\]; did you mean 'grid'"),
        ("[grid]", r"\[grid\] is empty; say what varies"),
        ("[grid]\nnetwork.hidden = []", r"\[grid\] network.hidden is an empty list"),
        ("[grid]\nnetwork.hidden = [1, 1]", "network.hidden holds 1 twice"),
        ("[grid]\nnetwork.hidden = 3", "network.hidden = 3 is not a list"),
        ("[grid]\nnetwork.hiden = [3]", "unknown parameter 'network.hiden'; did you mean 'network.hidden'"),
        ("[grid]\nnetwork.hidden = ['many']", "run m2ru/hidden=many/seed=0: network.hidden = 'many' is not a number"),
        ("[grid]\nseeds = [3]", "seeds stand at the top"),
        ("[grid]\nhidden = [3]", "name what varies as part.key"),
        ("[grid]\non = ['chp']", "unknown placement 'chp' of m2ru; did you mean 'chip'"),
        ("[grid]\nchip = ['m2rv']", "unknown chip 'm2rv'; did you mean 'm2ru'"),
        ("[zip]\nnetwork.hidden = [3, 4]\nrule.keep_hidden = [2]", "network.hidden has 2, rule.keep_hidden has 1"),
        ("[grid]\nnetwork.hidden = [3]\n[zip]\nnetwork.hidden = [3]", "network.hidden varies in two tables"),
        ("[random]\ndraws = 3", "draws nothing; give at least one spread"),
        ("[random]\nnetwork.hidden = {low = 1, high = 3}", r"\[random\] lacks how many"),
        ("[random]\ndraws = 0\nnetwork.hidden = {low = 1, high = 3}", "draws = 0: give a whole number from 1"),
        ("[random]\ndraw = 3", "unknown key 'draw'; did you mean 'draws'"),
        ("[monte_carlo]\nchips = 3\ncell.variation = {mean = 0.1, std = 2}", "out of range; allowed: 0 to 2"),
        ("[monte_carlo]\ncell.variation = {mean = 0.1, std = 2}", r"\[monte_carlo\] lacks how many"),
        ("[network]\nhidden = 0", "network.hidden = 0 is out of range"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        study(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 's.toml'}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("grib = 3\n", "unknown key 'grib'; did you mean 'grid'"),
        ("grid = 3\n", r"grid = 3 must be a table"),
        ("name = 3\n", "name = 3 must be a text"),
        ("seeds = 2\nmonte_carlo.chips = 3\n", "both seeds and"),
        ("seeds = [0, 0]\n", "two runs are called m2ru/seed=0"),
        ("seeds = -1\n", "seeds = -1"),
    ],
)
def test_what_is_wrong_at_the_top(tmp_path: Path, start: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        study(tmp_path, "", start + BASE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "x.y = 3 is not a spread"),
        ({"low": 1, "hi": 2}, "unknown key 'hi'; did you mean 'high'"),
        ({"low": 3, "high": 1}, "low = 3 is not below high = 1"),
        ({"low": 0, "high": 1, "log": True}, "low = 0 has no logarithm"),
        ({"low": 0, "high": 1, "log": 1}, "log = 1 is neither true nor false"),
        ({"low": "a", "high": 1}, "low = 'a' is not a number"),
        ({"low": 0, "high": math.inf}, "high = inf is not finite"),
        ({"mean": 1}, "mean is no spread"),
        ({"mean": 1, "std": -1}, "std = -1 is below 0"),
        ({"median": 0, "sigma": 1}, "median = 0 has no logarithm"),
        ({"choices": []}, "is not a list of at least one value"),
        ({}, "nothing is no spread"),
    ],
)
def test_a_wrong_spread(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spread_of("x.y", given)


HUGE = {
    "draws": "[random]\ndraws = 2000000\nrule.rate_bias = {low = 0.01, high = 1.0}",
    "ten to the 15 draws": "[random]\ndraws = 1000000000000000\nrule.rate_bias = {low = 0.01, high = 1.0}",
    "ten to the 18 chips": "[monte_carlo]\nchips = 1000000000000000000\ncell.endurance = {median = 1e6, sigma = 0.5}",
    "a product": "[random]\ndraws = 999999\nrule.rate_bias = {low = 0.01, high = 1.0}\n[grid]\nnetwork.hidden = [8, 9]",
}


@pytest.mark.parametrize("name", HUGE)
def test_runs_are_counted_before_they_are_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"[\d,]{9,} runs; the limit is 1,000,000"):
        study(tmp_path, HUGE[name])


@pytest.mark.parametrize("name", ["..", ".", "../x", "/tmp/x", "-x", " ", "a" * 300, ".hidden"])
def test_a_study_s_name_cannot_leave_studied(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="a study's name begins with a letter or digit") as error:
        study(tmp_path, "[grid]\nnetwork.hidden = [8]", f'name = "{name}"\n{BASE}')
    assert "\n" not in str(error.value)
    named = study(tmp_path, "[grid]\nnetwork.hidden = [8]", f'name = "a/../../b"\n{BASE}')
    assert named.folder.parent == Path("studied")


@pytest.mark.parametrize(
    "file", ["true for a text", "a list for a number", "an empty unknown table", "deep", "NUL"]
)
def test_a_hostile_study_is_one_line(tmp_path: Path, file: str) -> None:
    (tmp_path / "s.toml").write_bytes(hostile.TOML[file])
    with pytest.raises(InputError) as error:
        load(tmp_path / "s.toml")
    assert "\n" not in str(error.value)
