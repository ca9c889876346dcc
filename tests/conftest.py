"""What tests stand on: an account, events and their context, a caller of the API, a shop's server.

Figures that tests come to are told after the dots, whichever process came to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
from hypothesis import settings
from moto import mock_aws
from moto.core.models import MockAWS

from imagemill import metrics
from imagemill.kept import forget
from tests.support.account import CREDENTIALS, ENVIRONMENT, ORIGIN_IN_EVENTS, PROJECT, Account
from tests.support.caller import Caller, LambdaContext
from tests.support.image_files import photo, saved
from tests.support.moto_mended import hurry_moto, let_calls_of_objects_wait_for_each_other
from tests.support.template import read_template
from tests.support.web import Answer, TestWeb

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

#: The property under which a test records a line to be told: `record_property(FIGURES, "…")`.
FIGURES = "figures"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == FIGURES:
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, its intrinsic functions in their long form."""
    return read_template()


@pytest.fixture(scope="session")
def moto() -> Iterator[MockAWS]:
    """Answers boto3 from the first test on that has an account: to begin takes as long as an account."""
    hurry_moto()
    let_calls_of_objects_wait_for_each_other()
    with mock_aws(config={"core": {"mock_credentials": False}}) as running:
        yield running


@pytest.fixture
def aws(template: dict[str, Any], moto: MockAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of its own for each test, in stage `local`."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    # moto answers boto3 alone, not our own connections.
    monkeypatch.setenv("FAST_LANE", "off")
    _forget()
    yield Account(template, moto)
    _forget()


def _forget() -> None:
    """Drop what a process keeps.

    The clients may stay: they are bound to credentials and region, not to an account, and cost half a second.
    """
    metrics.forget_counts()
    forget()


@pytest.fixture
def context() -> LambdaContext:
    """A context with five minutes left, whenever asked."""
    return LambdaContext(repeat(300_000))


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Events by their file's name in events/; `origin` stands in for the shop's image server."""

    def load(name: str, origin: str = ORIGIN_IN_EVENTS) -> dict[str, Any]:
        text = (PROJECT / "events" / f"{name}.json").read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text.replace(ORIGIN_IN_EVENTS, origin))
        return loaded

    return load


@pytest.fixture
def caller(aws: Account, event: Callable[..., dict[str, Any]], context: LambdaContext) -> Caller:
    """A caller of the API; `TENANT`, unless told otherwise."""
    return Caller(event, context)


@pytest.fixture
def web() -> Iterator[TestWeb]:
    """The shop's image server, and the receiver of webhooks, on 127.0.0.1."""
    with TestWeb().serving() as running:
        yield running


@pytest.fixture(scope="session")
def picture() -> Answer:
    """A photograph-like JPEG of 160 × 120 pixels."""
    return Answer(body=saved(photo(160, 120), "JPEG", quality=95), headers={"content-type": "image/jpeg"})
