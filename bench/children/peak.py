"""A process's peak of resident memory."""

from __future__ import annotations

from pathlib import Path


def peak_bytes() -> int:
    """Of this program alone: `getrusage` would also count what its parent had when it forked (getrusage(2))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("The kernel does not tell VmHWM: the memory benchmark needs Linux.")
