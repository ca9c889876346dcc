"""What people and programs see: lines of JSON on standard output, or tables; progress and notes on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from imagemill_client.failures import Failure, grouped
from imagemill_client.job import Job

STATUS_STYLES = {
    "COMPLETED": "green",
    "PARTIAL": "yellow",
    "FAILED": "red",
    "REJECTED": "red",
    "CANCELLED": "dim",
    "SKIPPED": "dim",
}
#: URLs of a group that are shown; all are in `errors --csv` and `errors --json`.
SHOWN_URLS = 5

#: Not cut to a width where a pipe or a file takes it.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 250)
err = Console(stderr=True, highlight=False)


def plain(text: object) -> str:
    """Text of strangers, without what would move the cursor or write into another line."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(text))


def json_line(document: object) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def line(text: str, style: str = "") -> None:
    """One line of the answer, however wide the terminal."""
    out.print(Text(plain(text), style=style), soft_wrap=True)


def note(text: str, style: str = "") -> None:
    err.print(Text(plain(text), style=style), soft_wrap=True)


def status(word: str) -> Text:
    return Text(plain(word), style=STATUS_STYLES.get(word, ""))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    shown = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    out.print(shown)


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def summary(job: Job) -> None:
    """A job in a few lines."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_row("Job", Text.assemble(f"{job.id}  ", status(job.status)))
    document = job.document
    for label, value in (
        ("File", document["filename"]),
        ("Reference", document["client_reference"]),
        ("Created", document["created_at"]),
    ):
        if value:
            shown.add_row(label, Text(plain(value)))
    counts = job.counts
    parts = [f"{count} {name}" for name, count in counts.items() if name != "total" and count]
    shown.add_row("Products", f"{counts.get('total', 0)}: {', '.join(parts) or 'none yet'}")
    if document.get("unchanged_since"):
        shown.add_row("Unchanged", f"since job {document['unchanged_since']}")
    images, sizes = document["images"], document["bytes"]
    if images is not None:
        done, failed = images["completed"], images["failed"]
        reused = f", {images['reused']} of them before" if images.get("reused") else ""
        shown.add_row("Images", f"{images['total']}: {done} compressed{reused}, {failed} failed")
    if sizes is not None and sizes["input"]:
        saved = 100 * sizes["saved"] / sizes["input"]
        shown.add_row("Bytes", f"{size(sizes['input'])} → {size(sizes['output'])}, {saved:.0f} % saved")
    out.print(shown, soft_wrap=True)
    for error in document["errors"][:10]:
        line(f"  {error['code']}: {error['message']}", "red")


def failures(found: Iterable[Failure]) -> int:
    """Groups, each in words and with its URLs; returns how many failures there are."""
    count = 0
    for group in grouped(found):
        first = group[0]
        count += len(group)
        line(f"{len(group)} × {first.title}", "bold yellow")
        line(f"  {first.means}. To be mended by {first.mended_by}.")
        for failure in group[:SHOWN_URLS]:
            line(f"  {_place(failure)}")
        if len(group) > SHOWN_URLS:
            out.print(f"  … and {len(group) - SHOWN_URLS} more: --csv or --json names all.", style="dim")
    return count


def _place(failure: Failure) -> str:
    product = f"row {failure.row}, {failure.serial or failure.name}"
    return f"{product}, image {failure.position}  {failure.url}" if failure.position else product


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars on standard error where that is a terminal; else nothing."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[note]}", style="yellow"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        yield bars


def advance(
    bars: Progress,
    task: TaskID,
    done: int,
    total: int | None,
    *,
    note: str = "",
    unit: str = "",
    in_bytes: bool = False,
) -> None:
    of = size if in_bytes else str
    count = f"{of(done)}/{of(total)}" if total else of(done)
    bars.update(task, completed=done, total=total, count=f"{count} {unit}".rstrip(), note=note)


def new_task(bars: Progress, name: str) -> TaskID:
    return bars.add_task(name, total=None, count="", note="")


def webhook_row(webhook: Mapping[str, Any]) -> list[object]:
    state = "enabled" if webhook.get("enabled") else f"disabled {webhook.get('disabled_reason') or ''}".strip()
    return [webhook.get("id"), state, webhook.get("url"), " ".join(webhook.get("events") or [])]
