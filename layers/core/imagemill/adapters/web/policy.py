"""Where the web client may go, and how long and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill import __version__
from imagemill.adapters.web.origin_pace import DEFAULT_PACE, PaceLimits

MEBIBYTE = 1024 * 1024
#: No list of favourite formats: the image as it is stored is wanted, not a re-encoded one.
ACCEPT = "image/*,*/*;q=0.5"


def user_agent(contact_url: str = "") -> str:
    """Who calls, and where its operator can be reached: `imagemill/<version> (+https://shop.example/bot)`."""
    product = f"imagemill/{__version__}"
    return f"{product} (+{contact_url})" if contact_url else product


@dataclass(frozen=True, slots=True)
class WebPolicy:
    """Where a client may go, and how long and how much it takes.

    allow_loopback: stage `local` alone; opens loopback addresses, and every port. total_timeout_seconds: from
    the call to the last byte, with every redirect, lookup and wait for a connection. max_bytes: of a body,
    after decoding. pace: how many requests one origin is sent at once. max_retry_after_seconds: the longest
    that an origin's Retry-After is obeyed; webhooks have a limit of their own (contract A6). referer: the page
    that images are said to be asked for by, where origins want one; empty for none. accept: what is wanted.
    """

    allow_loopback: bool = False
    user_agent: str = user_agent()
    connect_timeout_seconds: float = 5.0
    total_timeout_seconds: float = 30.0
    max_bytes: int = 50 * MEBIBYTE
    max_redirects: int = 3
    pace: PaceLimits = DEFAULT_PACE
    max_retry_after_seconds: float = 3600.0
    referer: str = ""
    accept: str = ACCEPT
