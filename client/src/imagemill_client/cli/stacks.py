"""`imagemill login`, `logout`, `profiles`: which stack, and with which key."""

from __future__ import annotations

import os
import sys

import click

from imagemill_client.cli import show
from imagemill_client.cli.stack_options import complete_profile, json_option
from imagemill_client.client import Client
from imagemill_client.errors import NoStackError
from imagemill_client.profiles import DEFAULT_PROFILE, forget_profile, keep_profile, local_stack, read_profiles
from imagemill_client.transport import is_loopback


@click.command()
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, shell_complete=complete_profile)
@click.option("--url", required=True, help="The stack's ApiUrl, https://…/v1.")
@click.option("--key", help="An API key; asked for where it is not given. `-` reads it from standard input.")
def login(profile: str, url: str, key: str | None) -> None:
    """Keep a stack's address and key, once they have been tried."""
    if key == "-":
        key = sys.stdin.readline()
    elif key is None:
        key = os.environ.get("IMAGEMILL_KEY") or click.prompt("API key", hide_input=True, err=True)
    client = Client(url, key)
    next(client.jobs(), None)
    if client.url.startswith("http://") and not is_loopback(client.url):
        show.note("This address is not https: the key goes in the clear.", "yellow")
    where = keep_profile(profile, client.url, client.transport.key)
    show.note(f"Profile '{profile}' is kept, its key in {where}.")


@click.command()
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, shell_complete=complete_profile)
def logout(profile: str) -> None:
    """Forget a profile and its key."""
    forget_profile(profile)
    show.note(f"Profile '{profile}' is forgotten. Its key is still valid: the stack's operator can remove it.")


@click.command()
@json_option
def profiles(as_json: bool) -> None:
    """List the stacks that are known, and a local one that runs."""
    known = [(name, str(entry.get("url"))) for name, entry in sorted(read_profiles().items())]
    local = local_stack()
    if local is not None:
        known.append(("local", local.url))
    if not known:
        raise NoStackError("No stack is known. `imagemill login --url …` names one; `make dev` starts one here.")
    if as_json:
        for name, url in known:
            show.json_line({"profile": name, "url": url})
        return
    show.table(("profile", "address"), known)
