"""Where a child's answers go: to its standard output, alone."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def apart_from_logs() -> TextIO:
    """Standard output, for answers; whoever writes to it from now on, as loggers do, writes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers
