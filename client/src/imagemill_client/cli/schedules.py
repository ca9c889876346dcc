"""`imagemill schedules …`: feeds that the stack fetches again and again."""

from __future__ import annotations

from collections.abc import Mapping

import click

from imagemill_client.cli import show
from imagemill_client.cli.stack_options import json_option, with_client
from imagemill_client.cli.submit import JobOption, complete_option
from imagemill_client.client import Client
from imagemill_client.documents import ScheduleDocument

schedule_argument = click.argument("schedule_id", metavar="SCHEDULE")


@click.group()
def schedules() -> None:
    """Feeds that the stack fetches again and again."""


@schedules.command(name="list")
@json_option
@with_client
def list_schedules(client: Client, as_json: bool) -> None:
    """List them."""
    found = client.schedules()
    if as_json:
        for schedule in found:
            show.json_line(schedule)
    elif found:
        show.table(("schedule", "every", "next run", "last run", "url"), map(_row, found))
    else:
        show.note("None. `imagemill schedules add URL --every P1D` makes one.")


@schedules.command()
@click.argument("url")
@click.option("--every", required=True, help="As in PT6H, P1D or '0 3 * * *'.")
@click.option("--timezone", help="With a cron line, as in Europe/Berlin.")
@click.option(
    "-o",
    "--option",
    "options",
    type=JobOption(),
    shell_complete=complete_option,
    multiple=True,
    help="An option of its jobs, as in quality=60.",
)
@json_option
@with_client
def add(
    client: Client, url: str, every: str, timezone: str | None, options: tuple[tuple[str, str], ...], as_json: bool
) -> None:
    """Have the CSV at URL fetched again and again. Each run is a job."""
    _tell(client.add_schedule(url, every, timezone, dict(options)), as_json=as_json)


@schedules.command(name="show")
@schedule_argument
@json_option
@with_client
def show_schedule(client: Client, schedule_id: str, as_json: bool) -> None:
    """Show one, and what came of its last runs."""
    _tell(client.schedule(schedule_id), as_json=as_json)


@schedules.command()
@schedule_argument
@with_client
def enable(client: Client, schedule_id: str) -> None:
    """Let it run again."""
    client.change_schedule(schedule_id, enabled=True)
    show.note("Enabled.")


@schedules.command()
@schedule_argument
@with_client
def disable(client: Client, schedule_id: str) -> None:
    """Let it no longer run."""
    client.change_schedule(schedule_id, enabled=False)
    show.note("Disabled.")


@schedules.command()
@schedule_argument
@with_client
def remove(client: Client, schedule_id: str) -> None:
    """Remove it; its jobs stay."""
    client.remove_schedule(schedule_id)
    show.note("Removed.")


def _row(schedule: ScheduleDocument) -> list[object]:
    every = f"{schedule['every']} {schedule['timezone'] or ''}".strip()
    last = show.status(schedule["runs"][0]["status"]) if schedule["runs"] else ""
    return [schedule["id"], every, schedule["next_run_at"] or "disabled", last, schedule["source_url"]]


def _tell(schedule: ScheduleDocument, *, as_json: bool) -> None:
    if as_json:
        show.json_line(schedule)
        return
    facts: Mapping[str, object] = {**schedule}
    for name, value in facts.items():
        if name not in {"options", "runs"}:
            show.line(f"{name:<16} {value}")
    for run in schedule["runs"]:
        result = f"unchanged since {run['unchanged_since']}" if run["unchanged_since"] else " ".join(run["errors"])
        show.line(f"{run['scheduled_at']}  {run['job_id']}  {run['status']}  {result}".rstrip())
