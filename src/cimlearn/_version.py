"""The version of this package, in one place below everything that tells it."""

from typing import Final

__version__: Final = "0.1.0"
