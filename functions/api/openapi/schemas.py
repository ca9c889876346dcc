"""JSON Schemas of what the API takes and gives; names, codes and limits are those of the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from imagemill.adapters.store.deliveries import Attempt
from imagemill.domain.catalogue.encodings import ENCODING_NAMES
from imagemill.domain.catalogue.feeds import MAPPED, Feed
from imagemill.domain.catalogue.inspection import DELIMITERS
from imagemill.domain.codes import FileCode, ImageCode, ImageStatus, JobSource, JobStatus, ProductStatus, RowCode
from imagemill.domain.ids import ULID_PATTERN
from imagemill.domain.meanings import FILE_MEANINGS, IMAGE_MEANINGS, ROW_MEANINGS, Meaning
from imagemill.domain.options import (
    DEFAULT_QUALITY,
    MAX_BASE_URL_CHARACTERS,
    MAX_COLUMN_OPTION_CHARACTERS,
    MAX_QUALITY,
    MAX_REFERENCE_CHARACTERS,
    MAX_SIDE_PIXELS,
    MAX_WEBHOOK_URL_CHARACTERS,
    MIN_QUALITY,
    OPTION_NAMES,
    READING_OPTION_NAMES,
    Metadata,
    OutputFormat,
    OutputMode,
    Reuse,
)
from imagemill.domain.product import MAX_RECEIVE_COUNT
from imagemill.domain.webhooks.message import SECRET_PREFIX

from ..problems import MAX_LISTED_ERRORS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema = dict[str, Any]

ULID = {"type": "string", "pattern": f"^{ULID_PATTERN}$", "examples": ["01K0B3T5Q8ZC4V7XW2N9M6R1DF"]}
TIME = {"type": "string", "format": "date-time", "examples": ["2025-07-18T13:42:08.417Z"]}
COUNT = {"type": "integer", "minimum": 0}
URL = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
WEBHOOK_EVENTS = [*(f"job.{status.value.lower()}" for status in JobStatus if status.has_ended), "webhook.test"]

#: What an option does; its values and limits come from `imagemill.domain.options`.
OPTION_DESCRIPTIONS = {
    "quality": "Encoder quality.",
    "format": "Output format. `auto`: opaque → JPEG, transparent or animated → WebP. `original`: the source's own.",
    "max_width": "Pixels; scales down to fit, never up.",
    "max_height": "Pixels; scales down to fit, never up.",
    "progressive": "Progressive JPEG.",
    "metadata": "`strip` removes all but the colour profile.",
    "webhook_url": "Where to tell that the job has ended: an absolute https URL without credentials.",
    "client_reference": "Text of yours, echoed everywhere.",
    "feed": "Which platform's export the CSV is. `auto`: the standard columns, or else what the headers fit.",
    "serial_column": "The serial's header, as it stands in the file.",
    "name_column": "The name's header, as it stands in the file.",
    "urls_column": "The headers of image URLs, comma-separated; `*` at an end stands for a number: `IMAGE*`.",
    "base_url": "What stands before URLs without a host, such as `https://shop.example/media/catalog/product`.",
    "encoding": "The file's encoding, by a label of the WHATWG Encoding Standard. None: it is found out.",
    "reuse": "`auto`: what has not changed since an earlier job is not made again. `never`: all is made anew.",
    "output": "`append`: your columns and ours. `replace`: your columns, with output URLs in place of input URLs.",
}


def _explained(meanings: Mapping[Any, Meaning]) -> str:
    """A list in Markdown."""
    lines = []
    for code, meaning in meanings.items():
        lines.append(f"- `{code}`: {meaning.means}. {meaning.mender}: {meaning.way_out}.")
        lines += [f"  - reason `{reason}`: {says}." for reason, says in meaning.reasons.items()]
    return "\n".join(lines)


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def enum(members: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [member.value for member in members]}


def record(properties: dict[str, Schema], optional: Iterable[str] = (), description: str = "") -> Schema:
    """An object that has these properties, all but the optional ones always."""
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
    }
    return {**schema, "description": description} if description else schema


def record_of(kind: type[DataclassInstance], described: dict[str, Schema] | None = None) -> Schema:
    """A dataclass as `asdict` shows it. described: schemas of fields whose types say too little."""
    hints = get_type_hints(kind)
    return record(
        {field.name: (described or {}).get(field.name) or _typed(hints[field.name]) for field in fields(kind)}
    )


def _typed(hint: object) -> Schema:
    if isinstance(hint, UnionType):
        [inner] = [member for member in get_args(hint) if member is not NoneType]
        return nullable(_typed(inner))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return enum(hint)
    names: dict[object, str] = {str: "string", int: "integer", bool: "boolean", float: "number"}
    return {"type": names[hint]}


def option_schemas() -> dict[str, Schema]:
    """Each job option as a parameter or form field has it: numbers as text are numbers there."""
    column = {"type": "string", "maxLength": MAX_COLUMN_OPTION_CHARACTERS}
    side = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE_PIXELS}
    values: dict[str, Schema] = {
        "quality": {"type": "integer", "minimum": MIN_QUALITY, "maximum": MAX_QUALITY, "default": DEFAULT_QUALITY},
        "format": {**enum(OutputFormat), "default": OutputFormat.AUTO.value},
        "max_width": side,
        "max_height": side,
        "progressive": {"type": "boolean", "default": False},
        "metadata": {**enum(Metadata), "default": Metadata.STRIP.value},
        "webhook_url": {**URL, "maxLength": MAX_WEBHOOK_URL_CHARACTERS, "examples": ["https://shop.example/hook"]},
        "client_reference": {"type": "string", "maxLength": MAX_REFERENCE_CHARACTERS},
        "feed": {**enum(Feed), "default": Feed.AUTO.value},
        **dict.fromkeys(("serial_column", "name_column", "urls_column"), column),
        "base_url": {**URL, "maxLength": MAX_BASE_URL_CHARACTERS, "examples": ["https://shop.example/media"]},
        "encoding": {"type": "string", "examples": ["gb18030", "windows-1251"]},
        "output": {**enum(OutputMode), "default": OutputMode.APPEND.value},
        "reuse": {**enum(Reuse), "default": Reuse.AUTO.value},
    }
    return {name: {**values[name], "description": OPTION_DESCRIPTIONS[name]} for name in OPTION_NAMES}


def json_option_schemas() -> dict[str, Schema]:
    """Each job option as `POST /uploads` takes it; null for the default."""
    return {
        name: {"description": schema.pop("description"), **nullable(_or_empty(schema))}
        for name, schema in option_schemas().items()
    }


def _or_empty(schema: Schema) -> Schema:
    """An address, or an empty text, which is none, as the empty field of a form is."""
    return {"anyOf": [schema, {"const": ""}]} if schema.get("format") == URL["format"] else schema


def shown_options() -> Schema:
    shown = option_schemas()
    del shown["client_reference"]
    for name in ("max_width", "max_height", "webhook_url", *READING_OPTION_NAMES[1:]):
        shown[name] = nullable(shown[name])
    return record(shown, description="All of the job's options, with the defaults of those that were not given.")


def _counts(description: str, *names: str) -> Schema:
    return record(dict.fromkeys(names, COUNT), description=description)


def schemas(problem_codes: Iterable[str]) -> dict[str, Schema]:
    """`components.schemas`. problem_codes: every code that an answer of ours may have."""
    job = record(
        {
            "job_id": ULID,
            "status": reference("JobStatus"),
            "source": {"type": "string", "enum": list(JobSource)},
            "filename": TEXT,
            "client_reference": nullable(option_schemas()["client_reference"]),
            "created_at": TIME,
            "started_at": nullable(TIME),
            "ended_at": nullable(TIME),
            "options": shown_options(),
            "products": _counts(
                "Live, and exact once the job has ended.",
                *("total", "pending", "completed", "partial", "failed", "cancelled", "skipped"),
            ),
            "csv": {**nullable(reference("Reading")), "description": "Null until the CSV has been read."},
            "images": nullable(_counts("Null until the job has ended.", "total", "completed", "failed", "reused")),
            "bytes": nullable(
                record(
                    {"input": COUNT, "output": COUNT, "saved": {"type": "integer"}},
                    description="Of the images that were completed. Null until the job has ended.",
                )
            ),
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "unchanged_since": {
                **nullable(ULID),
                "description": "`source_url` had the same CSV as for that job, whose output and products these are.",
            },
            "schedule_id": {**nullable(ULID), "description": "Of the schedule that made it."},
            "run": {"type": "integer", "minimum": 1, "description": "1, and one more with each retry."},
            "errors": {"type": "array", "items": reference("Fault"), "description": "Why the CSV was rejected."},
            "links": record({"self": URL, "products": URL, "output": nullable(URL)}),
        },
        description="One catalogue on its way.",
    )
    image = record(
        {
            "position": {"type": "integer", "minimum": 1},
            "input_url": TEXT,
            "output_url": nullable(URL),
            "status": enum(ImageStatus),
            "error": nullable(reference("ImageErrorCode")),
            "http_status": {"type": "integer", "description": "With the error HTTP_STATUS: the origin's answer."},
            "reason": {
                "type": "string",
                "description": "With an error that has kinds: which it is, such as the format that is not read, "
                "or the largest picture that would do.",
                "examples": ["SVG", "WEB_PAGE", "AT_MOST_40_MEGAPIXELS"],
            },
            "input_bytes": nullable(COUNT),
            "output_bytes": nullable(COUNT),
            "width": nullable(COUNT),
            "height": nullable(COUNT),
            "format": nullable({"type": "string", "examples": ["jpeg"]}),
            "kept": nullable(
                {"type": "boolean", "description": "The picture is the input's, bit by bit: nothing smaller came out."}
            ),
            "sha256": nullable({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
            "reused": {"type": "boolean", "description": "An earlier job has made it, and nothing has changed since."},
        },
        optional=["http_status", "reason"],
    )
    product = record(
        {
            "row": {"type": "integer", "minimum": 1, "description": "Data row of the CSV."},
            "serial": TEXT,
            "name": TEXT,
            "status": reference("ProductStatus"),
            "attempts": {**COUNT, "description": f"Receives of its message in this run, {MAX_RECEIVE_COUNT} at most."},
            "images": {"type": "array", "items": reference("Image")},
            "error": nullable({**enum(RowCode), "description": _explained(ROW_MEANINGS)}),
        }
    )
    fault = record(
        {
            "row": nullable({"type": "integer", "minimum": 1}),
            "column": nullable({"type": "string", "description": "The column's header, as in the file."}),
            "code": {
                "type": "string",
                "enum": sorted({*FileCode, *RowCode, *ImageCode}),
                "description": _explained({**FILE_MEANINGS, **ROW_MEANINGS}),
            },
            "message": TEXT,
            "line": {"type": "integer", "minimum": 1},
        },
        optional=["line"],
        description="What is wrong with a file, a row or an image URL, where, and the way out.",
    )
    problem = record(
        {
            "type": {"type": "string", "examples": ["urn:imagemill:problem:job-not-found"]},
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": TEXT,
            "code": {"type": "string", "enum": sorted(set(problem_codes))},
            "errors": {"type": "array", "items": reference("Fault"), "maxItems": MAX_LISTED_ERRORS},
            "total_errors": COUNT,
        },
        optional=["errors", "total_errors"],
        description="RFC 9457 problem details. `code` is what programs should look at.",
    )
    webhook = record(
        {
            "id": ULID,
            "url": URL,
            "events": {"type": "array", "items": {"type": "string", "enum": WEBHOOK_EVENTS}},
            "enabled": BOOLEAN,
            "description": nullable(TEXT),
            "created_at": TIME,
            "disabled_reason": nullable(TEXT),
            "failing_since": nullable(TIME),
            "last_delivery": nullable({"type": "object"}),
        },
        description="A receiver that is registered once for all jobs.",
    )
    secret = {"type": "string", "pattern": f"^{SECRET_PREFIX}", "description": "For the Standard Webhooks libraries."}
    return {
        "Job": job,
        "JobStatus": enum(JobStatus),
        "Jobs": record({"jobs": {"type": "array", "items": reference("Job")}, "next_cursor": nullable(TEXT)}),
        "Product": product,
        "ProductStatus": enum(ProductStatus),
        "Products": record(
            {"products": {"type": "array", "items": reference("Product")}, "next_cursor": nullable(TEXT)}
        ),
        "Image": image,
        "ImageErrorCode": {**enum(ImageCode), "description": _explained(IMAGE_MEANINGS)},
        "Reading": record(
            {
                "encoding": {"type": "string", "enum": list(ENCODING_NAMES)},
                "delimiter": {"type": "string", "enum": list(DELIMITERS)},
                "feed": {
                    "type": "string",
                    "enum": [*(feed.value for feed in Feed if feed is not Feed.AUTO), MAPPED],
                    "description": f"What the columns were recognised by; `{MAPPED}`: the options named them.",
                },
                "columns": record(
                    {"serial": TEXT, "name": TEXT, "urls": {"type": "array", "items": TEXT, "minItems": 1}},
                    description="Headers, as in the file.",
                ),
            },
            description="How the CSV was read.",
        ),
        "Fault": fault,
        "Problem": problem,
        "Validation": record(
            {
                "valid": BOOLEAN,
                "rows": COUNT,
                "row_errors": {**COUNT, "description": "Rows at fault."},
                "skipped": {**COUNT, "description": "Rows of an export that have no image."},
                "images": {**COUNT, "description": "Of the rows that are not at fault."},
                "csv": reference("Reading"),
                "errors": {"type": "array", "items": reference("Fault"), "maxItems": MAX_LISTED_ERRORS},
                "total_errors": COUNT,
            }
        ),
        "Upload": record(
            {
                "job_id": ULID,
                "upload": record(
                    {
                        "url": URL,
                        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                        "expires_at": TIME,
                    },
                    description="POST to `url` a form of all `fields`, then the CSV in the field `file`, last.",
                ),
            }
        ),
        "Download": record({"url": URL}),
        "Attempt": record_of(Attempt, {"at": TIME, "milliseconds": COUNT}),
        "Deliveries": record(
            {"deliveries": {"type": "array", "items": reference("Attempt")}, "next_cursor": nullable(TEXT)}
        ),
        "Secret": record({"secret": secret}),
        "Webhook": webhook,
        "Message": record({"message_id": {"type": "string", "description": "Its `webhook-id`."}}),
        "Redelivery": record(
            {
                "messages": {
                    "type": "array",
                    "items": record(
                        {
                            "message_id": TEXT,
                            "webhook_id": {**nullable(ULID), "description": "Null for the job's own `webhook_url`."},
                        }
                    ),
                }
            }
        ),
        "Webhooks": record({"webhooks": {"type": "array", "items": reference("Webhook")}}),
        "WebhookWithSecret": {"allOf": [reference("Webhook"), reference("Secret")]},
        "Health": record({"status": {"type": "string", "const": "ok"}, "version": TEXT}),
    }
