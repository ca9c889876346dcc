"""What has to be there before an event of events/ can be answered: the job, its products, its endpoint."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import api.app
import ingest.app
import process.app
import report.app
from imagemill.adapters.aws import clients
from imagemill.adapters.store.runs import open_run
from imagemill.adapters.store.schedules import put_schedule
from imagemill.domain.codes import JobStatus
from imagemill.domain.schedule import Schedule
from imagemill.steps.webhooks import announce
from tests.support.account import CATALOGUE_BUCKET, ORIGIN_IN_EVENTS, OTHER_JOB_ID, PROJECT, TENANT, Account, a_job
from tests.support.caller import context_of
from tests.support.endpoints import register
from tests.support.finished_products import CSV, finish_products

SCHEDULE_ID = "01K0B5C7R2M8Q4W6X9Z1T3V5YH"
REPORT_MILLISECONDS = 60_000
EVENTS = sorted(path.stem for path in (PROJECT / "events").glob("*.json"))


def event(name: str, shop: str) -> Any:
    """An event, its images from a shop that is there."""
    text = (PROJECT / "events" / f"{name}.json").read_text("utf-8")
    return json.loads(text.replace(ORIGIN_IN_EVENTS, shop))


def sow(name: str, aws: Account, hook: str) -> dict[str, str]:
    """hook: where the endpoint is. Gives what of the event is called otherwise here: the version of an object."""
    register(hook)
    feed = f"{hook.rpartition('/')[0]}/feed.csv"
    put_schedule(Schedule(SCHEDULE_ID, TENANT, feed, "feed.csv", "PT1H", None, "2025-07-18T13:00:00.000Z"))
    if name == "ingest_drop":
        [record] = json.loads(event(name, "")["Records"][0]["body"])["Records"]
        key = unquote_plus(record["s3"]["object"]["key"])
        stored = clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=CSV)
        return {record["s3"]["object"]["versionId"]: stored["VersionId"]}
    if name in {"ingest_upload", "ingest_continue"}:
        aws.store_job(CSV)
        return {}
    if name in {"api_post_cancel", "process_products", "bury_products", "sweep"}:
        aws.start_job(CSV)
        open_run(OTHER_JOB_ID, 1, 1)
        return {}
    aws.start_job(CSV)
    finish_products()
    if name in {"api_post_retry", "api_post_job_redeliver", "ingest_retry", "process_retry", "report_retry"}:
        context = context_of(*[REPORT_MILLISECONDS] * 1000)
        report.app.handler(event("report_execution", ""), context)
        if name in {"ingest_retry", "process_retry", "report_retry"}:
            api.app.handler(event("api_post_retry", ""), context)
        if name in {"process_retry", "report_retry"}:
            ingest.app.handler(event("ingest_retry", ""), context)
        if name == "report_retry":
            process.app.handler(event("process_retry", hook.rpartition("/")[0]), context)
    if name.startswith("deliver"):
        announce(a_job(status=JobStatus.COMPLETED, ended_at="2025-07-18T13:43:00.000Z"))
    return {}
