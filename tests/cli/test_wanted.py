"""What `--set` says: parameters by name, a device, and a named write scheme as a whole."""

from __future__ import annotations

import pytest

from cimlearn.cli.wanted import settings_of
from cimlearn.errors import InputError
from cimlearn.studies.panel.schemes import Scheme, schemes


@pytest.mark.parametrize("scheme", schemes(), ids=lambda scheme: scheme.name)
def test_a_named_scheme_sets_all_of_its_parameters(scheme: Scheme) -> None:
    assert settings_of([f"write={scheme.name}"]) == scheme.settings


def test_what_is_set_by_name_wins_over_the_scheme() -> None:
    for pairs in (["write=kept", "write.least=0.1"], ["write.least=0.1", "write=kept"]):
        found = settings_of([*pairs, "device=ecram"])
        assert found["write.least"] == "0.1" and found["rule.remainder"] == "kept"
        assert found["device.kind"] == "ecram"


def test_a_scheme_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown scheme 'slice'.*slices"):
        settings_of(["write=slice"])
