"""An AWS account in this process, with the resources and the environment that the template gives the functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from moto.core.models import MockAWS
from moto.sqs.models import sqs_backends

from imagemill.adapters.aws import clients
from imagemill.adapters.store.items import from_item
from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.layouts import put_layout
from imagemill.adapters.store.runs import open_run
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.job import Job
from imagemill.domain.options import JobOptions

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
    "RELEASE": "1",
    "POWERTOOLS_SERVICE_NAME": "imagemill-prod",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "STAGE": "local",
    "TABLE_NAME": "imagemill-prod-table",
    "CATALOGUE_BUCKET": CATALOGUE_BUCKET,
    "IMAGE_BUCKET": IMAGE_BUCKET,
    "RETENTION_DAYS": "36500",  # the events' jobs are of 2025
    "IMAGE_RETENTION_DAYS": "0",
    "OUTPUT_BASE_URL": "https://images.shop.example",
    "CORS_ORIGINS": "",
    "API_URL_PATTERN": "https://{domainName}/{stage}",
    "API_URL": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1",
    "CATALOGUE_TIMEOUT_SECONDS": "10",
    "INGEST_QUEUE": f"{QUEUES}/imagemill-prod-ingest",
    "PRODUCTS_QUEUE": f"{QUEUES}/imagemill-prod-products",
    "REPORT_QUEUE": f"{QUEUES}/imagemill-prod-report",
    "COMPLETION_STATE_MACHINE": STATE_MACHINE,
    "REDELIVERY_SECONDS": "30,120",
    "THROTTLE_PATIENCE_SECONDS": "21600",
    "REFERER": "",
    "CONTACT_URL": "https://imagemill.example/bot",
    "CONNECT_TIMEOUT_SECONDS": "5",
    "IMAGE_TIMEOUT_SECONDS": "30",
    "MAX_RETRY_AFTER_SECONDS": "3600",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "WEBHOOK_DELAYS_SECONDS": "0,5,300",
    "STALLED_SECONDS": "900",
    "SECRET_OVERLAP_SECONDS": "86400",
    "SCHEDULE_GROUP": "imagemill-prod",
    "SCHEDULE_ROLE": "arn:aws:iam::123456789012:role/imagemill-prod-schedule",
    "SCHEDULE_TARGET": "arn:aws:sqs:eu-central-1:123456789012:imagemill-prod-ingest",
    "SCHEDULE_DEAD_LETTERS": "arn:aws:sqs:eu-central-1:123456789012:imagemill-prod-ingest-dead-letters",
}
CREDENTIALS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


class CrashError(Exception):
    """The process ends here, as far as its callers can tell."""


def event_systems() -> list[Any]:
    """Where each client of the code tells of its calls (boto3 guide, "Extensibility guide")."""
    made = (
        clients.dynamodb(),
        clients.s3(),
        clients.sqs(),
        clients.step_functions(),
        clients.scheduler(),
        clients.events(),
    )
    return [client.meta.events for client in made]


class Account:
    """What the tests ask of AWS."""

    def __init__(self, template: Mapping[str, Any], moto: MockAWS) -> None:
        self._template = template
        self._moto = moto
        self.reset()

    def reset(self) -> None:
        """Empty it: no item, message, object or execution is left. Cheaper than to delete them one by one."""
        self._moto.reset()
        table = self._template["Resources"]["Table"]["Properties"]
        clients.dynamodb().create_table(
            TableName=ENVIRONMENT["TABLE_NAME"],
            **{name: table[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")},
            BillingMode=table["BillingMode"],
        )
        for bucket in (CATALOGUE_BUCKET, IMAGE_BUCKET):
            clients.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        clients.s3().put_bucket_versioning(Bucket=CATALOGUE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for name in ("INGEST_QUEUE", "PRODUCTS_QUEUE", "REPORT_QUEUE"):
            clients.sqs().create_queue(QueueName=ENVIRONMENT[name].rsplit("/", 1)[-1])
        clients.scheduler().create_schedule_group(Name=ENVIRONMENT["SCHEDULE_GROUP"])
        clients.step_functions().create_state_machine(
            name=STATE_MACHINE.rsplit(":", 1)[-1],
            definition=(PROJECT / "statemachines" / "completion.asl.json").read_text(),
            roleArn="arn:aws:iam::123456789012:role/imagemill-prod-completion",
        )

    def executions(self, status: str | None = None) -> list[str]:
        """Names of the completion's executions; of those alone that have a status."""
        listed = clients.step_functions().list_executions(stateMachineArn=STATE_MACHINE)["executions"]
        return sorted(execution["name"] for execution in listed if status in {None, execution["status"]})

    def timers(self) -> dict[str, dict[str, Any]]:
        """EventBridge Scheduler's schedules, by name."""
        group = ENVIRONMENT["SCHEDULE_GROUP"]
        listed = clients.scheduler().list_schedules(GroupName=group)["Schedules"]
        found = {
            timer["Name"]: clients.scheduler().get_schedule(GroupName=group, Name=timer["Name"]) for timer in listed
        }
        told = {"ResponseMetadata", "CreationDate", "LastModificationDate"}
        return {
            name: {part: value for part, value in timer.items() if part not in told} for name, timer in found.items()
        }

    def reports(self) -> list[str]:
        """The runs whose report is asked for, `<job>-<run>`, each once; a repeat as its execution would be called.

        The messages stay where they are.
        """
        queue = sqs_backends["123456789012"]["eu-central-1"].queues[ENVIRONMENT["REPORT_QUEUE"].rsplit("/", 1)[-1]]
        asked = [json.loads(message.body) for message in queue._messages]
        repeats = [f"-r{request['repeat']}" if request["repeat"] else "" for request in asked]
        runs = zip(asked, repeats, strict=True)
        return sorted({f"{request['job_id']}-{request['run']}{repeat}" for request, repeat in runs})

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

    @contextmanager
    def watched(self, seen: Callable[[str], None]) -> Iterator[None]:
        """Call `seen` before and after each of the code's AWS calls; what it raises ends the call's caller."""

        def before(model: Any, **_: Any) -> None:
            seen(f"before {model.name}")

        def after(model: Any, **_: Any) -> None:
            seen(f"after {model.name}")

        systems = event_systems()
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
                raise CrashError(name)

        with self.watched(seen), suppress(CrashError):
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

    def store_job(
        self, csv: bytes, options: JobOptions | None = None, *, pinned: bool = False, **changes: Any
    ) -> tuple[Job, Inspection]:
        """A queued job of `TENANT`, its layout, and its CSV in the bucket.

        pinned: the layout names the CSV's version; those of releases before 0.2 do not.
        """
        job = a_job(options, **changes)
        inspection = inspect(BytesIO(csv), job.options.reading)
        create_job(replace(job, products=inspection.rows, csv=inspection.layout.described()))
        stored = clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=csv)
        put_layout(job.job_id, replace(inspection, version=stored["VersionId"] if pinned else None))
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
        source=JobSource.API,
        filename="products.csv",
        created_at="2025-07-18T13:42:08.417Z",
        api_url=ENVIRONMENT["API_URL"],
        options=options or JobOptions(),
    )
    return replace(job, **changes)
