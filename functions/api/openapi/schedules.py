"""JSON Schemas of schedules."""

from __future__ import annotations

from imagemill.domain.catalogue.image_urls import MAX_URL_CHARACTERS
from imagemill.domain.recurrence import MAX_EVERY_CHARACTERS
from imagemill.domain.schedule import KEPT_RUNS

from .schemas import (
    BOOLEAN,
    TEXT,
    TIME,
    ULID,
    URL,
    Schema,
    json_option_schemas,
    nullable,
    option_schemas,
    record,
    reference,
    shown_options,
)

SOURCE_URL: Schema = {
    **URL,
    "maxLength": MAX_URL_CHARACTERS,
    "description": "Where the CSV, up to 1 GiB, is fetched.",
    "examples": ["https://shop.example/feeds/google.csv"],
}
EVERY: Schema = {
    "type": "string",
    "maxLength": MAX_EVERY_CHARACTERS,
    "description": "An ISO 8601 duration from `PT1H` to `P7D`, or a cron line of five fields, hourly at the most, with "
    "`timezone`.",
    "examples": ["P1D", "0 3 * * *", "30 6 * * mon-fri"],
}
TIMEZONE: Schema = {
    **nullable(TEXT),
    "description": "Of a cron line, by its IANA name; none with a duration.",
    "examples": ["Europe/Berlin"],
}
SCHEDULE_FIELDS: dict[str, Schema] = {
    "source_url": SOURCE_URL,
    "every": EVERY,
    "timezone": TIMEZONE,
    "options": {
        "type": "object",
        "properties": json_option_schemas(),
        "additionalProperties": False,
        "description": "Of each job. Changed all together.",
    },
    "enabled": BOOLEAN,
}


def schedule_schemas() -> dict[str, Schema]:
    """Those of `components.schemas` that are about schedules."""
    options = shown_options()
    options["properties"]["client_reference"] = nullable(option_schemas()["client_reference"])
    options["required"].append("client_reference")
    run = record(
        {
            "scheduled_at": TIME,
            "job_id": ULID,
            "status": reference("JobStatus"),
            "ended_at": nullable(TIME),
            "unchanged_since": {**nullable(ULID), "description": "The job that had the same CSV."},
            "errors": {"type": "array", "items": TEXT, "description": "Codes, where the CSV was rejected."},
        },
        description="A run of a schedule, and what came of it.",
    )
    schedule = record(
        {
            "id": ULID,
            "source_url": SOURCE_URL,
            "every": EVERY,
            "timezone": TIMEZONE,
            "options": options,
            "enabled": BOOLEAN,
            "created_at": TIME,
            "next_run_at": {**nullable(TIME), "description": "Null while it is disabled."},
            "runs": {
                "type": "array",
                "items": reference("ScheduledRun"),
                "maxItems": KEPT_RUNS,
                "description": "The last ones whose jobs are kept, latest first.",
            },
        },
        description="A feed that is fetched again and again.",
    )
    return {
        "Schedule": schedule,
        "ScheduledRun": run,
        "Schedules": record({"schedules": {"type": "array", "items": reference("Schedule")}}),
    }
