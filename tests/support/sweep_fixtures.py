"""Fixtures of the sweep's tests; a plugin of theirs, named in `pytest_plugins`."""

import json
from typing import Any

import pytest

from ingest.app import handler as ingest
from tests.support.sweep_rounds import Clock


@pytest.fixture
def clock(aws):
    return Clock(aws)


@pytest.fixture
def take(aws, context, event):
    """Lets ingest take all messages of its queue, and those that it sends itself; returns what they asked for."""

    def taking() -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = []
        while messages := aws.messages("INGEST_QUEUE"):
            for message in messages:
                arrival = event("ingest_continue")
                arrival["Records"][0]["body"] = json.dumps(message)
                ingest(arrival, context)
            taken += messages
        return taken

    return taking
