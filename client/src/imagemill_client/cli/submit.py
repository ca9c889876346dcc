"""`imagemill submit`."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import IO

import click

from imagemill_client.cli import following, show
from imagemill_client.cli.stack_options import exit_code, json_option, tell, with_client
from imagemill_client.client import Client, Option
from imagemill_client.documents import Validation
from imagemill_client.errors import DownloadError
from imagemill_client.job import Job

#: For completion alone: the API says which options there are.
JOB_OPTIONS = (
    "quality",
    "format",
    "max_width",
    "max_height",
    "progressive",
    "metadata",
    "webhook_url",
    "client_reference",
    "feed",
    "serial_column",
    "name_column",
    "urls_column",
    "base_url",
    "encoding",
    "output",
    "reuse",
)


class JobOption(click.ParamType[tuple[str, str]]):
    """`name=value`; the API says which there are."""

    name = "name=value"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        name, equals, given = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"'{value}' is not name=value, as in quality=60", param, ctx)
        return name.strip(), given


def complete_option(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [f"{name}=" for name in JOB_OPTIONS if name.startswith(begun)]


@click.command()
@click.argument("file", type=click.Path(path_type=str, allow_dash=True))
@click.option(
    "-o",
    "--option",
    "options",
    type=JobOption(),
    shell_complete=complete_option,
    multiple=True,
    help="A job option, as in quality=60.",
)
@click.option("--dry-run", is_flag=True, help="Say what is wrong with the file; start nothing.")
@click.option("--wait", is_flag=True, help="Wait for the job's end.")
@click.option(
    "--download",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Wait, then fetch output.csv, job.json and images/ into DIR.",
)
@click.option("--filename", help="What the job calls the file; its own name, or stdin.csv.")
@click.option("--idempotency-key", help="The same key and file within 24 h is the same job. A new one by default.")
@json_option
@with_client
def submit(
    client: Client,
    file: str,
    options: tuple[tuple[str, str], ...],
    dry_run: bool,
    wait: bool,
    folder: Path | None,
    filename: str | None,
    idempotency_key: str | None,
    as_json: bool,
) -> int:
    """Hand in the catalogue FILE, of any size; - reads standard input, an https:// address is fetched by the stack."""
    is_address = file.startswith(("http://", "https://"))
    source: str | Path | IO[bytes] = file if is_address else sys.stdin.buffer if file == "-" else Path(file)
    filename = filename or ("stdin.csv" if file == "-" else None)
    given: dict[str, Option] = dict(options)
    if dry_run and is_address:
        raise click.UsageError("A dry run looks at a file: fetch it first, and hand it in.")
    if dry_run:
        found = client.dry_run(source, given, filename=filename)
        _tell_dry_run(found, as_json=as_json)
        return 0 if found["valid"] else 1
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # before there is a job whose results have nowhere to go
    job = _hand_in(client, source, filename, idempotency_key or str(uuid.uuid4()), given)
    if not wait and folder is None:
        tell(job, as_json=as_json)
        return 0
    show.note(f"Job {job.id}", "dim")
    following.wait(job)
    code, brought = exit_code(job), None
    if folder is not None and job.has_output:
        try:
            brought = following.download(job, folder)
        except DownloadError:
            tell(job, as_json=as_json)
            raise
    tell(job, as_json=as_json, download=brought)
    if code == 1:
        show.note(f"`imagemill errors {job.id}` says what failed, and who can mend it.")
    return code


def _hand_in(
    client: Client, source: str | Path | IO[bytes], filename: str | None, key: str, options: dict[str, Option]
) -> Job:
    """source: a string is an address."""
    if isinstance(source, str):
        return client.submit_url(source, options, idempotency_key=key)
    with show.progress() as bars:
        task = show.new_task(bars, "Sending")
        try:
            return client.submit(
                source,
                options,
                filename=filename,
                idempotency_key=key,
                on_sent=lambda sent, total: show.advance(bars, task, sent, total, in_bytes=True),
            )
        except KeyboardInterrupt:
            show.note(f"Stopped. There may be a job: `imagemill jobs`, or submit again with --idempotency-key {key}.")
            raise


def _tell_dry_run(found: Validation, *, as_json: bool) -> None:
    if as_json:
        show.json_line(found)
        return
    show.out.print(f"{found['rows']} rows, {found['row_errors'] or 'none'} at fault. Nothing was started.")
    for error in found["errors"]:
        place = f"row {error['row']}: " if error["row"] else ""
        show.note(f"  {place}{error['code']}: {error['message']}", "yellow")
