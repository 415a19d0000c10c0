"""The time that is left follows the later runs, not those that compiled first."""

from __future__ import annotations

from cimlearn.cli.pace import Pace


def test_runs_that_compiled_first_do_not_count_for_those_to_come() -> None:
    seconds = iter([0, 300, 302, 304, 306, 308, 310])
    pace = Pace(lambda: next(seconds))
    said = [pace.left(rest) for rest in (9, 8, 7, 6, 5, 4)]
    assert said == [
        "",
        "about 0:16 left",
        "about 0:14 left",
        "about 0:12 left",
        "about 0:10 left",
        "about 0:08 left",
    ]


def test_after_the_last_run_nothing_is_left() -> None:
    seconds = iter([0, 10, 20])
    pace = Pace(lambda: next(seconds))
    assert pace.left(1) == "" and pace.left(0) == "about 0:00 left"
