"""Whatever `write.scheme` may be, an array can be written by it."""

from __future__ import annotations

from typing import Any

import pytest

from cimlearn.arrays.schemes.scheme import TYPES, write_scheme
from cimlearn.chips import parameters

NEEDS: dict[str, dict[str, Any]] = {
    "slices": {"mapping.cells": 2},
    "one-sided": {"device.kind": "pcm-nandakumar"},
}


def test_every_choice_has_a_scheme() -> None:
    choices = parameters("m2ru-lowohmic", {}).entry("write.scheme").choices
    assert choices is not None and set(choices) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_a_design_builds_it(name: str) -> None:
    p = parameters("m2ru-lowohmic", {"write.scheme": name, **NEEDS.get(name, {})})
    assert write_scheme(p, 1.0).kind == TYPES[name][0]
