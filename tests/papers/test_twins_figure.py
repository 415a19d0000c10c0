"""The ratio to digital chips against the node: figures of the audit, and where the tight twin wins."""

from __future__ import annotations

import pytest

from cimlearn.papers.m2ru import twins

AUDITED = 0.02


def test_tight_twin_wins_below_28_nm() -> None:
    """The audit: 0.96 at 28 nm, 0.68 at 22 nm; so the crossing lies between 32 and 28 nm."""
    rows = [row for row in twins.analyse({}, False).rows if row["chip"] == "m2ru-lowohmic"]
    tight = {row["node_nm"]: row["ratio"] for row in rows if row["kind"] == "tight"}
    assert tight[28] == pytest.approx(0.96, rel=AUDITED)
    assert tight[22] == pytest.approx(0.68, rel=AUDITED)
    node = twins.crossing([row for row in rows if row["kind"] == "tight"])
    assert node is not None and 28 < node < 32
    assert twins.crossing([row for row in rows if row["kind"] == "off-chip"]) is None  # DRAM doesn't shrink


def test_crossing_on_a_straight_line() -> None:
    """4 at 64 nm and 1/4 at 16 nm: 1 in the middle of the logarithms, 32 nm."""
    assert twins.crossing([{"node_nm": 64, "ratio": 4}, {"node_nm": 16, "ratio": 0.25}]) == pytest.approx(32)


def test_figure_is_drawn() -> None:
    result = twins.analyse({}, False)
    axes = twins.draw(result).axes[0]
    assert len([line for line in axes.lines if len(line.get_xdata()) == len(twins.NODES)]) == 8
    assert "29 nm" in result.caption
    assert {
        row["unserved"] for row in result.rows if row["chip"] == "m2ru-highohmic" and row["node_nm"] == 65
    } == {""}
