"""`make run`: a catalogue end to end on the embedded stack, its results under `out/`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.api_client import ApiClient, RefusedError
from local.origin import SampleOrigin, catalogue_for
from local.stack import DEFAULT_PORT, PROJECT, StackFailedError, free_port, running_stack

OUT = PROJECT / "out"
POLL_SECONDS = 0.2
PARALLEL_DOWNLOADS = 8
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


def follow(api: ApiClient, job_id: str) -> dict[str, Any]:
    """Show the job's progress until it has ended; returns it."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("products"),
        TextColumn("{task.fields[failures]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Compressing", total=None, failures="")
        while True:
            job = api.job(job_id)
            products = job["products"]
            troubled = products["failed"] + products["partial"]
            progress.update(
                task,
                total=products["total"] or None,
                completed=products["total"] - products["pending"],
                failures=f"[yellow]{troubled} with failures" if troubled else "",
            )
            if job["ended_at"]:
                return job
            time.sleep(POLL_SECONDS)


def save_results(api: ApiClient, job: Mapping[str, Any], products: Sequence[Mapping[str, Any]]) -> Path:
    """Write `job.json`, and of a job with output `output.csv` and the images."""
    folder = OUT / str(job["job_id"])
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(job, indent=2, ensure_ascii=False) + "\n")
    if job["links"]["output"]:
        (folder / "output.csv").write_bytes(api.output(job["job_id"]))
    stored = {
        image["output_url"]: images / f"{product['row']}-{image['output_url'].rsplit('/', 1)[1]}"
        for product in products
        for image in product["images"]
        if image["output_url"]
    }
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        for path, body in zip(stored.values(), pool.map(api.download, stored), strict=True):
            path.write_bytes(body)
    return folder


def summary(job: Mapping[str, Any], products: Sequence[Mapping[str, Any]], seconds: float) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    style = "green" if job["status"] == "COMPLETED" else "yellow" if job["status"] == "PARTIAL" else "red"
    table.add_row("Job", f"{job['job_id']}  [{style}]{job['status']}[/]  in {seconds:.1f} s")
    counts = job["products"]
    parts = [f"{counts[status]} {status}" for status in ("completed", "partial", "failed") if counts[status]]
    table.add_row("Products", f"{counts['total']}: {', '.join(parts)}")
    images, sizes = job["images"], job["bytes"]
    table.add_row("Images", f"{images['total']}: {images['completed']} compressed, {images['failed']} failed")
    if sizes["input"]:
        saved = 100 * sizes["saved"] / sizes["input"]
        table.add_row("Bytes", f"{_size(sizes['input'])} → {_size(sizes['output'])}, {saved:.0f} % saved")
    for code, places in _failures(products).items():
        table.add_row(f"[yellow]{code}[/]", f"{len(places)}: {', '.join(places[:5])}{' …' if places[5:] else ''}")
    return table


def _failures(products: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Where each error code was met, the most frequent code first."""
    met: list[tuple[str, str]] = []
    for product in products:
        if product["error"]:
            met.append((product["error"], f"row {product['row']}"))
        for image in product["images"]:
            if image["error"]:
                status = f" {image['http_status']}" if "http_status" in image else ""
                met.append((image["error"] + status, f"row {product['row']} image {image['position']}"))
    frequency = Counter(code for code, _ in met)
    return {code: [place for found, place in met if found == code] for code, _ in frequency.most_common()}


def _size(count: int) -> str:
    for unit in ("bytes", "kB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000  # type: ignore[assignment]
    return f"{count:.3g} MB" if count < 1000 else f"{count / 1000:.3g} GB"


def run(path: Path | None, options: Mapping[str, str], port: int) -> int:
    begun = time.monotonic()
    with catalogue(path) as given, running_stack(port) as stack:
        console.print(f"Stack up at {stack.aws_endpoint_url} after {time.monotonic() - begun:.1f} s")
        api = ApiClient(stack, urllib3.PoolManager(maxsize=PARALLEL_DOWNLOADS))
        begun = time.monotonic()
        job_id = api.submit(given.name, given.csv, options)
        job = follow(api, job_id)
        seconds = time.monotonic() - begun
        products = list(api.products(job_id))
        folder = save_results(api, job, products)
    if job["status"] == "REJECTED":
        print_errors("The catalogue was rejected.", job["errors"])
        return 1
    console.print(summary(job, products, seconds))
    console.print(f"[bold]Results[/] {folder.relative_to(PROJECT)}/output.csv, job.json and images/")
    console.print(
        "The stack has stopped, so the output's URLs lead nowhere now; `make dev` keeps it up.",
        style="dim",
        soft_wrap=True,
    )
    return 0 if job["status"] in SUCCESSES else 1


def print_errors(headline: str, errors: Sequence[Mapping[str, Any]]) -> None:
    console.print(headline, style="red", soft_wrap=True)
    for error in errors[:MAX_LISTED_ERRORS]:
        console.print(f"  {error['code']}: {error['message']}", markup=False, soft_wrap=True)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not name=value")
    return name, value


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--csv", type=Path, help="a catalogue of yours; the samples by default")
    parser.add_argument("--option", type=_option, action="append", default=[], help="a job option, name=value")
    parser.add_argument("--port", type=int, help=f"of the stack; {DEFAULT_PORT}, or another when that is taken")
    arguments = parser.parse_args()
    try:
        return run(arguments.csv, dict(arguments.option), arguments.port or free_port(DEFAULT_PORT))
    except RefusedError as refused:
        print_errors(f"The catalogue was refused. {refused}", [])
    except FileNotFoundError as missing:
        print_errors(f"There is no file {missing.filename}.", [])
    except IsADirectoryError as folder:
        print_errors(f"{folder.filename} is a folder; name a CSV file.", [])
    except (StackFailedError, OSError, urllib3.exceptions.HTTPError) as failed:
        print_errors(str(failed), [])
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
