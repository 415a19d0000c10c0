"""Published figures and claims: a file per figure or table, a frozen sweep and an analysis that reads only records."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from cimlearn.errors import InputError, nearest

if TYPE_CHECKING:
    from cimlearn.papers.base import PaperFigure

PAPERS: Final[dict[str, dict[str, str]]] = {  # paper -> figure -> module
    "m2ru": {
        **dict.fromkeys(("4a", "4b", "4c", "4d"), "m2ru.accuracy"),
        "5a": "m2ru.quantisation",
        "5b": "m2ru.lifespan",
        "5c": "m2ru.latency",
        "5d": "m2ru.power",
        "kwta": "m2ru.kwta",
        "ageing": "m2ru.ageing",
        "table": "m2ru.comparison",
        "twins": "m2ru.twins",
        "sensitivity": "m2ru.sensitivity",
    },
    "sas-mram": {
        "accuracy": "sas_mram.accuracy",
        "learners": "sas_mram.learners",
        "shared": "sas_mram.shared",
        "write": "sas_mram.write",
        "technologies": "sas_mram.technologies",
        "parts": "sas_mram.parts",
        "faults": "sas_mram.faults",
        "retention": "sas_mram.retention",
        "anchors": "sas_mram.anchors",
        "mobile": "sas_mram.mobile",
    },
}
ALIASES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "m2ru": {"4": ("4a", "4b", "4c", "4d"), "5": ("5a", "5b", "5c", "5d")},
    "sas-mram": {},
}


def paper_figures(paper: str, wanted: tuple[str, ...] = ()) -> list[PaperFigure]:
    """The figures of a paper, in order; `wanted` names figures, '4' stands for 4a to 4d; none = all.

    Raises
    ------
    InputError
        For an unknown paper or figure.
    """
    if paper not in PAPERS:
        raise InputError(f"unknown paper '{paper}'; {nearest(paper, PAPERS)}")
    known, names = PAPERS[paper], []
    for word in wanted or tuple(known):
        if word not in known and word not in ALIASES[paper]:
            raise InputError(
                f"unknown figure '{word}' of {paper}; {nearest(word, [*known, *ALIASES[paper]])}"
            )
        names += [n for n in ALIASES[paper].get(word, (word,)) if n not in names]
    found = []
    for name in names:
        module = import_module(f"cimlearn.papers.{known[name]}")
        found.append(module.FIGURE if hasattr(module, "FIGURE") else module.figure(name))
    return found
