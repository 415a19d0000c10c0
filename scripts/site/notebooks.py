"""A notebook as a page: text as it is, code in blocks, and what the cells print if the site is asked to run them.

CIMLEARN_SITE_RUN=1 runs every notebook while the site is built (it needs nbclient); without it the page shows the code.
The tests run them always.
"""

from __future__ import annotations

import os
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import nbformat

RUN = "CIMLEARN_SITE_RUN"


def page(file: Path) -> str:
    """Markdown of the notebook in `file`."""
    notebook = nbformat.read(file, as_version=4)
    if os.environ.get(RUN):
        notebook = executed(notebook)
    lines = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
        elif cell.source:
            lines += ["```python", cell.source, "```", ""]
            lines += [text for output in cell.outputs for text in _output(output)]
        if number == 0:
            lines += [f'The notebook: <a href="{file.name}" download>{file.name}</a>. The tests run it.', ""]
    return "\n".join(lines)


def executed(notebook: Any) -> Any:
    """The notebook, run in a folder that is thrown away."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        return NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()


def _output(output: Any) -> list[str]:
    """Markdown of one output: a picture, HTML, or text."""
    if output.output_type == "stream":
        return [] if output.name == "stderr" else [_text(output.text), ""]
    data = output.get("data", {})
    if "image/png" in data:
        return [f'<img alt="output of the cell" src="data:image/png;base64,{data["image/png"].strip()}">', ""]
    if "text/html" in data:
        return [f"<div markdown=0>{data['text/html']}</div>", ""]
    return [_text(data["text/plain"]), ""] if "text/plain" in data else []


def _text(text: str) -> str:
    return f'<div class="output"><pre><code>{escape(text.rstrip())}</code></pre></div>'
