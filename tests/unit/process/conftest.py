"""Fixtures of the image worker's tests."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import process.codec_pool
import process.image
from imagemill.adapters.aws import clients
from imagemill.adapters.store.runs import open_run
from process.codec_pool import CodecPool
from tests.support.account import JOB_ID, OTHER_JOB_ID
from tests.support.codec_pools import FAR, MEGABYTES


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


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodecPool]:
    """One whose images stay in the fast lane, however busy the machine is: a child that left it is not kept."""
    monkeypatch.setattr(process.codec_pool, "SLOW_SECONDS", FAR)
    pool = CodecPool(1, 600 * MEGABYTES)
    yield pool
    pool.close()
