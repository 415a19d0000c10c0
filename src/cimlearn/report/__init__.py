"""Records to tables, figures and one self-contained page; it never imports the simulator.

Names are imported when they are first used: Matplotlib only when a figure is drawn, rich only when a table is printed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cimlearn.report.run.page import notebook_html, write_report
    from cimlearn.report.run.summary import summarise
    from cimlearn.runfolder.records import Record, Run, read_run

__all__ = ["Record", "Run", "notebook_html", "read_run", "summarise", "write_report"]

_HOME = {
    "Record": "cimlearn.runfolder.records",
    "Run": "cimlearn.runfolder.records",
    "notebook_html": "cimlearn.report.run.page",
    "read_run": "cimlearn.runfolder.records",
    "summarise": "cimlearn.report.run.summary",
    "write_report": "cimlearn.report.run.page",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cimlearn.report' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
