"""Fixtures of the deliveries' tests."""

from collections.abc import Callable

import pytest

import deliver.delivery
from imagemill.domain.webhooks import message as webhook
from tests.support.ended_jobs import end_job, end_job_with
from tests.support.endpoints import FrozenTime, register
from tests.support.web import Answer, Request


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(webhook, "random", lambda: 0.0)


@pytest.fixture
def told(aws, web):
    """Answers the webhook of an ended job as the test says."""

    def answering(answer: Answer) -> None:
        end_job_with(web.route("/hook", answer))

    return answering


@pytest.fixture
def clock(monkeypatch):
    clock = FrozenTime()
    monkeypatch.setattr(deliver.delivery, "now", clock)
    return clock


@pytest.fixture
def told_endpoint(aws, web):
    """A job that has ended, and an endpoint that answers as the test says; gives its secret."""

    def answering(answer: Answer | Callable[[Request], Answer]) -> str:
        end_job()
        return register(web.route("/hook", answer))[1]

    return answering
