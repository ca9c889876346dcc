"""GET /jobs and /jobs/{id}, and what else is read of one: output, deliveries (contract A4)."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from api.jobs import download_name
from imagemill.adapters.store import jobs
from imagemill.adapters.store.deliveries import Attempt, put_attempt
from imagemill.adapters.store.jobs import create_job, end_job, reject_job
from imagemill.domain.codes import JobStatus, ProductStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts, Totals
from imagemill.steps.ledger import finish
from tests.support.account import JOB_ID, OTHER_TENANT, TENANT, a_job
from tests.support.results import finished

CURSOR = base64.urlsafe_b64encode(JOB_ID.encode()).decode().rstrip("=")
HEADER = "S. No.,Product Name,Input Image Urls\r\n"
GOOD = f"{HEADER}1,A,https://a/1.jpg\r\n".encode()


def test_a_job_in_work_shows_live_counts(aws, caller, event):
    aws.start_job((HEADER + "1,A,https://a/1.jpg\r\n" * 3).encode())
    finish([finished(JOB_ID, 1, 1, ProductStatus.COMPLETED, 3), finished(JOB_ID, 1, 2, ProductStatus.FAILED, 3)])

    job = caller.send(event("api_get_job"))

    assert caller.status == 200
    assert job["products"] == {
        "total": 3,
        "pending": 1,
        "completed": 1,
        "partial": 0,
        "failed": 1,
        "cancelled": 0,
        "skipped": 0,
    }
    assert job["progress"] == 0.66


def test_an_ended_job_shows_its_totals(aws, caller, event):
    end_a_job(aws)

    job = caller.send(event("api_get_job"))

    assert (job["status"], job["progress"]) == ("PARTIAL", 1.0)
    assert job["images"] == {"total": 3, "completed": 2, "failed": 1, "reused": 0}
    assert job["bytes"] == {"input": 2000, "output": 600, "saved": 1400}
    assert job["links"]["output"] == f"{job['links']['self']}/output"


def end_a_job(aws: Any) -> None:
    job = aws.start_job(GOOD)
    counts = ProductCounts(completed=1, failed=1)
    end_job(job.job_id, 1, JobStatus.PARTIAL, counts, Totals(3, 2, 2000, 600), f"outputs/{TENANT}/{JOB_ID}/1.csv")


def test_a_rejected_job_shows_its_errors(aws, caller, event):
    aws.store_job(GOOD)
    reject_job(JOB_ID, [{"row": None, "column": None, "code": "NO_ROWS", "message": "No row."}])

    job = caller.send(event("api_get_job"))

    assert (job["status"], [error["code"] for error in job["errors"]]) == ("REJECTED", ["NO_ROWS"])


@pytest.mark.parametrize("route", ["", "/products", "/output", "/deliveries"])
def test_another_tenants_job_is_as_unknown_as_none(aws, caller, route):
    end_a_job(aws)

    foreign = caller.get(f"/jobs/{JOB_ID}{route}", tenant=OTHER_TENANT)
    assert caller.problem(foreign) == (404, "JOB_NOT_FOUND")
    for unknown in (new_id(), "x", "x" * 2000):
        assert caller.get(f"/jobs/{unknown}{route}") == foreign


def test_jobs_are_listed_newest_first_in_pages(aws, caller):
    ids = [f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}" for number in range(5)]
    for job_id in ids:
        create_job(a_job(job_id=job_id))
    create_job(a_job(job_id=new_id(), tenant=OTHER_TENANT))

    first = caller.get("/jobs", {"limit": "2"})
    second = caller.get("/jobs", {"limit": "200", "cursor": first["next_cursor"]})

    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_jobs_can_be_filtered_by_status_across_pages(aws, caller):
    ids = [f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}" for number in range(6)]
    for number, job_id in enumerate(ids):
        create_job(a_job(job_id=job_id, status=JobStatus.REJECTED if number % 3 == 0 else JobStatus.QUEUED))

    page = caller.get("/jobs", {"status": "rejected", "limit": "1"})
    following = caller.get("/jobs", {"status": "REJECTED", "limit": "2", "cursor": page["next_cursor"]})

    assert [job["job_id"] for job in page["jobs"] + following["jobs"]] == [ids[3], ids[0]]


def test_a_filtered_page_looks_through_a_bounded_number_of_jobs(aws, caller, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_SCANNED_JOBS", 3)
    for number in range(5):
        create_job(a_job(job_id=f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}"))

    page = caller.get("/jobs", {"status": "FAILED", "limit": "3"})

    assert page["jobs"] == []
    assert caller.get("/jobs", {"status": "FAILED", "cursor": page["next_cursor"]}) == {"jobs": [], "next_cursor": None}


def test_the_output_is_a_redirect_to_a_download_of_fifteen_minutes(aws, caller):
    end_a_job(aws)

    caller.get(f"/jobs/{JOB_ID}/output")

    assert caller.status == 302
    [location] = caller.headers["Location"]
    query = parse_qs(urlsplit(location).query)
    assert urlsplit(location).path.endswith(f"/outputs/{TENANT}/{JOB_ID}/1.csv")
    assert query["X-Amz-Expires"] == ["900"]
    assert query["response-content-disposition"] == [f'attachment; filename="products.{JOB_ID}.csv"']
    assert caller.headers["Cache-Control"] == ["no-store"]


@pytest.mark.parametrize(
    ("filename", "stem"),
    [("summer.csv", "summer"), ("Größe 2025.csv", "Gr-e-2025"), ('a"b\r\nc.csv', "a-b-c"), ("日本.csv", "catalogue")],
)
def test_the_output_is_saved_under_the_catalogues_name(filename, stem):
    assert download_name(a_job(filename=filename)) == f"{stem}.{JOB_ID}.csv"


def test_a_page_may_ask_for_the_outputs_address_instead(aws, caller):
    end_a_job(aws)

    answer = caller.get(f"/jobs/{JOB_ID}/output", {"redirect": "false"})

    assert caller.status == 200
    assert urlsplit(answer["url"]).path.endswith(f"/outputs/{TENANT}/{JOB_ID}/1.csv")


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.REJECTED])
def test_there_is_no_output_before_the_end_nor_of_a_rejected_job(aws, caller, status):
    create_job(a_job(status=status))

    document = caller.get(f"/jobs/{JOB_ID}/output")

    assert caller.problem(document) == (409, "JOB_NOT_FINISHED")
    assert status.value.lower() in document["detail"].lower()


def test_deliveries_are_listed(aws, caller):
    create_job(a_job())
    attempt = Attempt(
        "msg_1", 1, "job.failed", "2025-07-18T13:43:00.000Z", 12, delivered=False, status=503, error="HTTP_STATUS"
    )
    put_attempt(JOB_ID, attempt)

    [delivery] = caller.get(f"/jobs/{JOB_ID}/deliveries")["deliveries"]

    assert (delivery["number"], delivery["status"], delivery["error"], delivery["delivered"]) == (
        1,
        503,
        "HTTP_STATUS",
        False,
    )
