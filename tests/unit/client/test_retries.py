"""What is safe to send again is sent again, and nothing is done twice; on real sockets."""

import io
from collections.abc import Callable

import pytest

from imagemill_client import Client, RefusedError, UnreachableError
from imagemill_client.catalogue import MAX_REQUEST_BYTES
from imagemill_client.transport import ATTEMPTS
from tests.support.small_mill import CUT, DROP, KEY, LOSE, Fault, SmallMill, one_in_ten, pauses_of, small_mill

CSV = b"S. No.,Product Name,Input Image Urls\r\n1,A,http://shop.example/1.jpg\r\n"


def client_of(mill: SmallMill) -> Client:
    client = Client(mill.url, KEY)
    pauses_of(client.transport)
    return client


def first(times: int, fault: Fault, on: str = "POST") -> Callable[[int, str], Fault]:
    """A line that fails the first requests of a method."""
    seen: list[str] = []

    def decide(_number: int, line: str) -> Fault:
        if line.startswith(on) and len(seen) < times:
            seen.append(line)
            return fault
        return None

    return decide


@pytest.mark.parametrize("fault", [DROP, LOSE, CUT, (503, {}), (500, {}), (429, {})], ids=str)
def test_one_submission_is_one_job_whatever_the_line_does(fault):
    with small_mill(fault=first(2, fault)) as mill:
        job = client_of(mill).submit(CSV, filename="a.csv", quality=60, progressive=True, max_width=None)

    assert list(mill.jobs) == [job.id]
    [form] = mill.forms
    assert form == {"quality": "60", "progressive": "true", "file": CSV, "filename": "a.csv"}


def test_retry_after_is_heeded():
    with small_mill(fault=first(2, (429, {"retry-after": "7"}))) as mill:
        client = Client(mill.url, KEY)
        pauses = pauses_of(client.transport)
        client.submit(CSV)

    assert pauses == [7.0, 7.0]


def test_a_retry_after_of_hours_is_told_and_not_waited_for():
    with small_mill(fault=first(9, (429, {"retry-after": "7200"}))) as mill:
        client = Client(mill.url, KEY)
        pauses = pauses_of(client.transport)
        with pytest.raises(RefusedError, match="THROTTLED"):
            client.submit(CSV)

    assert pauses == []


@pytest.mark.parametrize("fault", [LOSE, CUT, (500, {})], ids=str)
def test_what_would_be_done_twice_is_not_sent_twice(fault):
    with small_mill(fault=first(1, fault)) as mill, pytest.raises(UnreachableError):
        client_of(mill).add_webhook("http://receiver.example")

    assert mill.seen == ["POST /v1/webhooks"]


def test_what_was_only_throttled_is_sent_again():
    with small_mill(fault=first(1, (429, {}))) as mill:
        client_of(mill).add_webhook("http://receiver.example")

    assert mill.calls["POST webhooks"] == 1


def test_a_line_that_never_holds_is_given_up():
    given_up = pytest.raises(UnreachableError, match=r"the connection was cut.*make dev")
    with small_mill(fault=lambda *_: DROP) as mill, given_up:
        client_of(mill).job("01M")

    assert len(mill.seen) == ATTEMPTS


def test_a_large_catalogue_is_uploaded_and_sent_whole_again_after_a_cut():
    csv = CSV + b"2,B,http://shop.example/2.jpg\r\n" * (MAX_REQUEST_BYTES // 30)
    sent = []
    faults = iter([None, DROP, LOSE])
    with small_mill(fault=lambda _number, line: next(faults, None) if line.startswith("POST") else None) as mill:
        job = client_of(mill).submit(io.BytesIO(csv), filename="large.csv", on_sent=lambda *seen: sent.append(seen))

    assert job.status == "COMPLETED"
    assert mill.forms[0] == {"filename": "large.csv"}
    assert [form["file"] == csv for form in mill.forms[1:]] == [True, True]
    assert list(mill.forms[1]) == ["key", "file", "filename"]
    assert max(sent) == (len(csv), len(csv))


def test_the_switch_to_uploads_is_at_4_mib():
    with small_mill() as mill:
        client_of(mill).submit(b"x" * MAX_REQUEST_BYTES)
        client_of(mill).submit(b"x" * (MAX_REQUEST_BYTES + 1))

    assert [line for line in mill.seen if line.startswith("POST")] == ["POST /v1/jobs", "POST /v1/uploads", "POST /s3"]


def test_pages_are_followed_over_a_bad_line():
    with small_mill(serials=tuple(map(str, range(1, 60))), fault=one_in_ten(CUT)) as mill:
        job = mill.make_job("a.csv")
        rows = [product["row"] for product in client_of(mill).job(job["job_id"]).products()]

    assert rows == list(range(1, 60))


def test_a_filter_is_followed_through_empty_pages():
    with small_mill(serials=("1",) * 9) as mill:
        job = mill.make_job("a.csv")
        found = list(client_of(mill).job(job["job_id"]).products("FAILED"))

    assert found == []
    assert len(mill.seen) == 6


def test_a_retry_whose_answer_was_lost_is_one_run():
    with small_mill() as mill:
        job = client_of(mill).job(mill.make_job("a.csv")["job_id"])
        mill.fault = first(1, DROP)
        job.retry()

    assert (mill.calls["retry"], job.document["run"]) == (1, 2)


def test_what_is_no_imagemill_is_said_so():
    with small_mill() as mill, pytest.raises(UnreachableError, match="not as imagemill does"):
        Client(f"{mill.root}/images/1.jpg?", KEY).job("01M")


def test_the_key_is_in_no_words():
    with small_mill(fault=lambda *_: DROP) as mill:
        client = client_of(mill)
        with pytest.raises(UnreachableError) as caught:
            client.job("01M")

    assert KEY not in f"{client!r} {client.transport!r} {caught.value}"
