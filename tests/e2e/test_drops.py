"""Catalogues dropped into the bucket (contract A5)."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.support.shop import Shop, assert_exact, catalogue, eventually


def dropped_job(shop: Shop, name: str, count: int = 1) -> list[dict[str, Any]]:
    """The job documents in the outbox for a dropped name, once there are `count`."""

    def look() -> list[str] | None:
        documents = [key for key in shop.outbox(name) if key.endswith(".json")]
        return documents if len(documents) == count else None

    return [json.loads(shop.catalogue_object(key)) for key in eventually(look, f"{count} jobs of {name}")]


def test_a_dropped_catalogue_is_answered_in_the_outbox(shop: Shop, picture: str) -> None:
    shop.drop("spring.csv", catalogue([["1", "A", picture]]), {"quality": "30", "client-reference": "spring"})

    [document] = dropped_job(shop, "spring")

    job = shop.get(f"/jobs/{document['job_id']}")
    assert job == document
    assert (job["status"], job["source"], job["filename"]) == ("COMPLETED", "drop", "spring.csv")
    assert (job["options"]["quality"], job["client_reference"]) == (30, "spring")
    assert_exact(shop, job)
    output, replaced = (key for key in shop.outbox("spring") if key.endswith(".csv"))
    assert output == f"outbox/{shop.tenant}/spring.{job['job_id']}.csv"
    assert replaced == f"outbox/{shop.tenant}/spring.{job['job_id']}.replace.csv"
    rows = list(csv.DictReader(io.StringIO(shop.catalogue_object(output).decode())))
    assert rows == shop.output(job["job_id"])


def test_the_same_object_event_delivered_twice_starts_one_job(shop: Shop, picture: str) -> None:
    key = shop.drop("twice.csv", catalogue([["1", "A", picture]]))
    version = shop.aws("s3").head_object(Bucket=shop.stack.catalogue_bucket, Key=key)["VersionId"]
    [first] = dropped_job(shop, "twice")

    event = {"Records": [{"s3": {"bucket": {}, "object": {"key": key, "versionId": version}}}]}
    shop.aws("sqs").send_message(QueueUrl=shop.queue("ingest"), MessageBody=json.dumps(event))
    # A drop that comes after it is answered: so the repeated event has been taken by then.
    shop.drop("after.csv", catalogue([["1", "A", picture]]))
    dropped_job(shop, "after")

    assert [job["job_id"] for job in dropped_job(shop, "twice")] == [first["job_id"]]
    assert sum(job["filename"] == "twice.csv" for job in shop.get("/jobs?limit=200")["jobs"]) == 1


def test_a_new_version_of_an_object_starts_a_new_job(shop: Shop, picture: str) -> None:
    shop.drop("again.csv", catalogue([["1", "A", picture]]))
    dropped_job(shop, "again")

    shop.drop("again.csv", catalogue([["1", "A", picture], ["2", "B", picture]]))

    jobs = dropped_job(shop, "again", count=2)
    assert sorted(job["products"]["total"] for job in jobs) == [1, 2]


def test_a_job_goes_on_when_the_dropped_object_is_cleared_away(shop: Shop, picture: str) -> None:
    key = shop.drop("cleared.csv", catalogue([["1", "A", picture]]))

    def taken() -> bool:
        return any(job["filename"] == "cleared.csv" for job in shop.get("/jobs")["jobs"])

    eventually(taken, "the drop is taken")
    shop.aws("s3").delete_object(Bucket=shop.stack.catalogue_bucket, Key=key)

    assert dropped_job(shop, "cleared")[0]["status"] == "COMPLETED"


def test_a_refused_catalogue_is_answered_with_its_errors(shop: Shop) -> None:
    shop.drop("refused.csv", b"S. No.,Title\r\n1,A\r\n")

    [job] = dropped_job(shop, "refused")

    assert (job["status"], job["errors"][0]["code"]) == ("REJECTED", "MISSING_COLUMNS")
    assert "Title" in job["errors"][0]["message"]
    assert [key for key in shop.outbox("refused") if key.endswith(".csv")] == []
    assert shop.get(f"/jobs/{job['job_id']}") == job
    assert shop.products(job["job_id"]) == []
    assert json.loads(shop.call("GET", f"/jobs/{job['job_id']}/output").data)["code"] == "JOB_NOT_FINISHED"


def test_an_invalid_option_in_the_metadata_rejects_the_drop(shop: Shop, picture: str) -> None:
    shop.drop("option.csv", catalogue([["1", "A", picture]]), {"max-width": "wide"})

    [job] = dropped_job(shop, "option")

    assert (job["status"], job["errors"][0]["code"]) == ("REJECTED", "INVALID_OPTION")
    assert "max_width" in job["errors"][0]["message"]


def test_a_catalogue_may_have_an_odd_name_in_nested_folders(shop: Shop, picture: str) -> None:
    name = "Möbel & Stühle/2025 07/50% a+b 'q'"
    shop.drop(f"{name}.CSV", catalogue([["1", "A", picture]]))

    [job] = dropped_job(shop, name)

    assert (job["status"], job["filename"]) == ("COMPLETED", "50% a+b 'q'.CSV")
    assert shop.outbox(name) == [
        f"outbox/{shop.tenant}/{name}.{job['job_id']}.{end}" for end in ("csv", "json", "replace.csv")
    ]
    assert_exact(shop, job)


def test_what_is_no_catalogue_is_left_alone(shop: Shop, picture: str) -> None:
    shop.drop("folder/", b"")
    shop.drop("catalogue.xlsx", b"PK")
    # A drop that comes after them is answered: so they have been taken by then.
    shop.drop("behind-them.csv", catalogue([["1", "A", picture]]))

    dropped_job(shop, "behind-them")

    assert shop.outbox("catalogue") == []

    def none_is_held_back() -> bool:
        queue = shop.aws("sqs").get_queue_attributes(QueueUrl=shop.queue("ingest"), AttributeNames=["All"])
        return str(queue["Attributes"]["ApproximateNumberOfMessagesNotVisible"]) == "0"

    eventually(none_is_held_back, "the ingest queue has no message to try again")


@pytest.mark.parametrize("tenant", ["My Shop", "Müller & Söhne +50 %", "o" * 200])
def test_every_folder_is_a_tenant_whose_jobs_end(shop: Shop, picture: str, tenant: str) -> None:
    """SQS takes neither spaces nor letters beyond ASCII nor more than 128 characters as a message group."""
    name = "grüne+Töpfe 50%.csv"
    bucket, s3 = shop.stack.catalogue_bucket, shop.aws("s3")
    s3.put_object(Bucket=bucket, Key=f"inbox/{tenant}/{name}", Body=catalogue([["1", "A", picture]]))

    def documents() -> list[str]:
        listing = s3.list_objects_v2(Bucket=bucket, Prefix=f"outbox/{tenant}/")
        return [item["Key"] for item in listing.get("Contents", []) if item["Key"].endswith(".json")]

    [key] = eventually(documents, f"the job of {tenant}")
    job = json.loads(shop.catalogue_object(key))
    assert (job["status"], job["filename"]) == ("COMPLETED", name)
    assert key == f"outbox/{tenant}/{name.removesuffix('.csv')}.{job['job_id']}.json"
