"""How often a written bit is wrong, by what it was and what it is to be."""

from __future__ import annotations

from typing import Final, NamedTuple


class Risks(NamedTuple):
    """Probability that a bit of a driven line is wrong after a write."""

    keep_zero: float  # was 0, is to be 0
    set_one: float  # was 0, is to be 1
    set_zero: float  # was 1, is to be 0
    keep_one: float  # was 1, is to be 1

    def worst(self) -> float:
        """Of the four."""
        return max(self)

    def mean(self, ones: float) -> float:
        """With a share `ones` of ones before and after."""
        zeros = 1 - ones
        return (
            zeros * zeros * self.keep_zero
            + zeros * ones * (self.set_one + self.set_zero)
            + ones * ones * self.keep_one
        )


def changed(error: float) -> Risks:
    """Only bits that change are written, and one is wrong with probability `error`."""
    return Risks(0.0, error, error, 0.0)


NO_RISK: Final = Risks(0.0, 0.0, 0.0, 0.0)
