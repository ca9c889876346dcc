"""The API Lambda: routes and error answers wired together."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagemill import metrics
from imagemill.errors import InvalidOptionError, RotationContendedError
from imagemill.logs import logger

from .caller import ids_of
from .problems import ProblemError, internal_error, method_not_allowed, route_not_found
from .resolver import Resolver
from .routes import jobs, public, schedules, uploads, webhooks

#: How long a browser may remember a preflight's answer, in seconds.
PREFLIGHT_SECONDS = 3600


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
app.include_router(jobs.router)
app.include_router(uploads.router)
app.include_router(webhooks.router)
app.include_router(schedules.router)
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


@app.exception_handler(ProblemError)
def answer_problem(problem: ProblemError) -> Response[str]:
    return problem.response()


@app.exception_handler(InvalidOptionError)
def answer_invalid_option(invalid: InvalidOptionError) -> Response[str]:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_OPTION", str(invalid)).response()


@app.exception_handler(RotationContendedError)
def answer_contended_rotation(_: RotationContendedError) -> Response[str]:
    detail = (
        "Others are rotating this secret at this moment, and theirs went before. Nothing was changed; send it again."
    )
    return ProblemError(HTTPStatus.CONFLICT, "ROTATION_CONFLICT", detail).response()


@app.not_found
def answer_not_found(_: NotFoundError) -> Response[str]:
    allowed = app.methods_of(app.current_event.path)
    return (method_not_allowed(allowed) if allowed else route_not_found()).response()


@app.exception_handler(Exception)
def answer_internal_error(fault: Exception) -> Response[str]:
    logger.exception("Request failed", exc_info=fault)
    return internal_error().response()
