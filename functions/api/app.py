"""The API Lambda: one route a function, each a page's worth of parsing, calling and shaping."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import __version__, metrics
from imagemill.domain.codes import JobStatus, ProductStatus
from imagemill.domain.ids import ULID_PATTERN
from imagemill.errors import InvalidOptionError
from imagemill.logs import logger
from imagemill.settings import settings

from . import jobs, runs, uploads
from .caller import api_url_of, ids_of, tenant_of
from .pagination import flag_of, from_cursor, limit_of, status_of, to_cursor
from .problems import ProblemError, internal_error, method_not_allowed, route_not_found
from .products import products_page
from .resolver import Resolver
from .routes import public, webhooks
from .submission import read_submission

ROW_PATTERN = r"[1-9][0-9]{0,6}"
#: How long a browser may remember a preflight's answer, in seconds.
PREFLIGHT_SECONDS = 3600

Answer = tuple[dict[str, Any], int]


def _cors() -> CORSConfig | None:
    """The origins that the CORS_ORIGINS parameter names, comma-separated; none by default."""
    origins = [origin.strip() for origin in os.environ.get("CORS_ORIGINS", "").split(",") if origin.strip()]
    if not origins:
        return None
    return CORSConfig(
        allow_origin=origins[0],
        extra_origins=origins[1:],
        allow_headers=["content-type", "x-api-key", "idempotency-key"],
        expose_headers=["x-request-id", "location"],
        max_age=PREFLIGHT_SECONDS,
    )


app = Resolver(cors=_cors())
app.include_router(uploads.router)
app.include_router(webhooks.router)
app.include_router(public.router)


@logger.inject_lambda_context(clear_state=True)
@metrics.published
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a REST API proxy event. Every answer carries the request's id, errors as problem+json."""
    logger.append_keys(request_id=event["requestContext"]["requestId"], **ids_of(event))
    answer = app.resolve(event, context)
    told = {"method": event["httpMethod"], "resource": event["resource"], "status": answer["statusCode"]}
    logger.info("Request answered", extra=told)
    answer["multiValueHeaders"]["x-request-id"] = [event["requestContext"]["requestId"]]
    return answer


@app.post("/jobs")
def post_job() -> Response[Any] | dict[str, Any]:
    query = _query()
    dry_run = flag_of(query, "dry_run", default=False)
    query.pop("dry_run", None)
    event = app.current_event.raw_event
    submission = read_submission(event, query, allow_http_webhook=settings().is_local)
    if dry_run:
        return jobs.validate(submission)
    key = app.current_event.headers.get("idempotency-key")
    job = jobs.submit(submission, _tenant(), _api_url(), key)
    logger.info("Job accepted", extra={"job_id": job.job_id, "rows": job.products})
    document = jobs.show(job)
    return Response(
        status_code=HTTPStatus.ACCEPTED,
        content_type="application/json",
        body=document,
        headers={"Location": document["links"]["self"]},
    )


@app.get("/jobs")
def get_jobs() -> dict[str, Any]:
    query = _query()
    before = from_cursor(query, ULID_PATTERN)
    found, following = jobs.page(_tenant(), status_of(query, JobStatus), limit_of(query), before)
    return {"jobs": found, "next_cursor": following and to_cursor(following)}


@app.get("/jobs/<job_id>")
def get_job(job_id: str) -> dict[str, Any]:
    return jobs.show(jobs.owned_job(job_id, _tenant()))


@app.get("/jobs/<job_id>/products")
def get_products(job_id: str) -> dict[str, Any]:
    query = _query()
    job = jobs.owned_job(job_id, _tenant())
    after_row = int(from_cursor(query, ROW_PATTERN) or 0)
    page = products_page(job, status_of(query, ProductStatus), limit_of(query), after_row)
    return {"products": page.products, "next_cursor": page.following and to_cursor(str(page.following))}


@app.get("/jobs/<job_id>/output")
def get_output(job_id: str) -> Response[str] | dict[str, str]:
    redirect = flag_of(_query(), "redirect", default=True)
    url = jobs.output_url(jobs.owned_job(job_id, _tenant()))
    if not redirect:
        return {"url": url}
    return Response(status_code=HTTPStatus.FOUND, body="", headers={"Location": url, "Cache-Control": "no-store"})


@app.post("/jobs/<job_id>/cancel")
def post_cancel(job_id: str) -> Answer:
    job = runs.cancel(jobs.owned_job(job_id, _tenant()))
    logger.info("Cancellation accepted", extra={"job_id": job_id, "run": job.run})
    return jobs.show(job), HTTPStatus.ACCEPTED


@app.post("/jobs/<job_id>/retry")
def post_retry(job_id: str) -> Answer:
    job = runs.retry(jobs.owned_job(job_id, _tenant()))
    logger.info("Retry accepted", extra={"job_id": job_id, "run": job.run})
    return jobs.show(job), HTTPStatus.ACCEPTED


@app.get("/health")
def get_health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@app.exception_handler(ProblemError)
def answer_problem(problem: ProblemError) -> Response[str]:
    return problem.response()


@app.exception_handler(InvalidOptionError)
def answer_invalid_option(invalid: InvalidOptionError) -> Response[str]:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_OPTION", str(invalid)).response()


@app.not_found
def answer_not_found(_: NotFoundError) -> Response[str]:
    allowed = app.methods_of(app.current_event.path)
    return (method_not_allowed(allowed) if allowed else route_not_found()).response()


@app.exception_handler(Exception)
def answer_internal_error(fault: Exception) -> Response[str]:
    logger.exception("Request failed", exc_info=fault)
    return internal_error().response()


def _tenant() -> str:
    return tenant_of(app.current_event.raw_event)


def _query() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


def _api_url() -> str:
    return api_url_of(app.current_event.raw_event)
