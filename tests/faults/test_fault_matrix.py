"""The fault matrix: a process dies before or after each of its AWS calls, and the end is always the same.

Each scenario runs once undisturbed, which counts its points; then once for every point, with a death there. The
platform delivers again what was not answered. So a new call is covered by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from moto.s3 import models as moto_s3

from imagemill.adapters.aws import clients, multipart
from imagemill.adapters.aws.queues import ask_ingest
from imagemill.adapters.store.schedules import put_schedule
from imagemill.adapters.store.webhooks import create_webhook
from imagemill.domain.ingest_messages import RunSchedule
from imagemill.domain.options import JobOptions
from imagemill.domain.schedule import Schedule
from imagemill.domain.webhooks.endpoint import Webhook
from imagemill.domain.webhooks.message import EventType, new_secret
from tests.conftest import FIGURES
from tests.support.account import CATALOGUE_BUCKET, TENANT, Account
from tests.support.caller import Caller
from tests.support.deployment import HEADER, Deployment, Deployments, end_of
from tests.support.image_files import photo, saved
from tests.support.lambda_platform import FUNCTIONS
from tests.support.web import Answer, TestWeb

SCHEDULE_ID = "01K0B5C7R2M8Q4W6X9Z1T3V5YH"
WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"


def job_by_api(deployment: Deployment) -> None:
    deployment.submit()
    deployment.platform.run()


def job_whose_worker_takes_the_rest(deployment: Deployment) -> None:
    """One product is handed in; the process function takes the others from the queue."""
    deployment.platform.mortals = frozenset({"process"})
    deployment.platform.handed_in = 1
    deployment.submit()
    deployment.platform.run()


def job_by_drop(deployment: Deployment) -> None:
    deployment.platform.mortals = frozenset({"ingest", "report"})
    deployment.drop(deployment.rows)
    deployment.platform.run()


def drop_of_several_parts(deployment: Deployment) -> None:
    """Each output has a part a row, and each report has time for one."""
    deployment.platform.mortals = frozenset({"report"})
    deployment.platform.are_reports_hasty = True
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(multipart, "PART_BYTES", 40)
        patched.setattr(moto_s3, "S3_UPLOAD_PART_MIN_SIZE", 1)
        deployment.drop(deployment.rows)
        deployment.platform.run()


def rejected_drop(deployment: Deployment) -> None:
    deployment.drop("S. No.,Product Name\r\n1,A")
    deployment.platform.run()


def job_by_upload(deployment: Deployment) -> None:
    deployment.platform.mortals = frozenset({"api", "ingest"})
    deployment.upload()
    deployment.platform.run()


def form_used_twice(deployment: Deployment) -> None:
    """Before the first is ingested; the events come in an order that chance decides."""
    deployment.platform.mortals = frozenset({"ingest"})
    key = deployment.upload()
    other = "S. No.,Product Name,Input Image Urls\r\n9,Z,https://shop.example/9.jpg\r\n"
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=other.encode())
    deployment.platform.run()


def buried_product(deployment: Deployment) -> None:
    deployment.platform.mortals = frozenset({"bury", "report"})
    deployment.submit()
    deployment.platform.ingest()
    deployment.platform.give_up(row=2)
    deployment.platform.run()


def products_put_off(deployment: Deployment) -> None:
    """There is no time at first for two of them."""
    deployment.platform.mortals = frozenset({"process"})
    deployment.platform.handed_in = 1
    deployment.platform.hasty = 2
    deployment.submit()
    deployment.platform.run()


def told_to_an_endpoint_and_again(deployment: Deployment) -> None:
    """Of a rejected job, for it makes few calls before somebody is told."""
    deployment.platform.mortals = frozenset({"api", "report", "deliver"})
    webhook = Webhook(WEBHOOK_ID, TENANT, f"{deployment.web.url}/hook", tuple(EventType), "2025-07-18T13:00:00.000Z")
    create_webhook(webhook, new_secret())
    rejected_drop(deployment)
    deployment.redeliver(deployment.caller.get("/jobs")["jobs"][0]["job_id"])
    deployment.platform.run()


def cancelled_job(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.call(lambda: deployment.caller.act(job_id, "cancel"))
    deployment.platform.run()


def retried_job(deployment: Deployment) -> None:
    """Deaths from the retry on: those before it are the other scenarios'."""
    deployment.platform.mortals = frozenset()
    job_id = deployment.submit()
    deployment.platform.run()
    deployment.platform.mortals = FUNCTIONS
    deployment.call(lambda: deployment.caller.act(job_id, "retry"))
    deployment.platform.run()


def feed_on_a_schedule(deployment: Deployment) -> None:
    """Fetched anew, then found unchanged; each time the timer fires twice."""
    deployment.platform.mortals = frozenset({"ingest", "report"})
    feed = f"{deployment.web.url}/feed.csv"
    options = JobOptions(webhook_url=f"{deployment.web.url}/hook")
    put_schedule(Schedule(SCHEDULE_ID, TENANT, feed, "feed.csv", "PT1H", None, "2025-07-18T13:00:00.000Z", options))
    rows = f"{HEADER}\r\n1,A,{deployment.picture}\r\n".encode()
    # Without a version: the second is recognised by its bytes alone.
    deployment.web.route("/feed.csv", Answer(200, rows))
    for hour in (14, 15):
        due = RunSchedule(TENANT, SCHEDULE_ID, f"2026-11-25T{hour}:00:00Z")
        for _ in range(2):
            ask_ingest(due)
        deployment.platform.run()


def handed_in_again(deployment: Deployment) -> None:
    """One of its pictures has changed since; the others would not outlive the new job, and are stored anew."""
    deployment.platform.mortals = frozenset()
    deployment.tell_versions(second=deployment.photo)
    deployment.submit()
    deployment.platform.run()
    deployment.tell_versions(second=Answer(body=saved(photo(90, 70), "JPEG", quality=95)))
    deployment.platform.mortals = frozenset({"process"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("process.reuse.outlives", lambda *_: False)
        deployment.submit("catalogue-2")
        deployment.platform.run()


SCENARIOS = [
    job_by_api,
    job_whose_worker_takes_the_rest,
    job_by_drop,
    drop_of_several_parts,
    job_by_upload,
    form_used_twice,
    rejected_drop,
    buried_product,
    products_put_off,
    told_to_an_endpoint_and_again,
    cancelled_job,
    retried_job,
    feed_on_a_schedule,
    handed_in_again,
]


@pytest.fixture
def deployments(
    aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer, monkeypatch: pytest.MonkeyPatch
) -> Deployments:
    return Deployments(aws, web, caller, context, picture, monkeypatch)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_death_at_any_point_changes_nothing_in_the_end(
    deployments: Deployments, scenario: Callable[[Deployment], None], record_property: Callable[[str, object], None]
) -> None:
    undisturbed = deployments.new()
    scenario(undisturbed)
    expected, points = end_of(undisturbed), undisturbed.platform.points

    for number, point in enumerate(points, 1):
        disturbed = deployments.new(number)
        scenario(disturbed)
        seen = end_of(disturbed)
        differing = {name: (seen[name], expected[name]) for name in expected if seen[name] != expected[name]}
        assert not differing, f"death at point {number}: {point}"

    by_function = Counter(point.partition(":")[0] for point in points)
    listed = ", ".join(f"{count} in {function}" for function, count in by_function.items())
    record_property(FIGURES, f"{scenario.__name__}: {len(points)} deaths, the same end after each: {listed}")
