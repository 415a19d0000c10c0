"""`python -m cimlearn`: the same as the command `cimlearn`."""

import sys

from cimlearn.cli import main

sys.exit(main())
