"""Medians, ratios, and what the machine was."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Repetitions of every timing; what is compared takes turns within each.
REPETITIONS = 5
#: The same of what uses the whole machine for seconds, where other users of the machine disturb most.
LONG_REPETITIONS = 9


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the repetitions, in seconds."""

    wall: float
    cpu: float


def median_timing(walls: Iterable[float], cpus: Iterable[float]) -> Timing:
    return Timing(statistics.median(walls), statistics.median(cpus))


def processor() -> str:
    """The processor's model, as the kernel names it."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
