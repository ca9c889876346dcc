"""Every ended run is an event on the account's bus (contract A6), and nothing that is told is too long for AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.aws import event_bus
from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.messages import get_message
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import ProductCounts, job_document
from imagemill.domain.options import JobOptions
from imagemill.domain.webhooks.message import EventType, message_body
from imagemill.domain.webhooks.run_event import MAX_DETAIL_BYTES, event_detail
from imagemill.errors import EventNotSentError
from report import app
from report.app import handler
from tests.support.account import ENVIRONMENT, JOB_ID, a_job
from tests.support.finished_products import CSV, finish_products, job_of

#: PutEvents: an entry with source, type, detail and 14 bytes for its time.
MAX_ENTRY_BYTES = 256 * 1024
HOOK = JobOptions(webhook_url="https://shop.example/hook")


@pytest.fixture
def bus(aws: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The entries that the bus was sent; it takes all."""
    taken: list[dict[str, Any]] = []

    class Bus:
        def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            taken.extend(Entries)
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}

    monkeypatch.setattr(event_bus, "events", Bus)
    return taken


@pytest.mark.parametrize("name", ["report", "report_execution"])
def test_an_ended_run_is_an_event_with_the_job_as_webhooks_tell_it(aws, bus, context, event, name):
    aws.start_job(CSV, HOOK)
    finish_products()

    handler(event(name), context)

    [entry] = bus
    message = get_message(JOB_ID, 1)
    assert message
    assert (entry["Source"], entry["DetailType"]) == ("imagemill", "job.partial")
    assert json.loads(entry["Detail"]) == {
        "stack": ENVIRONMENT["POWERTOOLS_SERVICE_NAME"],
        "message_id": f"msg_{JOB_ID}_1",
        "job": json.loads(message.body)["data"],
    }


@pytest.mark.parametrize("status", [JobStatus.REJECTED, JobStatus.CANCELLED])
def test_a_job_that_never_began_is_an_event_too(aws, bus, context, event, status):
    create_job(a_job(status=status))

    handler(event("report"), context)

    assert [entry["DetailType"] for entry in bus] == [f"job.{status.value.lower()}"]


def test_a_report_that_comes_again_sends_no_event_again(aws, bus, context, event):
    aws.start_job(CSV)
    finish_products()
    for _ in range(3):
        handler(event("report"), context)

    assert len(bus) == 1


def test_an_event_that_is_not_taken_is_sent_by_the_next_receive(aws, bus, context, event, monkeypatch):
    aws.start_job(CSV, HOOK)
    finish_products()
    monkeypatch.setattr(app, "show_report_again_after", lambda *_: None)

    class Refusing:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}

    class Broken:
        def put_events(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "InternalFailure"}}, "PutEvents")

    for trouble, fault in ((Refusing, EventNotSentError), (Broken, ClientError)):
        with monkeypatch.context() as patched:
            patched.setattr(event_bus, "events", trouble)
            with pytest.raises(fault):
                handler(event("report"), context)
        assert (job_of().reported, aws.executions(), bus) == (0, [], [])

    handler(event("report"), context)
    assert (job_of().reported, aws.executions(), len(bus)) == (1, [f"{JOB_ID}-1"], 1)


def test_a_crash_after_the_event_sends_it_again_under_the_same_id(aws, bus, context, event):
    aws.start_job(CSV, HOOK)
    finish_products()

    def die(point: str) -> None:
        if point == "before StartExecution":
            raise RuntimeError(point)

    with aws.watched(die), pytest.raises(RuntimeError):
        handler(event("report"), context)
    handler(event("report"), context)

    assert len({entry["Detail"] for entry in bus}) == 1
    assert len(bus) == 2


#: What is widest on the way: four bytes of UTF-8, twelve of JSON's ASCII.
WIDE = "\U0001f5bc"


def error(row: int, characters: int, text: str = WIDE) -> dict[str, Any]:
    return {"row": row, "column": text * 256, "code": "MALFORMED_CSV", "message": text * characters}


def columns(count: int, characters: int) -> dict[str, Any]:
    names = {"serial": WIDE * 256, "name": WIDE * 256, "urls": [WIDE * characters] * count}
    return {"encoding": "utf-8", "delimiter": ",", "feed": "mapped", "columns": names}


LONG: dict[str, Callable[[], dict[str, Any]]] = {
    "errors": lambda: {"errors": tuple(error(row, 512) for row in range(100))},
    "many errors": lambda: {"errors": tuple(error(row, 8000) for row in range(100))},
    "one error": lambda: {"errors": (error(1, 100_000),)},
    "columns": lambda: {"csv": columns(256, 256)},
    "short columns": lambda: {"csv": columns(16_384, 4)},
    "both": lambda: {"csv": columns(16_384, 4), "errors": tuple(error(row, 512) for row in range(100))},
    "all else": lambda: {
        "filename": WIDE * 255,
        "options": JobOptions(webhook_url="https://shop.example/" + "a" * 2000, client_reference=WIDE * 256),
        "drop_key": "inbox/" + "a" * 988,
    },
}


@pytest.mark.parametrize("kind", LONG)
def test_the_longest_job_fits_into_an_event_and_says_what_it_leaves_out(kind):
    job = job_document(a_job(status=JobStatus.REJECTED, **LONG[kind]()), ProductCounts())

    detail = event_detail("s" * 128, f"msg_{JOB_ID}_1", job)

    assert len(detail.encode()) <= MAX_DETAIL_BYTES
    assert len(detail.encode()) + len("imagemill") + len("job.completed") + 14 <= MAX_ENTRY_BYTES
    told = json.loads(detail)["job"]
    assert len(told["errors"]) + told.get("errors_omitted", 0) == len(job["errors"])
    if job["csv"]:
        shown = told["csv"]["columns"]
        assert len(shown["urls"]) + shown.get("columns_omitted", 0) == len(job["csv"]["columns"]["urls"])
    assert {**told, "errors": 0, "csv": 0, "errors_omitted": 0} == {**job, "errors": 0, "csv": 0, "errors_omitted": 0}


@given(errors=st.lists(st.tuples(st.integers(0, 9000), st.sampled_from(["a", "é", WIDE, '"', "\n"])), max_size=100))
def test_errors_of_any_length_fit(errors):
    listed = tuple(error(row, characters, text) for row, (characters, text) in enumerate(errors))
    job = job_document(a_job(status=JobStatus.REJECTED, errors=listed), ProductCounts())

    detail = event_detail("stack", "msg", job)

    assert len(detail.encode()) <= MAX_DETAIL_BYTES
    told = json.loads(detail)["job"]
    assert told["errors"] == job["errors"][: len(told["errors"])]
    assert ("errors_omitted" in told) is (len(told["errors"]) < len(listed))


def test_what_is_told_fits_into_an_item():
    """DynamoDB: 400 KB. A header has 64 Ki characters, and a refused file one error."""
    refused = job_document(a_job(status=JobStatus.REJECTED, errors=(error(1, 9000),)), ProductCounts())
    wide = job_document(a_job(csv=columns(16_384, 4)), ProductCounts())

    for job in (refused, wide):
        assert len(message_body(EventType.JOB_REJECTED, "2026-11-25T08:00:00.000Z", job)) < 400_000 - 2_000
