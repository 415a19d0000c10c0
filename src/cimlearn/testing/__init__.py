"""Named checks that an object of one's own is run against: a device, an array, a chip, a stream, a feedback.

    import pytest
    from cimlearn.testing import checks
    from mydevice import CELL

    @pytest.mark.parametrize("check", checks(CELL), ids=str)
    def test_contract(check):
        check()

This package's own objects pass the same checks. A check raises AssertionError and says what is wrong.
"""

from cimlearn.testing.base import Check
from cimlearn.testing.checking import checks

__all__ = ["Check", "checks"]
