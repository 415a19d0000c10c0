"""`cimlearn show` of some parameters, and hints to whoever names a file where a chip belongs."""

from __future__ import annotations

import json

import pytest

from cimlearn import cli


def test_parts_and_parameters_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "m2ru", "rule.batch", "network"]) == 0
    printed = capsys.readouterr().out
    assert "network.hidden: hidden units" in printed and "rule.batch" in printed
    assert "rule.scale" not in printed and "Ideal here" not in printed
    assert cli.main(["show", "m2ru", "operation", "--json"]) == 0
    names = json.loads(capsys.readouterr().out)["parameters"]
    assert "operation.rate" in names and all(name.startswith("operation.") for name in names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "m2ru", "rul"], "unknown parameter or part 'rul'; did you mean 'rule'?"),
        (["show", "m2ru", "rule.bacth"], "did you mean 'rule.batch'?"),
        (["run", "mine.py"], "unknown chip 'mine.py'; say which object in it is the chip: mine.py:CHIP"),
        (["run", "sensor.csv"], "unknown chip 'sensor.csv'; data is a stream: m2ru --stream sensor.csv"),
    ],
)
def test_what_was_meant(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
