"""`python -m bench`, or of it the benchmarks that are named: `python -m bench codec worker`.

Prints the tables. A run of all also writes docs/benchmarks: README.md with the tables, and the codec's chart. `cost`,
`scale`, `isolation`, `bombs` and `neighbours` write their own, also when they run alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from PIL import features
from rich.console import Console

from . import (
    bombs,
    chart,
    codec,
    cost,
    ingest,
    job,
    memory,
    neighbours,
    paths,
    peaks,
    reuse,
    scale,
    threads,
    transcoder,
    worker,
)
from .child import PROJECT
from .table import Table
from .timing import processor

DOCUMENTS = PROJECT / "docs" / "benchmarks"
#: Above this load average (of one minute) other programs are in the way.
QUIET_LOAD = 0.5

#: Columns of a log file, for which no terminal tells a width.
LOG_WIDTH = 160

console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure imagemill.")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="|".join(BENCHMARKS))
    parser.add_argument("--documents", type=Path, default=DOCUMENTS, help="where a run of all writes its report")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        console.print(f"The machine is busy (load {load:.1f}): trust ratios, not times.", style="yellow")
    tables: list[Table] = []
    for name in arguments.names or BENCHMARKS:
        begun = time.monotonic()
        with console.status(f"Measuring {name} …"):
            measured = BENCHMARKS[name](arguments.documents if not arguments.names else None)
        for table in measured:
            console.print(table.for_terminal())
        console.print(f"{name}: {time.monotonic() - begun:.0f} s\n", style="dim")
        tables += measured
    if not arguments.names:
        _write_report(arguments.documents, tables, load)


def _codec(documents: Path | None) -> list[Table]:
    encodings = codec.measure()
    if documents:
        documents.mkdir(parents=True, exist_ok=True)
        chart.draw(encodings, f"{_date()} · {_machine()}\n{_versions()}", documents / "codec.png")
    return codec.tables(encodings)


def _cost() -> list[Table]:
    """Computed, not measured: so it is written whenever it is asked for."""
    cost.write_into(PROJECT / "docs" / "howto" / "operate.md")
    return cost.tables()


def _scale() -> list[Table]:
    """The same, beside the report that is the repository's own."""
    simulated = scale.courses()
    scale.write_into(DOCUMENTS, simulated)
    return [scale.table(simulated)]


def _kept(name: str, tables: list[Table]) -> list[Table]:
    """What has a document of its own, written also when it runs alone."""
    machine = f"{_machine()}, Python {platform.python_version()}"
    written = f"Written by `python -m bench {name}` on {_date()} ({machine}), load {os.getloadavg()[0]:.1f} at its end."
    text = "\n".join(table.as_markdown().replace("## ", "# ", 1) for table in tables)
    (DOCUMENTS / f"{name}.md").write_text(f"{text}\n{written}\n", encoding="utf-8")
    return tables


BENCHMARKS: Mapping[str, Callable[[Path | None], list[Table]]] = {
    "codec": _codec,
    "transcoder": lambda _: [transcoder.table(transcoder.measure())],
    "paths": lambda _: [paths.table(paths.measure())],
    "threads": lambda _: [threads.table(threads.measure())],
    "memory": lambda _: [memory.table(memory.measure())],
    "peaks": lambda _: [peaks.table(peaks.measure_and_write())],
    "worker": lambda _: [worker.table(worker.measure())],
    "isolation": lambda _: _kept("isolation", [worker.isolation_table(worker.measure_isolation())]),
    "bombs": lambda _: _kept("bombs", [bombs.table(bombs.measure())]),
    "neighbours": lambda _: _kept("neighbours", [neighbours.table(neighbours.measure())]),
    "ingest": lambda _: [ingest.table(ingest.measure())],
    "job": lambda _: job.tables(job.measure()),
    "reuse": lambda _: reuse.tables(reuse.measure()),
    "cost": lambda _: _cost(),
    "scale": lambda _: _scale(),
}


def _write_report(folder: Path, tables: list[Table], load: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    head = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {_date()}: {_machine()}; load {load:.1f} when it began. {_versions()}.",
        "",
        "![Speed, size and quality of the codec](codec.png)",
        "",
    ]
    (folder / "README.md").write_text("\n".join([*head, *(table.as_markdown() for table in tables)]), encoding="utf-8")
    console.print(f"Written: {folder / 'README.md'}")


def _date() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    return f"{processor()}, {os.cpu_count()} processors, {platform.system()}"


def _versions() -> str:
    return (
        f"Python {platform.python_version()}, Pillow {version('pillow')} "
        f"(libjpeg-turbo {features.version('libjpeg_turbo')}, libwebp {features.version('webp')}), "
        f"sharp {codec.sharp_version()}, simplejpeg {version('simplejpeg')}, ssimulacra2 {version('ssimulacra2')}"
    )


if __name__ == "__main__":
    main()
