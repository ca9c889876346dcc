"""Commands that look at a job, and steer it."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from imagemill_client.cli import following, show
from imagemill_client.cli.stack_options import exit_code, job_argument, json_option, tell, with_client
from imagemill_client.client import Client

JOB_STATUSES = ("AWAITING_UPLOAD", "QUEUED", "PROCESSING", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED", "REJECTED")
PRODUCT_STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED", "SKIPPED")
FAILURE_COLUMNS = ("row", "serial", "name", "position", "input_url", "code", "detail", "means", "mended_by")


@click.command()
@click.option("--status", type=click.Choice(JOB_STATUSES, case_sensitive=False))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many at most.")
@json_option
@with_client
def jobs(client: Client, status: str | None, limit: int, as_json: bool) -> None:
    """List your jobs, newest first."""
    found = itertools.islice(client.jobs(status), limit)
    if as_json:
        for job in found:
            show.json_line(job.document)
        return
    rows = [
        (
            job.id,
            show.status(job.status),
            job.document.get("created_at"),
            _progress(job.counts),
            job.document.get("filename") or "",
        )
        for job in found
    ]
    if rows:
        show.table(("job", "status", "created", "products", "file"), rows)
    else:
        show.note("No jobs.")


def _progress(counts: Mapping[str, int]) -> str:
    total = counts.get("total", 0)
    return f"{total - counts.get('pending', 0)}/{total}"


@click.command(name="show")
@job_argument
@json_option
@with_client
def show_job(client: Client, job_id: str, as_json: bool) -> None:
    """Show JOB: its status, counts and bytes."""
    tell(client.job(job_id), as_json=as_json)


@click.command()
@job_argument
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV, a line each.")
@json_option
@with_client
def errors(client: Client, job_id: str, as_csv: bool, as_json: bool) -> int:
    """Say what failed in JOB: grouped, in words, with the URLs. Exits with 1 where something has."""
    job = client.job(job_id)
    refused = job.document.get("errors") or []
    found = job.failures()
    count = len(refused)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(FAILURE_COLUMNS)
        for failure in found:
            count += 1
            writer.writerow([failure.document()[column] for column in FAILURE_COLUMNS])
    elif as_json:
        for document in itertools.chain(refused, (failure.document() for failure in found)):
            show.json_line(document)
            count += 1
    else:
        for error in refused:
            show.line(f"{error.get('code')}: {error.get('message')}")
        count += show.failures(found)
        if not count:
            show.note("Nothing failed." if job.has_ended else f"Nothing has failed so far; the job is {job.status}.")
    return 1 if count else 0


@click.command()
@job_argument
@click.option("--status", type=click.Choice(PRODUCT_STATUSES, case_sensitive=False))
@json_option
@with_client
def products(client: Client, job_id: str, status: str | None, as_json: bool) -> None:
    """List JOB's products, in row order."""
    found = client.job(job_id).products(status)
    if as_json:
        for product in found:
            show.json_line(product)
        return
    for product in found:
        images = product.get("images") or []
        done = sum(image.get("status") == "COMPLETED" for image in images)
        named = f"{product.get('serial')}  {product.get('name')}"
        line = f"{product['row']:>7}  {product['status']:<10} {done}/{len(images)}  {named}"
        show.line(line)


@click.command()
@job_argument
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
@with_client
def output(client: Client, job_id: str, path: Path | None) -> None:
    """Fetch JOB's output CSV to PATH, or to standard output."""
    job = client.job(job_id)
    if path is not None:
        show.note(str(job.save_output(path)))
        return
    for piece in job.output_pieces():
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@click.command()
@job_argument
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--zip", "as_zip", is_flag=True, help="As one ZIP in DIR.")
@json_option
@with_client
def download(client: Client, job_id: str, folder: Path, as_zip: bool, as_json: bool) -> None:
    """Fetch output.csv, job.json and images/ of JOB into DIR; what is there already is not fetched again."""
    job = client.job(job_id)
    if not job.has_ended:
        show.note(f"The job is still {job.status}; this fetches what is there so far.")
    result = following.download(job, folder, as_zip=as_zip)
    if as_json:
        show.json_line({"job_id": job.id, "path": str(result.path), "fetched": result.fetched, "kept": result.kept})
    else:
        show.note(f"{result.path}: {result.fetched} files fetched, {result.kept} were there.")


@click.command()
@job_argument
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS")
@json_option
@with_client
def wait(client: Client, job_id: str, timeout: float | None, as_json: bool) -> int:
    """Wait for the end of JOB."""
    job = following.wait(client.job(job_id), timeout)
    tell(job, as_json=as_json)
    return exit_code(job)


@click.command()
@job_argument
@json_option
@with_client
def cancel(client: Client, job_id: str, as_json: bool) -> None:
    """Stop what has not begun of JOB; what is done is kept."""
    tell(client.job(job_id).cancel(), as_json=as_json)


@click.command()
@job_argument
@click.option("--wait", "and_wait", is_flag=True, help="Wait for the end.")
@json_option
@with_client
def retry(client: Client, job_id: str, and_wait: bool, as_json: bool) -> int:
    """Run again what failed of JOB, image by image."""
    job = client.job(job_id).retry()
    if and_wait:
        following.wait(job)
    tell(job, as_json=as_json)
    return exit_code(job) if and_wait else 0


@click.command()
@job_argument
@json_option
@with_client
def redeliver(client: Client, job_id: str, as_json: bool) -> None:
    """Send JOB's webhooks again."""
    answer = client.job(job_id).redeliver()
    if as_json:
        show.json_line(answer)
    else:
        show.note("On their way. `imagemill deliveries` shows each attempt.")


@click.command()
@job_argument
@json_option
@with_client
def deliveries(client: Client, job_id: str, as_json: bool) -> None:
    """List each attempt to deliver JOB's webhooks."""
    found = client.job(job_id).deliveries()
    if as_json:
        for attempt in found:
            show.json_line(attempt)
        return
    for attempt in found:
        show.line("  ".join(str(value) for value in attempt.values() if value is not None))
