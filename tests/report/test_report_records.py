"""Run folders as they are read: summary, order, and what is refused."""

import json
from pathlib import Path

import pytest
from report_run import make_run

from cimlearn.errors import InputError
from cimlearn.report import read_run, summarise


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "three", seeds=(0, 1, 2), tasks=3)


def test_summary_is_plain_json_with_whole_counts(three):
    run = read_run(three)
    summary = summarise(run)
    assert json.loads(json.dumps(summary)) == summary
    assert summary["seeds"] == [0, 1, 2]
    assert len(summary["accuracy"]["after_each_task"]) == 3
    assert summary["examples_per_second"] == 5000
    assert summary["ledger"]["counts"]["learn"]["hidden"]["vectors"] == 28 * 2 * 180_000
    ends = [run.of_seed(seed)[-1].writes for seed in (0, 1, 2)]
    assert summary["writes"]["per_cell_max"] == max(w.max for arrays in ends for w in arrays.values())
    totals = [sum(w.total for w in arrays.values()) for arrays in ends]
    assert summary["writes"]["per_cell_mean"] == pytest.approx(sum(totals) / 3 / 13_910)


def _spoil(folder: Path, number: int, text: str) -> None:
    lines = (folder / "records.jsonl").read_text().splitlines()
    lines[number - 1] = text
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"seed": 0, "task"', "line 2 is broken"),
        ("[]", "line 2 is broken"),
        ("{}", "'task' is missing"),
        (
            '{"seed":0,"task":1,"task_name":"","accuracy":[0.5],"examples":1,"ledger":{"counts":{}}}',
            "1 values",
        ),
        (
            '{"seed":0,"task":1,"task_name":"","accuracy":[0.5,NaN],"examples":1,"ledger":{"counts":{}}}',
            "NaN is not finite",
        ),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    folder = make_run(tmp_path / "r", on="float", tasks=3)
    _spoil(folder, 2, line)
    with pytest.raises(InputError, match=message) as error:
        read_run(folder)
    assert "\n" not in str(error.value)


def test_records_out_of_order_are_refused(tmp_path):
    folder = make_run(tmp_path / "r", on="float", tasks=3)
    lines = (folder / "records.jsonl").read_text().splitlines()
    _spoil(folder, 2, lines[2])
    with pytest.raises(InputError, match=r"line 2 .* task 1 was due"):
        read_run(folder)
    _spoil(folder, 2, lines[1].replace('"seed": 0', '"seed": 7'))
    with pytest.raises(InputError, match=r"seed 7 is not in run\.json"):
        read_run(folder)


def test_other_folders_and_formats_are_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"is damaged \(not JSON"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match="format 2"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 1, "chip": "m2ru"}')
    with pytest.raises(InputError, match="lacks on, stream"):
        read_run(tmp_path)


def test_a_result_becomes_a_data_frame(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    from cimlearn.api import Result

    result = Result(make_run(tmp_path / "run", seeds=(0, 1), tasks=3))
    frame = result.to_frame()
    assert len(frame) == sum(len(record.accuracy) for record in result.records)
    ends = frame[frame.learned == frame.learned.max()]
    assert ends.groupby("seed").accuracy.mean().mean() == pytest.approx(result.accuracy.average)
    assert {"seed", "learned", "tested", "task", "learning_J", "lifetime_years", "writes_per_cell"} <= set(
        frame.columns
    )
