"""The command, its exit codes, and one line for whatever goes wrong."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from imagemill_client.cli import jobs, show, stacks
from imagemill_client.cli.schedules import schedules
from imagemill_client.cli.stack_options import STACK
from imagemill_client.cli.submit import submit
from imagemill_client.cli.webhooks import webhooks
from imagemill_client.errors import ImagemillError, RefusedError
from imagemill_client.version import __version__

INTERRUPTED = 130
SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="imagemill")
def imagemill() -> None:
    """A catalogue CSV in; every image compressed, and the same CSV with their URLs out.

    Exit codes: 0 all done, 1 ended with failures, 2 wrong usage, 3 refused by the API, 4 not reached.
    """


@imagemill.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print a shell's completion: `eval "$(imagemill completion bash)"`; in fish, pipe it to `source`."""
    click.echo(SHELLS[shell](imagemill, {}, "imagemill", "_IMAGEMILL_COMPLETE").source())


for command in (
    submit, jobs.jobs, jobs.show_job, jobs.errors, jobs.products, jobs.output, jobs.download, jobs.wait, jobs.cancel,
    jobs.retry, jobs.redeliver, jobs.deliveries, schedules, webhooks, stacks.login, stacks.logout, stacks.profiles,
):  # fmt: skip
    imagemill.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    context = None
    try:
        context = imagemill.make_context("imagemill", list(sys.argv[1:] if arguments is None else arguments))
        with context:
            result = imagemill.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.ClickException, ImagemillError, OSError, KeyboardInterrupt, click.Abort) as fault:
        return _tell(fault, context)
    return result if isinstance(result, int) else 0


def _tell(fault: BaseException, context: click.Context | None) -> int:
    """Say in a line what has happened and what next; returns the exit code."""
    code = 1
    match fault:
        case click.ClickException():
            command = (getattr(fault, "ctx", None) or context or click.Context(imagemill)).command_path
            show.note(f"{fault.format_message()} `{command} --help` says how.".replace("\n", " "), "red")
            code = fault.exit_code
        case ImagemillError():
            show.note(f"{fault}{_way_out(fault, context)}", "red")
            code = fault.exit_code
        case BrokenPipeError():
            # Whoever read has had enough, as `head` does; nothing more is to be flushed at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        case OSError():
            show.note(f"{fault.filename or 'The disk'}: {fault.strerror or fault}.", "red")
        case _:
            show.note("Interrupted.")
            code = INTERRUPTED
    return code


def _way_out(fault: ImagemillError, context: click.Context | None) -> str:
    if not isinstance(fault, RefusedError):
        return ""
    if fault.status == 403 and fault.code in {"FORBIDDEN", "HTTP_403"}:
        stack = context.meta.get(STACK) if context is not None else None
        source = f" ({stack.source})" if stack is not None else ""
        return f" The stack does not know this key{source}; `imagemill login --url … --key …` keeps one that it knows."
    return ""


def console_script() -> None:
    # Completion scripts ask by this variable; click answers in its own way of being called.
    if "_IMAGEMILL_COMPLETE" in os.environ:
        imagemill(prog_name="imagemill")
    sys.exit(main())
