"""Ended runs on the account's event bus: a rule puts them into a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.shop import Shop, catalogue, eventually


@pytest.fixture
def told(shop: Shop) -> Iterator[Any]:
    """Looks for the events of a job, by a rule for all events of imagemill."""
    events, sqs = shop.aws("events"), shop.aws("sqs")
    url = sqs.create_queue(QueueName="run-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="run-events", EventPattern=json.dumps({"source": ["imagemill"]}))
    events.put_targets(Rule="run-events", Targets=[{"Id": "queue", "Arn": arn}])
    taken: list[dict[str, Any]] = []

    def of_job(job_id: str) -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            taken.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in taken if event["detail"]["job"]["job_id"] == job_id]

    yield of_job
    events.remove_targets(Rule="run-events", Ids=["queue"])
    events.delete_rule(Name="run-events")
    sqs.delete_queue(QueueUrl=url)


def test_an_ended_job_is_on_the_bus_as_the_api_shows_it(shop: Shop, told: Any, picture: str) -> None:
    job = shop.ended(shop.submit(catalogue([["1", "A", picture], ["2", "", picture]])))

    [event] = eventually(lambda: told(job["job_id"]), "the event comes")

    assert (event["source"], event["detail-type"]) == ("imagemill", "job.partial")
    assert event["detail"] == {"stack": "imagemill-local", "message_id": f"msg_{job['job_id']}_1", "job": job}


def test_a_rejected_drop_and_a_cancelled_upload_are_on_the_bus(shop: Shop, told: Any) -> None:
    shop.drop("nothing.csv", b"\n\n")
    announced = json.loads(shop.call("POST", "/uploads", json={"filename": "a.csv"}).data)["job_id"]
    shop.cancel(announced)

    [cancelled] = eventually(lambda: told(announced), "the cancellation comes")
    documents = eventually(lambda: [key for key in shop.outbox("nothing") if key.endswith(".json")], "the outbox")
    document = json.loads(shop.catalogue_object(documents[0]))
    [rejected] = eventually(lambda: told(document["job_id"]), "the rejection comes")

    assert (cancelled["detail-type"], rejected["detail-type"]) == ("job.cancelled", "job.rejected")
    assert rejected["detail"]["job"] == document
