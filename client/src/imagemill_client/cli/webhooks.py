"""`imagemill webhooks …`: endpoints that are told of every job."""

from __future__ import annotations

from collections.abc import Mapping

import click

from imagemill_client.cli import show
from imagemill_client.cli.stack_options import json_option, with_client
from imagemill_client.client import Client

webhook_argument = click.argument("webhook_id", metavar="WEBHOOK")


@click.group()
def webhooks() -> None:
    """Endpoints that are told of every job."""


@webhooks.command(name="list")
@json_option
@with_client
def list_webhooks(client: Client, as_json: bool) -> None:
    """List them."""
    found = client.webhooks()
    if as_json:
        for webhook in found:
            show.json_line(webhook)
    elif found:
        show.table(("webhook", "state", "url", "events"), map(show.webhook_row, found))
    else:
        show.note("None. `imagemill webhooks add URL` registers one.")


@webhooks.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, help="As in job.completed; all by default.")
@click.option("--description")
@json_option
@with_client
def add(client: Client, url: str, events: tuple[str, ...], description: str | None, as_json: bool) -> None:
    """Register URL. Its secret is shown now, and never again."""
    _tell(client.add_webhook(url, list(events) or None, description), as_json=as_json)


@webhooks.command(name="show")
@webhook_argument
@json_option
@with_client
def show_webhook(client: Client, webhook_id: str, as_json: bool) -> None:
    """Show one."""
    _tell(client.webhook(webhook_id), as_json=as_json)


@webhooks.command()
@webhook_argument
@with_client
def enable(client: Client, webhook_id: str) -> None:
    """Let it be told again."""
    client.change_webhook(webhook_id, enabled=True)
    show.note("Enabled.")


@webhooks.command()
@webhook_argument
@with_client
def disable(client: Client, webhook_id: str) -> None:
    """Let it no longer be told."""
    client.change_webhook(webhook_id, enabled=False)
    show.note("Disabled.")


@webhooks.command()
@webhook_argument
@with_client
def remove(client: Client, webhook_id: str) -> None:
    """Remove it."""
    client.remove_webhook(webhook_id)
    show.note("Removed.")


@webhooks.command()
@webhook_argument
@json_option
@with_client
def test(client: Client, webhook_id: str, as_json: bool) -> None:
    """Send it a test message."""
    _tell(client.test_webhook(webhook_id), as_json=as_json)


@webhooks.command(name="rotate-secret")
@webhook_argument
@json_option
@with_client
def rotate_secret(client: Client, webhook_id: str, as_json: bool) -> None:
    """Give it a new secret, shown now and never again; the old one signs too for 24 h."""
    _tell(client.rotate_webhook_secret(webhook_id), as_json=as_json)


def _tell(document: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        show.json_line(document)
        return
    for name, value in document.items():
        show.line(f"{name:<16} {value}")
