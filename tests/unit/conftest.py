"""An AWS account in this process, with the resources and the environment that the template gives the functions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto import mock_aws

import api.app
import deliver.app
import process.app
from imagemill import metrics
from imagemill.adapters import aws as clients
from imagemill.adapters import fast_lane, image_store
from imagemill.adapters.items import from_item, key
from imagemill.adapters.jobs import create_job
from imagemill.adapters.layouts import put_layout
from imagemill.adapters.ledger import open_run
from imagemill.domain.catalogue import Inspection, inspect
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import Job
from imagemill.domain.options import JobOptions
from imagemill.settings import settings
from tests.e2e.web import Answer, TestWeb
from tests.unit.image_files import photo, saved

PROJECT = Path(__file__).resolve().parents[2]

#: As in events/*.json.
JOB_ID = "01K0B3T5Q8ZC4V7XW2N9M6R1DF"
OTHER_JOB_ID = "01K0B3VG4N6E8PJ2Y5TKHMA7RS"
TENANT = "h4q2x7w9zb"
OTHER_TENANT = "t8n3r5v1yc"
ORIGIN_IN_EVENTS = "https://cdn.shop.example"

CATALOGUE_BUCKET = "imagemill-prod-catalogue-123456789012"
IMAGE_BUCKET = "imagemill-prod-images-123456789012"
STATE_MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:imagemill-prod-completion"
QUEUES = "https://sqs.eu-central-1.amazonaws.com/123456789012"

#: Every variable that the template sets for a function, but for those of the C library.
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "imagemill-prod",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "STAGE": "local",
    "TABLE_NAME": "imagemill-prod-table",
    "CATALOGUE_BUCKET": CATALOGUE_BUCKET,
    "IMAGE_BUCKET": IMAGE_BUCKET,
    "RETENTION_DAYS": "36500",  # the events' jobs are of 2025
    "OUTPUT_BASE_URL": "https://images.shop.example",
    "CORS_ORIGINS": "",
    "API_URL_PATTERN": "https://{domainName}/{stage}",
    "API_URL": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1",
    "INGEST_QUEUE": f"{QUEUES}/imagemill-prod-ingest",
    "PRODUCTS_QUEUE": f"{QUEUES}/imagemill-prod-products",
    "COMPLETION_STATE_MACHINE": STATE_MACHINE,
    "REDELIVERY_SECONDS": "30,120",
    "CONTACT_URL": "https://imagemill.example/bot",
    "CONNECT_TIMEOUT_SECONDS": "5",
    "IMAGE_TIMEOUT_SECONDS": "30",
    "MAX_RETRY_AFTER_SECONDS": "3600",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "WEBHOOK_DELAYS_SECONDS": "0,5,300",
    "STALLED_SECONDS": "900",
    "SECRET_OVERLAP_SECONDS": "86400",
}
CREDENTIALS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


class CloudFormationLoader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions as their long ones: `!GetAtt A.B` as `{"Fn::GetAtt": "A.B"}`."""


