"""`make run`: a catalogue end to end on the embedded stack, its results under `out/`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from imagemill_client import Client, Failure, ImagemillError, Job
from imagemill_client.cli import following, show
from imagemill_client.failures import grouped
from local.origin import SampleOrigin, catalogue_for
from local.stack import DEFAULT_PORT, PROJECT, StackFailedError, free_port, running_stack

OUT = PROJECT / "out"
SUCCESSES = frozenset({"COMPLETED", "PARTIAL"})
MAX_LISTED_ERRORS = 10

console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Catalogue:
    name: str
    csv: bytes


@contextmanager
def catalogue(path: Path | None) -> Iterator[Catalogue]:
    """The user's catalogue; or the samples, with the shop that serves their pictures."""
    if path is not None:
        yield Catalogue(path.name, path.read_bytes())
        return
    with SampleOrigin() as origin:
        yield Catalogue("catalogue.csv", catalogue_for(origin))


def summary(job: Job, failures: Sequence[Failure], seconds: float) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    style = show.STATUS_STYLES.get(job.status, "red")
    table.add_row("Job", f"{job.id}  [{style}]{job.status}[/]  in {seconds:.1f} s")
    counts = job.counts
    parts = [f"{count} {name}" for name, count in counts.items() if name != "total" and count]
    table.add_row("Products", f"{counts['total']}: {', '.join(parts)}")
    images, sizes = job.document["images"], job.document["bytes"]
    if images is not None:
        table.add_row("Images", f"{images['total']}: {images['completed']} compressed, {images['failed']} failed")
    if sizes is not None and sizes["input"]:
        saved = 100 * sizes["saved"] / sizes["input"]
        table.add_row("Bytes", f"{show.size(sizes['input'])} → {show.size(sizes['output'])}, {saved:.0f} % saved")
    for group in grouped(failures):
        places = [_place(failure) for failure in group[:5]]
        more = " …" if group[5:] else ""
        table.add_row(f"[yellow]{group[0].title}[/]", f"{len(group)}: {', '.join(places)}{more}")
    return table


def _place(failure: Failure) -> str:
    return f"row {failure.row} image {failure.position}" if failure.position else f"row {failure.row}"


def run(path: Path | None, options: Mapping[str, str], port: int) -> int:
    begun = time.monotonic()
    with catalogue(path) as given, running_stack(port) as stack:
        console.print(f"Stack up at {stack.aws_endpoint_url} after {time.monotonic() - begun:.1f} s")
        client = Client(stack.api_url, stack.api_key)
        begun = time.monotonic()
        job = following.wait(client.submit(given.csv, options, filename=given.name))
        seconds = time.monotonic() - begun
        failures = list(job.failures())
        folder = following.download(job, OUT / job.id).path
    if job.status == "REJECTED":
        print_errors("The catalogue was rejected.", job.document["errors"])
        return 1
    console.print(summary(job, failures, seconds))
    console.print(f"[bold]Results[/] {folder.relative_to(PROJECT)}/output.csv, job.json and images/")
    console.print(
        "The stack has stopped, so the output's URLs lead nowhere now; `make dev` keeps it up.",
        style="dim",
        soft_wrap=True,
    )
    return 0 if job.status in SUCCESSES else 1


def print_errors(headline: str, errors: Sequence[Mapping[str, Any]]) -> None:
    console.print(headline, style="red", soft_wrap=True)
    for error in errors[:MAX_LISTED_ERRORS]:
        console.print(f"  {error['code']}: {error['message']}", markup=False, soft_wrap=True)


def options_of(text: str) -> dict[str, str]:
    """`quality=60 client_reference="order 7"` as a mapping; a value may have blanks, in quotes or without.

    Raises ValueError where the first word is no `name=value`.
    """
    try:
        words = shlex.split(text)
    except ValueError:  # an apostrophe
        words = text.split()
    options: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            options[name] = value
        elif options:
            last = next(reversed(options))
            options[last] += f" {word}"
        else:
            raise ValueError(f"'{word}' is not name=value, as in quality=60")
    return options


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--csv", type=Path, help="a catalogue of yours; the samples by default")
    parser.add_argument("--options", type=options_of, default={}, help="job options, as in 'quality=60 format=webp'")
    parser.add_argument("--port", type=int, help=f"of the stack; {DEFAULT_PORT}, or another when that is taken")
    arguments = parser.parse_args()
    try:
        return run(arguments.csv, arguments.options, arguments.port or free_port(DEFAULT_PORT))
    except ImagemillError as failed:
        print_errors(str(failed), [])
    except FileNotFoundError as missing:
        print_errors(f"There is no file {missing.filename}.", [])
    except IsADirectoryError as folder:
        print_errors(f"{folder.filename} is a folder; name a CSV file.", [])
    except (StackFailedError, OSError) as failed:
        print_errors(str(failed), [])
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
