"""POST /jobs repeated: the same key is the same job."""

import time
from types import SimpleNamespace

import pytest

from imagemill.adapters.store.jobs import reject_job
from tests.support.account import CATALOGUE_BUCKET, OTHER_TENANT

HEADER = "S. No.,Product Name,Input Image Urls\r\n"
GOOD = f"{HEADER}1,A,https://a/1.jpg\r\n".encode()


def test_the_same_key_and_content_is_the_same_job(aws, caller):
    first = caller.post(GOOD, idempotency_key="order-1")
    second = caller.post(GOOD, Idempotency_Key="order-1")

    assert caller.status == 202
    assert first == second
    assert len(aws.objects(CATALOGUE_BUCKET)) == 1


def test_the_same_key_finds_its_job_in_whatever_state_it_is(caller):
    first = caller.post(GOOD, idempotency_key="order-1")
    reject_job(first["job_id"], [])

    second = caller.post(GOOD, idempotency_key="order-1")

    assert (second["job_id"], second["status"]) == (first["job_id"], "REJECTED")


@pytest.mark.parametrize(("csv", "query"), [(GOOD + b"2,B,https://a/2.jpg\r\n", None), (GOOD, {"quality": "60"})])
def test_the_same_key_for_something_else_is_a_conflict(caller, csv, query):
    caller.post(GOOD, idempotency_key="order-1")

    document = caller.post(csv, query, idempotency_key="order-1")

    assert caller.problem(document) == (409, "IDEMPOTENCY_CONFLICT")


def test_keys_of_two_tenants_are_apart(caller, event):
    first = caller.send(event("api_post_jobs_csv"))
    second = caller.send(event("api_post_jobs_csv"), OTHER_TENANT)

    assert first["job_id"] != second["job_id"]


def test_a_key_is_forgotten_after_a_day(caller, monkeypatch):
    first = caller.post(GOOD, idempotency_key="order-1")
    tomorrow = time.time() + 24 * 3600 + 2
    monkeypatch.setattr("imagemill.adapters.store.idempotency.time", SimpleNamespace(time=lambda: tomorrow))

    second = caller.post(GOOD + b"2,B,https://a/2.jpg\r\n", idempotency_key="order-1")

    assert caller.status == 202
    assert first["job_id"] != second["job_id"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(caller, key):
    assert caller.problem(caller.post(GOOD, idempotency_key=key)) == (400, "INVALID_HEADER")


def test_a_crash_at_any_point_is_mended_by_sending_the_request_again(aws, caller, event):
    job_ids = set()
    point = 0
    crashed = True
    while crashed:
        point += 1
        aws.reset()
        posted = event("api_post_jobs_csv")
        with aws.crash_at(point) as points:
            caller.send(posted)
        crashed = len(points) == point
        job_ids.add(caller.send(posted)["job_id"])
        assert caller.status == 202
        assert len([item for item in aws.items() if item["sk"] == "JOB"]) == 1
        assert len(aws.objects(CATALOGUE_BUCKET)) == 1

    assert len(job_ids) == point > 8
