"""CPU time of the embedded stack's processes, read from /proc while they run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: Fields of /proc/<pid>/stat after the command's name (proc_pid_stat(5)): parent, user and system time.
PARENT, USER_TICKS, SYSTEM_TICKS = 1, 11, 12


@dataclass(slots=True)
class CpuTimes:
    """CPU seconds of this process's descendants, by role, since this was made.

    A process that ends between two samples is counted up to the last one that saw it.
    """

    _begun: dict[int, float] = field(default_factory=dict)
    _latest: dict[int, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begun = {pid: seconds for pid, (_, seconds) in descendants().items()}

    def sample(self) -> None:
        self._latest |= descendants()

    def by_role(self) -> Mapping[str, float]:
        """As of the last sample."""
        seconds: dict[str, float] = {}
        for pid, (role, total) in self._latest.items():
            seconds[role] = seconds.get(role, 0.0) + total - self._begun.get(pid, 0.0)
        return seconds


def descendants() -> dict[int, tuple[str, float]]:
    """Role and CPU seconds of every process below this one."""
    stats = {int(folder.name): _stat(folder) for folder in PROC.iterdir() if folder.name.isdigit()}
    ours = {os.getpid()}
    found: dict[int, tuple[str, float]] = {}
    # A child has not always the larger number: repeat until nobody new is found.
    while new := {pid: stat for pid, stat in stats.items() if stat and stat[0] in ours and pid not in ours}:
        ours |= new.keys()
        found |= {pid: (_role(pid), stat[1]) for pid, stat in new.items() if stat}
    return found


def _stat(folder: Path) -> tuple[int, float] | None:
    """Parent and CPU seconds; None for a process that has just gone."""
    try:
        text = (folder / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[PARENT]), (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND


def _role(pid: int) -> str:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    text = " ".join(command)
    if "local.emulator" in text:
        return "emulated AWS"
    if "bench.children.origin" in text:
        return "origin"
    if "process.codec_process" in text:
        return "function process"
    for argument in command:
        if argument.endswith(".app.handler"):
            return f"function {argument.removesuffix('.app.handler')}"
    return "benchmark"
