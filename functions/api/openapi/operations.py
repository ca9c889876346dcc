"""What each route does: its parameters, its body and its answers, as the contract has them.

Routes are named by method and path; a parameter's name is `{}`, for the resolver says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imagemill.domain.codes import FileCode

from ..idempotency import MAX_IDEMPOTENCY_KEY_CHARACTERS
from ..pagination import DEFAULT_LIMIT, MAX_LIMIT
from ..submission import MAX_REQUEST_CSV_BYTES
from .schedules import SCHEDULE_FIELDS, SOURCE_URL
from .schemas import (
    BOOLEAN,
    TEXT,
    WEBHOOK_EVENTS,
    Schema,
    json_option_schemas,
    nullable,
    option_schemas,
    record,
    reference,
)

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """answers: the schema, or the header, of each success. problems: the codes of each failure of its own.

    The failures that every route has are added by the document.
    """

    name: str
    summary: str
    tag: str
    answers: Mapping[int, Mapping[str, Any]]
    problems: Mapping[int, Sequence[str]] = field(default_factory=dict)
    parameters: Sequence[Mapping[str, Any]] = ()
    body: Mapping[str, Any] | None = None
    description: str = ""
    needs_key: bool = True


def answer(description: str, schema: str | None = None, **headers: str) -> dict[str, Any]:
    """A success; `schema` names one of the components. headers: what each is, `_` for `-`."""
    document: dict[str, Any] = {"description": description}
    if schema:
        document["content"] = {"application/json": {"schema": reference(schema)}}
    if headers:
        document["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": TEXT} for name, text in headers.items()
        }
    return document


def query(name: str, schema: Schema, description: str = "") -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def json_body(schema: Schema) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def html(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/html": {"schema": TEXT}}}


#: The answer of what has an ETag, to its If-None-Match.
KNOWN: dict[int, Any] = {304: {"description": "The caller has it already."}}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and content within 24 hours make the same thing. Other content: 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_CHARACTERS},
}
CURSOR = query("cursor", TEXT, "`next_cursor` of the page before.")
PAGE = [
    query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    CURSOR,
]
BAD_PAGE = ["INVALID_PARAMETER", "INVALID_CURSOR"]
# ROUTE_NOT_FOUND: where the id has characters that no id has.
NO_JOB = {404: ["JOB_NOT_FOUND", "ROUTE_NOT_FOUND"]}
NO_WEBHOOK = {404: ["WEBHOOK_NOT_FOUND", "ROUTE_NOT_FOUND"]}
NO_SCHEDULE = {404: ["SCHEDULE_NOT_FOUND", "ROUTE_NOT_FOUND"]}
UNREADABLE_JSON = {400: ["MALFORMED_REQUEST"], 415: ["UNSUPPORTED_MEDIA_TYPE"]}
#: 413, or of a job that has been accepted already.
NOT_422 = {FileCode.FILE_TOO_LARGE, FileCode.UPLOAD_EXPIRED, FileCode.INGEST_FAILED, FileCode.REPORT_FAILED}
REFUSED_CSV = [code.value for code in FileCode if code not in NOT_422]
OPTION_PARAMETERS = [
    query(name, schema, f"{schema.pop('description')} An empty value means the default.")
    for name, schema in option_schemas().items()
]
CSV_EXAMPLE = "S. No.,Product Name,Input Image Urls\r\n1,SKU1,https://shop.example/1.jpg\r\n"
CSV_FORM = {
    "schema": {
        **record({"file": {"type": "string", "format": "binary"}, **option_schemas()}, optional=option_schemas()),
        "additionalProperties": False,
    },
    "encoding": {"file": {"contentType": "text/csv"}},
}
REMOTE_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "source_url": SOURCE_URL,
        **json_option_schemas(),
    },
    "required": ["source_url"],
    "additionalProperties": False,
}
WEBHOOK_FIELDS: dict[str, Schema] = {
    "url": option_schemas()["webhook_url"],
    "events": {
        "type": "array",
        "items": {"type": "string", "enum": WEBHOOK_EVENTS},
        "minItems": 1,
        "description": "All, when they are not given.",
    },
    "enabled": BOOLEAN,
    "description": nullable({"type": "string", "maxLength": 256, "description": "Printable characters."}),
}
DOWNLOAD_REDIRECT = query(
    "redirect",
    {"type": "boolean", "default": True},
    "`false` answers 200 with the address instead, for browsers: a script there cannot read a redirect.",
)

OPERATIONS: dict[Route, Operation] = {
    ("POST", "/jobs"): Operation(
        "postJob",
        "Submit a catalogue",
        "Jobs",
        {
            202: answer("The job.", "Job", Location="The job."),
            200: answer("With `dry_run=true`: what is wrong with the file. Nothing is started.", "Validation"),
        },
        {
            400: ["MALFORMED_REQUEST", "MISSING_FILE", "INVALID_PARAMETER", "INVALID_HEADER"],
            409: ["IDEMPOTENCY_CONFLICT"],
            413: ["FILE_TOO_LARGE"],
            415: ["UNSUPPORTED_MEDIA_TYPE"],
            422: REFUSED_CSV,
        },
        [
            query("dry_run", {"type": "boolean", "default": False}, "Validate the file, and start nothing."),
            *OPTION_PARAMETERS,
            IDEMPOTENCY_KEY,
        ],
        {
            "required": True,
            "content": {
                "multipart/form-data": CSV_FORM,
                "text/csv": {"schema": TEXT, "example": CSV_EXAMPLE},
                "application/json": {"schema": REMOTE_REQUEST},
            },
        },
        f"A CSV up to {MAX_REQUEST_CSV_BYTES:,} bytes; for larger ones there is `POST /uploads`. Options may be form "
        "fields or query parameters; a form field goes before the parameter of the same name. As JSON, a CSV's "
        "address: it is fetched after the answer, and the job is `REJECTED` if it cannot be.",
    ),
    ("GET", "/jobs"): Operation(
        "getJobs",
        "List your jobs, newest first",
        "Jobs",
        {200: answer("A page of jobs. It may be short, even empty, and yet have a `next_cursor`.", "Jobs")},
        {400: BAD_PAGE},
        [query("status", reference("JobStatus")), *PAGE],
    ),
    ("GET", "/jobs/{}"): Operation(
        "getJob", "Read a job's status", "Jobs", {200: answer("The job.", "Job")}, {**NO_JOB}
    ),
    ("GET", "/jobs/{}/products"): Operation(
        "getProducts",
        "List a job's products, in row order",
        "Jobs",
        {200: answer("A page of products. It may be short, and yet have a `next_cursor`.", "Products")},
        {400: BAD_PAGE, **NO_JOB},
        [query("status", reference("ProductStatus")), *PAGE],
    ),
    ("GET", "/jobs/{}/output"): Operation(
        "getOutput",
        "Download the output CSV",
        "Jobs",
        {
            302: answer("To the file; the address holds for 15 minutes.", Location="A presigned S3 GET."),
            200: answer("With `redirect=false`: the file's address.", "Download"),
        },
        {400: ["INVALID_PARAMETER"], **NO_JOB, 409: ["JOB_NOT_FINISHED"]},
        [DOWNLOAD_REDIRECT],
    ),
    ("POST", "/jobs/{}/cancel"): Operation(
        "cancelJob",
        "Stop what has not begun",
        "Jobs",
        {202: answer("The job.", "Job")},
        {**NO_JOB, 409: ["JOB_ALREADY_ENDED"]},
    ),
    ("POST", "/jobs/{}/retry"): Operation(
        "retryJob",
        "Run failed products and failed images again",
        "Jobs",
        {202: answer("The job, in its next run.", "Job")},
        {**NO_JOB, 409: ["JOB_NOT_FINISHED", "NOTHING_TO_RETRY"]},
    ),
    ("GET", "/jobs/{}/deliveries"): Operation(
        "getDeliveries",
        "List each attempt to deliver the job's webhooks",
        "Webhooks",
        {200: answer("The attempts, in order. Of very many, a page, which has a `next_cursor`.", "Deliveries")},
        {400: ["INVALID_CURSOR"], **NO_JOB},
        [CURSOR],
    ),
    ("POST", "/jobs/{}/redeliver"): Operation(
        "redeliverJob",
        "Deliver the job's webhooks again",
        "Webhooks",
        {202: answer("What will be delivered, and to whom.", "Redelivery")},
        {**NO_JOB, 409: ["JOB_NOT_FINISHED", "NO_WEBHOOKS"]},
    ),
    ("POST", "/uploads"): Operation(
        "postUpload",
        "Announce a large catalogue",
        "Jobs",
        {201: answer("Where to send the CSV; the job begins when it has come.", "Upload", Location="The job.")},
        {400: ["MALFORMED_REQUEST", "INVALID_HEADER"], 409: ["IDEMPOTENCY_CONFLICT"], 422: ["INVALID_OPTION"]},
        [IDEMPOTENCY_KEY],
        json_body(
            {
                "type": "object",
                "properties": {"filename": nullable(TEXT), **json_option_schemas()},
                "additionalProperties": False,
            }
        ),
        "A presigned S3 POST for one CSV of up to 1 GiB.",
    ),
    ("POST", "/schedules"): Operation(
        "postSchedule",
        "Have a feed fetched again and again",
        "Schedules",
        {201: answer("The schedule.", "Schedule", Location="The schedule.")},
        {
            400: ["MALFORMED_REQUEST", "INVALID_HEADER"],
            409: ["TOO_MANY_SCHEDULES", "IDEMPOTENCY_CONFLICT"],
            415: ["UNSUPPORTED_MEDIA_TYPE"],
            422: ["INVALID_OPTION"],
        },
        [IDEMPOTENCY_KEY],
        json_body(
            {
                **record(SCHEDULE_FIELDS, optional=set(SCHEDULE_FIELDS) - {"source_url", "every"}),
                "additionalProperties": False,
            }
        ),
        "Each run is a job. By a duration, the first begins at once.",
    ),
    ("GET", "/schedules"): Operation(
        "getSchedules", "List your schedules", "Schedules", {200: answer("The schedules.", "Schedules")}
    ),
    ("GET", "/schedules/{}"): Operation(
        "getSchedule",
        "Read a schedule, and what came of its last runs",
        "Schedules",
        {200: answer("The schedule.", "Schedule")},
        {**NO_SCHEDULE},
    ),
    ("PATCH", "/schedules/{}"): Operation(
        "patchSchedule",
        "Change a schedule",
        "Schedules",
        {200: answer("The schedule.", "Schedule")},
        {**UNREADABLE_JSON, **NO_SCHEDULE, 422: ["INVALID_OPTION"]},
        (),
        json_body({**record(SCHEDULE_FIELDS, optional=SCHEDULE_FIELDS), "additionalProperties": False}),
    ),
    ("DELETE", "/schedules/{}"): Operation(
        "deleteSchedule", "Remove a schedule", "Schedules", {204: answer("It is gone; its jobs stay.")}, {**NO_SCHEDULE}
    ),
    ("POST", "/webhooks"): Operation(
        "postWebhook",
        "Register a receiver for all jobs",
        "Webhooks",
        {201: answer("With its secret, which is not shown again.", "WebhookWithSecret", Location="The endpoint.")},
        {**UNREADABLE_JSON, 409: ["TOO_MANY_WEBHOOKS"], 422: ["INVALID_WEBHOOK"]},
        (),
        json_body({**record(WEBHOOK_FIELDS, optional=set(WEBHOOK_FIELDS) - {"url"}), "additionalProperties": False}),
    ),
    ("GET", "/webhooks"): Operation(
        "getWebhooks", "List your receivers", "Webhooks", {200: answer("The endpoints.", "Webhooks")}
    ),
    ("GET", "/webhooks/{}"): Operation(
        "getWebhook", "Read a receiver", "Webhooks", {200: answer("The endpoint.", "Webhook")}, {**NO_WEBHOOK}
    ),
    ("PATCH", "/webhooks/{}"): Operation(
        "patchWebhook",
        "Change a receiver",
        "Webhooks",
        {200: answer("The endpoint.", "Webhook")},
        {**UNREADABLE_JSON, **NO_WEBHOOK, 422: ["INVALID_WEBHOOK"]},
        (),
        json_body({**record(WEBHOOK_FIELDS, optional=WEBHOOK_FIELDS), "additionalProperties": False}),
    ),
    ("DELETE", "/webhooks/{}"): Operation(
        "deleteWebhook", "Remove a receiver", "Webhooks", {204: answer("It is gone.")}, {**NO_WEBHOOK}
    ),
    ("POST", "/webhooks/{}/test"): Operation(
        "testWebhook",
        "Send a receiver a `webhook.test`",
        "Webhooks",
        {202: answer("It will be sent.", "Message")},
        {**NO_WEBHOOK, 409: ["WEBHOOK_DISABLED"]},
    ),
    ("POST", "/webhooks/{}/rotate-secret"): Operation(
        "rotateWebhookSecret",
        "Replace a receiver's secret",
        "Webhooks",
        {
            200: answer(
                "With its new secret. For 24 hours messages are signed with the old one too.", "WebhookWithSecret"
            )
        },
        {**NO_WEBHOOK, 409: ["ROTATION_CONFLICT"]},
    ),
    ("GET", "/signing-secret"): Operation(
        "getSigningSecret",
        "Read what your per-job webhooks are signed with",
        "Webhooks",
        {200: answer("The secret.", "Secret")},
    ),
    ("POST", "/signing-secret/rotate"): Operation(
        "rotateSigningSecret",
        "Replace it",
        "Webhooks",
        {200: answer("The new secret. For 24 hours messages are signed with the old one too.", "Secret")},
        {409: ["ROTATION_CONFLICT"]},
    ),
    ("GET", "/health"): Operation(
        "getHealth", "See that the API is up", "Public", {200: answer("It is.", "Health")}, needs_key=False
    ),
    ("GET", "/openapi.json"): Operation(
        "getOpenapi",
        "Read this document",
        "Public",
        {
            200: {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}},
            **KNOWN,
        },
        needs_key=False,
    ),
    ("GET", "/docs"): Operation(
        "getDocs", "Read this document in Swagger UI", "Public", {200: html("Swagger UI."), **KNOWN}, needs_key=False
    ),
    ("GET", "/"): Operation(
        "getConsole", "Open the web console", "Public", {200: html("The console."), **KNOWN}, needs_key=False
    ),
}
