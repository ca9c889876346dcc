"""Fixtures of the tests of the HTTP client; a plugin of theirs, named in `pytest_plugins`."""

from contextlib import ExitStack

import pytest

from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.pinned_connections import resolve_with_system
from imagemill.adapters.web.policy import WebPolicy
from tests.support.scripted_web import ScriptedOrigin


@pytest.fixture
def serve_origin():
    with ExitStack() as origins:
        yield lambda *answers, **options: origins.enter_context(ScriptedOrigin(*answers, **options))


@pytest.fixture
def web_client():
    """Clients of the local stage, impatient ones."""
    with ExitStack() as clients:

        def client(resolve=None, paces=None, **policy):
            policy = {"allow_loopback": True, "connect_timeout_seconds": 1.0, "total_timeout_seconds": 5.0} | policy
            made = WebClient(WebPolicy(**policy), resolve or resolve_with_system, paces)
            clients.callback(made.close)
            return made

        yield client
