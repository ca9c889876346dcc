"""The routes of jobs: handed in, looked at, stopped, run again, and told of again (contract A4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill.domain.codes import JobStatus, ProductStatus
from imagemill.domain.ids import ULID_PATTERN
from imagemill.errors import InvalidOptionError
from imagemill.logs import logger
from imagemill.settings import settings

from .. import jobs, runs
from ..caller import api_url_of, tenant_of
from ..deliveries import PLACE_PATTERN, delivery_log, redeliver
from ..pagination import flag_of, from_cursor, limit_of, status_of, to_cursor
from ..products import products_page
from ..remote import read_remote_request, submit_remote
from ..submission import media_type_of, read_submission

ROW_PATTERN = r"[1-9][0-9]{0,6}"

Answer = tuple[dict[str, Any], int]

router = APIGatewayRouter()


@router.post("/jobs")
def post_job() -> Response[Any] | dict[str, Any]:
    query = _query()
    dry_run = flag_of(query, "dry_run", default=False)
    query.pop("dry_run", None)
    event = router.current_event.raw_event
    key = router.current_event.headers.get("idempotency-key")
    if media_type_of(event) == "application/json":
        if dry_run:
            raise InvalidOptionError("dry_run", "not with source_url; send the CSV itself to have it validated")
        request = read_remote_request(event, query, allow_http_webhook=settings().is_local)
        job = submit_remote(request, _tenant(), _api_url(), key)
    else:
        submission = read_submission(event, query, allow_http_webhook=settings().is_local)
        if dry_run:
            return jobs.validate(submission)
        job = jobs.submit(submission, _tenant(), _api_url(), key)
    logger.info("Job accepted", extra={"job_id": job.job_id, "rows": job.products})
    document = jobs.show(job)
    return Response(
        status_code=HTTPStatus.ACCEPTED,
        content_type="application/json",
        body=document,
        headers={"Location": document["links"]["self"]},
    )


@router.get("/jobs")
def get_jobs() -> dict[str, Any]:
    query = _query()
    before = from_cursor(query, ULID_PATTERN)
    found, following = jobs.page(_tenant(), status_of(query, JobStatus), limit_of(query), before)
    return {"jobs": found, "next_cursor": following and to_cursor(following)}


@router.get("/jobs/<job_id>")
def get_job(job_id: str) -> dict[str, Any]:
    return jobs.show(jobs.owned_job(job_id, _tenant()))


@router.get("/jobs/<job_id>/products")
def get_products(job_id: str) -> dict[str, Any]:
    query = _query()
    job = jobs.owned_job(job_id, _tenant())
    if job.unchanged_since:
        job = jobs.owned_job(job.unchanged_since, _tenant())
    after_row = int(from_cursor(query, ROW_PATTERN) or 0)
    page = products_page(job, status_of(query, ProductStatus), limit_of(query), after_row)
    return {"products": page.products, "next_cursor": page.following and to_cursor(str(page.following))}


@router.get("/jobs/<job_id>/output")
def get_output(job_id: str) -> Response[str] | dict[str, str]:
    redirect = flag_of(_query(), "redirect", default=True)
    url = jobs.output_url(jobs.owned_job(job_id, _tenant()))
    if not redirect:
        return {"url": url}
    return Response(status_code=HTTPStatus.FOUND, body="", headers={"Location": url, "Cache-Control": "no-store"})


@router.post("/jobs/<job_id>/cancel")
def post_cancel(job_id: str) -> Answer:
    job = runs.cancel(jobs.owned_job(job_id, _tenant()))
    logger.info("Cancellation accepted", extra={"job_id": job_id, "run": job.run})
    return jobs.show(job), HTTPStatus.ACCEPTED


@router.post("/jobs/<job_id>/retry")
def post_retry(job_id: str) -> Answer:
    job = runs.retry(jobs.owned_job(job_id, _tenant()))
    logger.info("Retry accepted", extra={"job_id": job_id, "run": job.run})
    return jobs.show(job), HTTPStatus.ACCEPTED


@router.get("/jobs/<job_id>/deliveries")
def get_deliveries(job_id: str) -> dict[str, Any]:
    after = from_cursor(_query(), PLACE_PATTERN)
    found, following = delivery_log(jobs.owned_job(job_id, _tenant()), after)
    return {"deliveries": found, "next_cursor": following and to_cursor(following)}


@router.post("/jobs/<job_id>/redeliver")
def post_redeliver(job_id: str) -> Answer:
    return {"messages": redeliver(jobs.owned_job(job_id, _tenant()))}, HTTPStatus.ACCEPTED


def _tenant() -> str:
    return tenant_of(router.current_event.raw_event)


def _query() -> dict[str, str]:
    return dict(router.current_event.query_string_parameters or {})


def _api_url() -> str:
    return api_url_of(router.current_event.raw_event)
