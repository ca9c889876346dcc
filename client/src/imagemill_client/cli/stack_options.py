"""What nearly every command takes: which stack, and lines of JSON instead of tables."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from imagemill_client.cli import show
from imagemill_client.client import Client
from imagemill_client.download import Download
from imagemill_client.job import Job
from imagemill_client.profiles import find_stack, read_profiles

Command = Callable[..., Any]
#: Where a command leaves which stack it has found.
STACK = "imagemill.stack"


def complete_profile(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in sorted({*read_profiles(), "local"}) if name.startswith(begun)]


profile_option = click.option(
    "--profile", metavar="P", shell_complete=complete_profile, help="Of `login`; `local` is the stack of `make dev`."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document a line, for programs.")
job_argument = click.argument("job_id", metavar="JOB")


def with_client(command: Command) -> Command:
    """Give the command a Client as its first argument."""

    @profile_option
    @functools.wraps(command)
    def wrapped(*args: Any, profile: str | None, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the command takes and returns
        stack = find_stack(profile)
        click.get_current_context().meta[STACK] = stack
        return command(Client(stack.url, stack.key), *args, **kwargs)

    return wrapped


def exit_code(job: Job) -> int:
    """Of an ended job (contract A9); one that has not ended is no failure."""
    if not job.has_ended:
        return 0
    return {"COMPLETED": 0, "REJECTED": 3}.get(job.status, 1)


def tell(job: Job, *, as_json: bool, download: Download | None = None) -> None:
    """The job, and where its files have been brought to."""
    if as_json:
        brought = {"path": str(download.path), "fetched": download.fetched, "kept": download.kept} if download else None
        show.json_line({**job.document, **({"download": brought} if brought else {})})
    else:
        show.summary(job)
