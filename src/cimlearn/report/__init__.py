"""Records to tables, figures and one self-contained page; it never imports the simulator.

Names are imported when they are first used. Matplotlib is imported only when a figure is drawn
(`figures`, `wear`), rich only when a table is printed (`terminal`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cimlearn.report.html import notebook_html, write_report
    from cimlearn.report.summary import summarise
    from cimlearn.runfolder.records import Record, Run, read_run

__all__ = ["Record", "Run", "notebook_html", "read_run", "summarise", "write_report"]

_HOME = {
    "Record": "records",
    "Run": "records",
    "notebook_html": "html",
    "read_run": "records",
    "summarise": "summary",
    "write_report": "html",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cimlearn.report' has no attribute '{name}'")
    return getattr(import_module(f"cimlearn.report.{_HOME[name]}"), name)
