"""The routes of schedules: feeds that are fetched again and again (contract A4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill.adapters.store.schedules import list_schedules
from imagemill.domain.schedule import Schedule
from imagemill.logs import logger
from imagemill.settings import settings

from .. import schedules
from ..caller import api_url_of, tenant_of
from ..json_body import json_object
from ..schedule_fields import read_fields

router = APIGatewayRouter()


@router.post("/schedules")
def post_schedule() -> Response[dict[str, Any]]:
    key = router.current_event.headers.get("idempotency-key")
    schedule = schedules.register(_tenant(), _fields(), key)
    logger.info("Schedule made", extra={"schedule_id": schedule.schedule_id})
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type="application/json",
        body=_document(schedule),
        headers={"Location": f"{api_url_of(router.current_event.raw_event)}/schedules/{schedule.schedule_id}"},
    )


@router.get("/schedules")
def get_schedules() -> dict[str, Any]:
    return {"schedules": schedules.show(list_schedules(_tenant()))}


@router.get("/schedules/<schedule_id>")
def get_schedule(schedule_id: str) -> dict[str, Any]:
    return _document(schedules.owned(schedule_id, _tenant()))


@router.patch("/schedules/<schedule_id>")
def patch_schedule(schedule_id: str) -> dict[str, Any]:
    return _document(schedules.change(schedules.owned(schedule_id, _tenant()), _fields()))


@router.delete("/schedules/<schedule_id>")
def remove_schedule(schedule_id: str) -> Response[str]:
    schedules.remove(schedules.owned(schedule_id, _tenant()))
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


def _tenant() -> str:
    return tenant_of(router.current_event.raw_event)


def _fields() -> dict[str, Any]:
    return read_fields(json_object(router.current_event.raw_event), allow_http_webhook=settings().is_local)


def _document(schedule: Schedule) -> dict[str, Any]:
    return schedules.show([schedule])[0]
