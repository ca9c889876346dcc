"""`make test`: all tests, part by part, and how long each part took.

`python -m tests unit faults` runs those parts alone.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

PYTEST = ["-m", "pytest"]
#: Lines that the functions run are counted, in every process.
COVERED = ["-m", "coverage", "run", *PYTEST]

#: Arguments of Python. A part that fails ends the run.
PARTS = {
    "unit": [[*COVERED, "-n", "2", "--dist", "loadfile", "tests/unit", "tests/fuzz"]],
    "contract": [[*COVERED, "tests/contract"]],
    # Hundreds of whole jobs through code that the other parts cover: without coverage's tracing.
    "faults": [[*PYTEST, "-n", "2", "--dist", "worksteal", "tests/faults"]],
    "e2e": [[*COVERED, "-n", "2", "--dist", "loadfile", "tests/e2e"]],
    # Nobody counts lines of JavaScript here; the functions' own are counted by the parts before.
    "browser": [[*PYTEST, "tests/browser"]],
    "coverage": [["-m", "coverage", "combine", "--quiet"], ["-m", "coverage", "report"]],
}


def cpu_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(part: str) -> tuple[bool, float, float]:
    """Whether the part passed, and the wall and CPU seconds that it took."""
    started, used = time.monotonic(), cpu_seconds()
    passed = all(subprocess.run([sys.executable, *command], check=False).returncode == 0 for command in PARTS[part])
    return passed, time.monotonic() - started, cpu_seconds() - used


def main(parts: list[str]) -> int:
    subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True)
    begun, used = time.monotonic(), cpu_seconds()
    lines = []
    passed = True
    for part in parts:
        print(f"--- {part}", flush=True)
        passed, wall, cpu = run(part)
        lines.append(f"{part:10}{wall:8.0f} s{cpu:8.0f} CPU s{'' if passed else '   FAILED'}")
        if not passed:
            break
    lines.append(f"{'in all':10}{time.monotonic() - begun:8.0f} s{cpu_seconds() - used:8.0f} CPU s")
    print("", *lines, sep="\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PARTS)))
