"""Studies: one file per published figure or table, each a frozen sweep and an analysis that reads only its records."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from cimlearn.errors import InputError, nearest

if TYPE_CHECKING:
    from cimlearn.studies.base import Study

PAPERS: Final[dict[str, dict[str, str]]] = {  # paper -> figure -> module
    "m2ru": {
        **dict.fromkeys(("4a", "4b", "4c", "4d"), "m2ru_accuracy"),
        "5a": "m2ru_quantisation",
        "5b": "m2ru_lifespan",
        "5c": "m2ru_latency",
        "5d": "m2ru_power",
        "kwta": "m2ru_kwta",
        "ageing": "m2ru_ageing",
        "table": "m2ru_comparison",
        "sensitivity": "m2ru_sensitivity",
    },
    "sas-mram": {
        "accuracy": "sas_accuracy",
        "technologies": "sas_technologies",
        "parts": "sas_parts",
        "faults": "sas_faults",
        "retention": "sas_retention",
        "anchors": "sas_anchors",
    },
}
ALIASES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "m2ru": {"4": ("4a", "4b", "4c", "4d"), "5": ("5a", "5b", "5c", "5d")},
    "sas-mram": {},
}


def studies(paper: str, wanted: tuple[str, ...] = ()) -> list[Study]:
    """The studies of a paper, in order; `wanted` names figures, '4' stands for 4a to 4d; none = all.

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
        module = import_module(f"cimlearn.studies.{known[name]}")
        found.append(module.STUDY if hasattr(module, "STUDY") else module.study(name))
    return found