def _intrinsic(loader: CloudFormationLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


CloudFormationLoader.add_multi_constructor("!", _intrinsic)


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, its intrinsic functions in their long form."""
    document: dict[str, Any] = yaml.load((PROJECT / "template.yaml").read_text(), CloudFormationLoader)
    return document


class Crash(Exception):
    """The process ends here, as far as its callers can tell."""


class Account:
    """What the tests ask of AWS."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        table = template["Resources"]["Table"]["Properties"]
        clients.dynamodb().create_table(
            TableName=ENVIRONMENT["TABLE_NAME"],
            **{name: table[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")},
            BillingMode=table["BillingMode"],
        )
        for bucket in (CATALOGUE_BUCKET, IMAGE_BUCKET):
            clients.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        clients.s3().put_bucket_versioning(Bucket=CATALOGUE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for name in ("INGEST_QUEUE", "PRODUCTS_QUEUE"):
            clients.sqs().create_queue(QueueName=ENVIRONMENT[name].rsplit("/", 1)[-1])
        clients.step_functions().create_state_machine(
            name=STATE_MACHINE.rsplit(":", 1)[-1],
            definition=(PROJECT / "statemachines" / "completion.asl.json").read_text(),
            roleArn="arn:aws:iam::123456789012:role/imagemill-prod-completion",
        )

    def executions(self, status: str | None = None) -> list[str]:
        """Names of the completion's executions; of those alone that have a status."""
        listed = clients.step_functions().list_executions(stateMachineArn=STATE_MACHINE)["executions"]
        return sorted(execution["name"] for execution in listed if status in {None, execution["status"]})

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Take all messages of a queue, named by its variable, in no order."""
        return [json.loads(body) for body in self.bodies(queue)]

    def bodies(self, queue: str) -> list[str]:
        """The same, as they were sent."""
        taken: list[str] = []
        url = ENVIRONMENT[queue]
        while page := clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            taken += [message["Body"] for message in page]
            entries: list[Any] = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(page)
            ]
            clients.sqs().delete_message_batch(QueueUrl=url, Entries=entries)
        return taken

    def rows_sent(self) -> list[int]:
        """Rows of the products that were asked for, in row order."""
        return sorted(int(message["row"]) for message in self.messages("PRODUCTS_QUEUE"))

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        listed = clients.s3().list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {item["Key"]: clients.s3().get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}

    def items(self) -> list[dict[str, Any]]:
        """The whole table, without what depends on the time of writing."""
        scanned = clients.dynamodb().scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"]
        timeless = [
            {
                name: value
                for name, value in item.items()
                if name not in {"expires_at", "started_at", "cancelled_at", "ended_at"}
            }
            for item in map(from_item, scanned)
        ]
        return sorted(timeless, key=lambda item: (item["pk"], item["sk"]))

    def reset(self) -> None:
        """Remove all items, all messages, and all that the catalogue bucket shows."""
        for queue in ("INGEST_QUEUE", "PRODUCTS_QUEUE"):
            self.messages(queue)
        for item in self.items():
            clients.dynamodb().delete_item(TableName=ENVIRONMENT["TABLE_NAME"], Key=key(item["pk"], item["sk"]))
        for name in self.objects(CATALOGUE_BUCKET):
            clients.s3().delete_object(Bucket=CATALOGUE_BUCKET, Key=name)

    @contextmanager
    def watched(self, seen: Callable[[str], None]) -> Iterator[None]:
        """Call `seen` before and after each of the code's AWS calls; what it raises ends the call's caller."""

        def before(model: Any, **_: Any) -> None:
            seen(f"before {model.name}")

        def after(model: Any, **_: Any) -> None:
            seen(f"after {model.name}")

        systems = [client.meta.events for client in (clients.dynamodb(), clients.s3(), clients.sqs())]
        systems.append(clients.step_functions().meta.events)
        for events in systems:
            events.register("before-call.*.*", before)
            events.register("after-call.*.*", after)
        try:
            yield
        finally:
            for events in systems:
                events.unregister("before-call.*.*", before)
                events.unregister("after-call.*.*", after)

    @contextmanager
    def crash_at(self, point: int) -> Iterator[list[str]]:
        """End the block at the n-th point (from 1) before or after one of its AWS calls, as a crash would.

        Gives the points that were passed; there are n when it crashed.
        """
        points: list[str] = []

        def seen(name: str) -> None:
            points.append(name)
            if len(points) == point:
                raise Crash(name)

        with self.watched(seen), suppress(Crash):
            yield points

    @contextmanager
    def calls(self) -> Iterator[list[str]]:
        """Gives the operations that are called."""
        names: list[str] = []

        def seen(name: str) -> None:
            moment, operation = name.split()
            if moment == "after":
                names.append(operation)

        with self.watched(seen):
            yield names

    def store_job(self, csv: bytes, options: JobOptions | None = None, **changes: Any) -> tuple[Job, Inspection]:
        """A queued job of `TENANT`, its layout, and its CSV in the bucket."""
        job = a_job(options, **changes)
        inspection = inspect(BytesIO(csv))
        create_job(replace(job, products=inspection.rows))
        put_layout(job.job_id, inspection)
        clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=csv)
        return job, inspection

    def start_job(self, csv: bytes, options: JobOptions | None = None, **changes: Any) -> Job:
        """A job in work, whose products have no result yet."""
        job, inspection = self.store_job(csv, options, status=JobStatus.PROCESSING, **changes)
        open_run(job.job_id, job.run, len(inspection.chunk_offsets))
        return job


def a_job(options: JobOptions | None = None, **changes: Any) -> Job:
    job = Job(
        job_id=JOB_ID,
        tenant=TENANT,
        status=JobStatus.QUEUED,
        source="api",
        filename="products.csv",
        created_at="2025-07-18T13:42:08.417Z",
        api_url=ENVIRONMENT["API_URL"],
        options=options or JobOptions(),
    )
    return replace(job, **changes)


@pytest.fixture
def aws(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of its own for each test, in stage `local`."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    # moto answers boto3 alone, not our own connections.
    monkeypatch.setattr(image_store, "_lane", lambda: None)
    monkeypatch.setattr(fast_lane, "json_lane", lambda _: None)
    _forget()
    with mock_aws():
        yield Account(template)
    _forget()


def _forget() -> None:
    """Drop what the code keeps for the life of a process.

    The clients may stay: they are bound to credentials and region, not to an account, and cost half a second.
    """
    metrics._tally.take()
    if process.app._pipeline.cache_info().currsize:
        process.app._pipeline().close()
    if deliver.app._web.cache_info().currsize:
        deliver.app._web().close()
    for cached in (settings, process.app._pipeline, deliver.app._web, deliver.app._schedule):
        cached.cache_clear()


@dataclass
class LambdaContext:
    """What Lambda hands a handler. remaining_milliseconds: the answers to the question, in order."""

    remaining_milliseconds: Iterator[int]
    function_name: str = "imagemill-prod"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:imagemill-prod"
    aws_request_id: str = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"

    def get_remaining_time_in_millis(self) -> int:
        return next(self.remaining_milliseconds)


def context_of(*remaining_milliseconds: int) -> Any:
    """A context that gives these answers, in order."""
    return LambdaContext(iter(remaining_milliseconds))


@pytest.fixture
def context() -> LambdaContext:
    """A context with five minutes left, whenever asked."""
    return LambdaContext(repeat(300_000))


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Events by their file's name in events/; `origin` stands in for the shop's image server."""

    def load(name: str, origin: str = ORIGIN_IN_EVENTS) -> dict[str, Any]:
        text = (PROJECT / "events" / f"{name}.json").read_text(encoding="utf-8")
        loaded: dict[str, Any] = json.loads(text.replace(ORIGIN_IN_EVENTS, origin))
        return loaded

    return load


def multiple(values: Mapping[str, str] | None) -> dict[str, list[str]] | None:
    return None if values is None else {name: [value] for name, value in values.items()}


class Caller:
    """Sends the event of `GET /jobs/{id}` or `POST /jobs`, changed as a test wants; keeps the last answer."""

    def __init__(self, event: Any, context: Any) -> None:
        self.event = event
        self._context = context
        self.status = 0
        self.headers: dict[str, list[str]] = {}

    def send(self, event: dict[str, Any], tenant: str = TENANT) -> Any:
        event["requestContext"]["identity"]["apiKeyId"] = tenant
        answer = api.app.handler(event, self._context)
        self.status = answer["statusCode"]
        self.headers = answer["multiValueHeaders"]
        assert self.headers["x-request-id"] == [event["requestContext"]["requestId"]]
        return json.loads(answer["body"]) if answer.get("body") else None

    def get(self, path: str, query: dict[str, str] | None = None, tenant: str = TENANT) -> Any:
        event = self.event("api_get_job")
        event["path"] = path
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = multiple(query)
        return self.send(event, tenant)

    def post(self, body: bytes, query: dict[str, str] | None = None, **headers: str) -> Any:
        event = self.event("api_post_jobs_csv")
        event["headers"] = {
            name.replace("_", "-"): value for name, value in {"content_type": "text/csv", **headers}.items()
        }
        event["multiValueHeaders"] = multiple(event["headers"])
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = multiple(query)
        event["body"] = base64.b64encode(body).decode()
        return self.send(event)

    def act(self, job_id: str, action: str, tenant: str = TENANT) -> Any:
        """POST /jobs/{id}/cancel or retry."""
        event = self.event(f"api_post_{action}")
        event["path"] = f"/jobs/{job_id}/{action}"
        return self.send(event, tenant)

    def problem(self, document: Any) -> tuple[int, str]:
        """The status and code of an error, which is an RFC 9457 document."""
        assert self.headers["Content-Type"] == ["application/problem+json"]
        assert {"type", "title", "status", "detail", "code"} <= set(document)
        assert document["status"] == self.status
        return self.status, document["code"]


@pytest.fixture
def caller(aws: Account, event: Callable[..., dict[str, Any]], context: LambdaContext) -> Caller:
    """A caller of the API; `TENANT`, unless told otherwise."""
    return Caller(event, context)


@pytest.fixture
def web() -> Iterator[TestWeb]:
    """The shop's image server, and the receiver of webhooks, on 127.0.0.1."""
    with TestWeb().serving() as running:
        yield running


@pytest.fixture(scope="session")
def picture() -> Answer:
    """A photograph-like JPEG of 160 × 120 pixels."""
    return Answer(body=saved(photo(160, 120), "JPEG", quality=95), headers={"content-type": "image/jpeg"})
