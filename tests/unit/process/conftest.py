"""Fixtures of the image worker's tests."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import process.image
from imagemill.adapters.aws import clients
from imagemill.adapters.store.runs import open_run
from tests.support.account import JOB_ID, OTHER_JOB_ID


@pytest.fixture
def open_runs(aws, monkeypatch):
    """Runs of one chunk, and pauses between tries too short to notice."""
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)


@pytest.fixture
def visibility_changes(aws) -> Iterator[list[int]]:
    """Seconds after which messages that were given back come again."""
    changes: list[int] = []

    def seen(params: dict[str, Any], **_: Any) -> None:
        changes.append(json.loads(params["body"])["VisibilityTimeout"])

    events = clients.sqs().meta.events
    events.register("before-call.sqs.ChangeMessageVisibility", seen)
    yield changes
    events.unregister("before-call.sqs.ChangeMessageVisibility", seen)
