"""The comment behind a field of a class is its description: `rows: int  # wordlines`. The reference shows it.

A griffe extension (mkdocs.yml names this file). A comment may stand inside a field's annotation; a docstring wins.
"""

from __future__ import annotations

import io
import tokenize
from typing import Any

import griffe


class Comments(griffe.Extension):
    """Gives each attribute of a class the text of the comments in its lines."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Add a docstring to `attr`, if it has none and there is a comment."""
        if attr.docstring is not None or attr.parent is None or not attr.parent.is_class:
            return
        text = " ".join(_comments(attr))
        if text:
            attr.docstring = griffe.Docstring(text, parent=attr, lineno=attr.lineno)


def _comments(attr: griffe.Attribute) -> list[str]:
    """The comments in the lines of `attr`, without their signs."""
    lines = attr.lines_collection[attr.filepath][attr.lineno - 1 : attr.endlineno]
    source = "\n".join(line.strip() for line in lines)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, IndentationError):
        return []
    return [t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT]
