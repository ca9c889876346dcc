"""Errors as RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from imagemill.domain.catalogue.faults import Fault
from imagemill.errors import ImagemillError

#: How many single errors an answer lists; `total_errors` says how many there are (contract A4).
MAX_LISTED_ERRORS = 100


class ProblemError(ImagemillError):
    """An error that is an answer. code: the contract's word for it. detail: what is wrong and the way out."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        errors: Sequence[Mapping[str, Any]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self) -> Response[str]:
        document: dict[str, Any] = {
            "type": f"urn:imagemill:problem:{self.code.lower().replace('_', '-')}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors is not None:
            document["errors"] = list(self.errors[:MAX_LISTED_ERRORS])
            document["total_errors"] = len(self.errors)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return Response(
            status_code=int(self.status),
            content_type="application/problem+json",
            body=body,
            headers=dict(self.headers or {}),
        )


def refused_catalogue(fault: Fault) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, fault.code.value, fault.message, [fault.as_dict()])


def job_not_found() -> ProblemError:
    """Also for another tenant's job: that it exists is none of the caller's business."""
    return ProblemError(HTTPStatus.NOT_FOUND, "JOB_NOT_FOUND", "There is no such job, or it is no longer kept.")


def route_not_found() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "ROUTE_NOT_FOUND", "There is no such route.")


def method_not_allowed(allowed: Sequence[str]) -> ProblemError:
    methods = ", ".join(allowed)
    detail = f"This route takes {methods}."
    return ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail, headers={"Allow": methods})


def internal_error() -> ProblemError:
    detail = "Something failed on our side. Try again; if it stays, tell us the x-request-id of this answer."
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", detail)
