"""Equations of the pages: LaTeX in a fence ```math, which GitHub renders by itself, as MathML of the built site.

A page then asks for no font and no script. The environment `aligned`, which GitHub knows, is `align*` to the converter.
"""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

# What the converter makes -> what browsers show well: \sim is an operator, max is none, bars
# stand close, and a prime is raised by its font already.
BETTER = (
    (re.compile("<mo>(max|min)</mo>"), r"<mi>\1</mi>"),
    (re.compile("<mo>&#x0007C;</mo>"), '<mo lspace="0" rspace="0" stretchy="false">&#x0007C;</mo>'),
    (re.compile("<mi>&#x0007E;</mi>"), "<mo>&#x0223C;</mo>"),
    (re.compile(r"<msup>(<mi[^>]*>[^<]*</mi>)(<mi>&#x0203[23];</mi>)</msup>"), r"<mrow>\1\2</mrow>"),
    (
        re.compile(r"<msubsup>(<mi[^>]*>[^<]*</mi>)(<mi[^>]*>[^<]*</mi>)(<mi>&#x0203[23];</mi>)</msubsup>"),
        r"<msub><mrow>\1\3</mrow>\2</msub>",
    ),
)


def fence(source: str, *_: Any, **__: Any) -> str:
    """HTML of one fence (pymdownx.superfences calls it): a block that scrolls by itself where it is too wide."""
    return f'<div class="formula" tabindex="0" role="group" aria-label="Equation">{mathml(source)}</div>'


def mathml(source: str) -> str:
    """<math> of LaTeX.

    Raises
    ------
    ValueError
        If it is no LaTeX, or a command or a brace would be left as text.
    """
    try:
        made = convert(source.replace("{aligned}", "{align*}"), display="block")
    except Exception as error:  # the converter has a class for each, without a word in it
        raise ValueError(f"no equation ({type(error).__name__}): {source.strip()}") from error
    for found, better in BETTER:
        made = found.sub(better, made)
    if "\\" in made or "{" in made or "}" in made or "<mi>&</mi>" in made:
        raise ValueError(f"an equation has a command that the site can't show: {source.strip()}")
    return made
