"""Schedules: item `TENANT#<tenant>` / `SCHEDULE#<id>`. Ids are ULIDs: lists are in order of creation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import from_item, key, to_item
from imagemill.adapters.store.secrets import tenant_partition
from imagemill.domain.job import options_as_dict, options_from_dict
from imagemill.domain.schedule import Schedule, ScheduledRun
from imagemill.settings import settings


def put_schedule(schedule: Schedule) -> None:
    """Write a new schedule. Repeating writes the same."""
    values = {**_changeable(schedule), "schedule_id": schedule.schedule_id, "created_at": schedule.created_at}
    place = _place(schedule.tenant, schedule.schedule_id)
    dynamodb().put_item(TableName=settings().table, Item={**place, **to_item(values)})


def get_schedule(tenant: str, schedule_id: str) -> Schedule | None:
    """The schedule, read consistently; None when there is none."""
    place = _place(tenant, schedule_id)
    item = dynamodb().get_item(TableName=settings().table, Key=place, ConsistentRead=True).get("Item")
    return _schedule(tenant, from_item(item)) if item else None


def list_schedules(tenant: str) -> list[Schedule]:
    """All of the tenant's, oldest first, read consistently. They are few: one page."""
    page = dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :partition AND begins_with(sk, :schedules)",
        ExpressionAttributeValues=to_item({":partition": tenant_partition(tenant), ":schedules": "SCHEDULE#"}),
        ConsistentRead=True,
    )
    return [_schedule(tenant, from_item(item)) for item in page["Items"]]


def change_schedule(schedule: Schedule) -> bool:
    """Write all of a schedule that its owner may change; its runs stay. False when there is none.

    Repeating writes the same; of two at once, the later one's stands whole.
    """
    changed = _changeable(schedule)
    sets = [f"#{name} = :{name}" for name, value in changed.items() if value is not None]
    removes = [f"#{name}" for name, value in changed.items() if value is None]
    return _update(
        schedule,
        f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
        "attribute_exists(pk)",
        {f":{name}": value for name, value in changed.items()},
        {f"#{name}": name for name in changed},
    )


def note_run(schedule: Schedule, run: ScheduledRun) -> None:
    """Note a run among the schedule's last ones. Two at once are both noted; repeating changes nothing."""
    latest: Schedule | None = schedule
    while latest is not None:
        noted = latest.with_run(run)
        if noted == latest:
            return
        condition = "runs = :seen" if latest.runs else "attribute_exists(pk) AND attribute_not_exists(runs)"
        values = {":runs": _runs(noted), ":seen": _runs(latest) if latest.runs else None}
        if _update(latest, "SET runs = :runs", condition, values):
            return
        latest = get_schedule(schedule.tenant, schedule.schedule_id)


def delete_schedule(tenant: str, schedule_id: str) -> None:
    dynamodb().delete_item(TableName=settings().table, Key=_place(tenant, schedule_id))


def _update(
    schedule: Schedule, update: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> bool:
    named: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
    try:
        dynamodb().update_item(
            TableName=settings().table,
            Key=_place(schedule.tenant, schedule.schedule_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            **named,
        )
    except ClientError as fault:
        if error_code(fault) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _changeable(schedule: Schedule) -> dict[str, Any]:
    return {
        "source_url": schedule.source_url,
        "filename": schedule.filename,
        "every": schedule.every,
        "timezone": schedule.timezone,
        "options": options_as_dict(schedule.options),
        "enabled": schedule.enabled,
    }


def _runs(schedule: Schedule) -> list[dict[str, str]]:
    return [{"at": run.at, "job_id": run.job_id} for run in schedule.runs]


def _place(tenant: str, schedule_id: str) -> dict[str, Any]:
    return key(tenant_partition(tenant), f"SCHEDULE#{schedule_id}")


def _schedule(tenant: str, values: Mapping[str, Any]) -> Schedule:
    return Schedule(
        schedule_id=values["schedule_id"],
        tenant=tenant,
        source_url=values["source_url"],
        filename=values["filename"],
        every=values["every"],
        timezone=values.get("timezone"),
        created_at=values["created_at"],
        options=options_from_dict({"webhook_url": None, "client_reference": None, **values["options"]}),
        enabled=values["enabled"],
        runs=tuple(ScheduledRun(run["at"], run["job_id"]) for run in values.get("runs", ())),
    )
