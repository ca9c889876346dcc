"""`python -m tests.fuzz [--seconds N] [TARGET …]`: fuzz each target for its share of the time; print what was found."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CORPUS = PROJECT / "tests" / "fuzz" / "corpus"
DICTIONARIES = PROJECT / "tests" / "fuzz" / "dictionaries"
#: What is found: inputs that reach new code, logs, and inputs that break a promise.
FOUND = PROJECT / ".local" / "fuzz"

TARGETS = ("csv", "urls", "image")
#: An input that takes longer, in seconds, is a finding; so is one that takes more memory, in MiB.
SLOW_SECONDS = 10
MEMORY_MIB = 1_024
#: Longest input, in bytes: short ones are tried more often, and show nearly all.
MAX_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Outcome:
    """finding: the input that broke a promise, if any."""

    target: str
    executions: int
    finding: str | None


def fuzz(target: str, seconds: int) -> Outcome:
    """In a process of its own: libFuzzer ends the process with the first finding."""
    folder = FOUND / target
    folder.mkdir(parents=True, exist_ok=True)
    log = FOUND / f"{target}.log"
    command = [
        *(sys.executable, "-m", "tests.fuzz.run", target),
        *(str(folder), str(CORPUS / target)),
        *(f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}"),
        *(f"-max_len={MAX_BYTES}", f"-artifact_prefix={FOUND}/{target}-", "-print_final_stats=1"),
    ]
    dictionary = DICTIONARIES / f"{target}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    path = os.pathsep.join(str(PROJECT / part) for part in ("layers/core", "functions", "."))
    with log.open("wb") as output:
        ended = subprocess.run(
            command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": path}, stdout=output, stderr=output, check=False
        )
    text = log.read_text(errors="replace")
    executions = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
    artifact = re.search(r"Test unit written to (\S+)", text)
    finding = None if ended.returncode == 0 else f"{artifact[1] if artifact else 'no input'}; see {log}"
    return Outcome(target, int(executions[1]) if executions else 0, finding)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the readers of hostile bytes.")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="|".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    arguments = parser.parse_args()
    targets = arguments.targets or TARGETS
    outcomes = []
    for target in targets:
        outcome = fuzz(target, max(1, arguments.seconds // len(targets)))
        print(f"{target:6} {outcome.executions:>10,} executions, {outcome.finding or 'nothing found'}", flush=True)
        outcomes.append(outcome)
    sys.exit(any(outcome.finding for outcome in outcomes))


if __name__ == "__main__":
    main()
