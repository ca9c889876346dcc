"""Works one release, whose functions and layer PYTHONPATH names, on an account in this process.

`produce <folder> <shop>` takes a catalogue through all functions and writes, at each moment at which another may
take over, what is stored and queued: `<folder>/<moment>.json`. `consume <folder>` goes on from each of these and prints
how the job ended. It knows of a release what AWS knows: handlers, queues, buckets, table and state machine.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from moto import mock_aws

FUNCTIONS = ("api", "ingest", "process", "bury", "report", "deliver", "sweep")
QUEUES = ("INGEST_QUEUE", "PRODUCTS_QUEUE", "REPORT_QUEUE")
TENANT = "h4q2x7w9zb"
ROUNDS = 20


class Release:
    """A release's functions on an empty account."""

    def __init__(self) -> None:
        self.moto = mock_aws()
        self.moto.start()
        self.apps = {name: importlib.import_module(f"{name}.app") for name in FUNCTIONS if _has(name)}
        self.dynamodb, self.s3 = boto3.client("dynamodb"), boto3.client("s3")
        self.sqs, self.states = boto3.client("sqs"), boto3.client("stepfunctions")
        self.executed: set[str] = set()

    def reset(self) -> None:
        self.moto.reset()
        self.executed.clear()
        text, number = ("pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk"), ("gsi2sk",)
        kinds: Any = [{"AttributeName": name, "AttributeType": "S"} for name in text]
        kinds += [{"AttributeName": name, "AttributeType": "N"} for name in number]
        index: Any = {"Projection": {"ProjectionType": "ALL"}}
        self.dynamodb.create_table(
            TableName=os.environ["TABLE_NAME"],
            AttributeDefinitions=kinds,
            KeySchema=_keys("pk", "sk"),
            GlobalSecondaryIndexes=[
                index | {"IndexName": name, "KeySchema": _keys(f"{name}pk", f"{name}sk")} for name in ("gsi1", "gsi2")
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        place: Any = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        for bucket in ("CATALOGUE_BUCKET", "IMAGE_BUCKET"):
            self.s3.create_bucket(Bucket=os.environ[bucket], CreateBucketConfiguration=place)
        versioned: Any = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=os.environ["CATALOGUE_BUCKET"], VersioningConfiguration=versioned)
        for queue in QUEUES:
            self.sqs.create_queue(QueueName=os.environ[queue].rsplit("/", 1)[-1])
        role = "arn:aws:iam::123456789012:role/r"
        machine = os.environ["COMPLETION_STATE_MACHINE"].rsplit(":", 1)[-1]
        definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
        self.states.create_state_machine(name=machine, definition=definition, roleArn=role)

    def call(self, name: str, event: Any) -> Any:
        arn = "arn:aws:lambda:eu-central-1:123456789012:function:f"
        context = SimpleNamespace(
            function_name="f",
            memory_limit_in_mb=1769,
            invoked_function_arn=arn,
            aws_request_id="r",
            get_remaining_time_in_millis=lambda: 300_000,
        )
        return self.apps[name].handler(event, context)

    def api(self, method: str, resource: str, job_id: str) -> Any:
        path = resource.replace("{job_id}", job_id)
        identity = {"apiKeyId": TENANT, "apiKey": "k", "sourceIp": "192.0.2.1"}
        context = {"requestId": "r", "identity": identity, "domainName": "api.example", "stage": "v1", "path": path}
        event = {
            "httpMethod": method,
            "resource": resource,
            "path": path,
            "headers": {"x-api-key": "k"},
            "multiValueHeaders": {"x-api-key": ["k"]},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": {"job_id": job_id},
            "body": None,
            "isBase64Encoded": False,
            "requestContext": context | {"httpMethod": method, "resourcePath": resource},
        }
        answer = self.call("api", event)
        if answer["statusCode"] >= 300:
            raise RuntimeError(f"{method} {path}: {answer['statusCode']} {answer['body'][:200]}")
        return json.loads(answer["body"])

    def received(self, queue: str, most: int = 1000) -> list[dict[str, Any]]:
        """Records of what waits in a queue, as SQS hands them to Lambda."""
        records: list[dict[str, Any]] = []
        while len(records) < most:
            page = self.sqs.receive_message(
                QueueUrl=os.environ[queue], MaxNumberOfMessages=min(10, most - len(records)), VisibilityTimeout=900
            ).get("Messages")
            if not page:
                break
            records += [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": TENANT},
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{queue}",
                }
                for message in page
            ]
        return records

    def work(self, queue: str, name: str, records: list[dict[str, Any]]) -> None:
        """What Lambda does with records: a message that is not handed back is deleted."""
        for record in records:
            answer = self.call(name, {"Records": [record]})
            if answer and answer.get("batchItemFailures"):
                raise RuntimeError(f"{name} handed back {record['body'][:300]}")
            self.sqs.delete_message(QueueUrl=os.environ[queue], ReceiptHandle=record["receiptHandle"])

    def arrive(self, key: str) -> None:
        """S3 tells ingest of an object."""
        version = self.s3.head_object(Bucket=os.environ["CATALOGUE_BUCKET"], Key=key)["VersionId"]
        told = {
            "s3": {"bucket": {"name": os.environ["CATALOGUE_BUCKET"]}, "object": {"key": key, "versionId": version}}
        }
        self.sqs.send_message(QueueUrl=os.environ["INGEST_QUEUE"], MessageBody=json.dumps({"Records": [told]}))

    def go_on(self) -> None:
        """Everything that is queued, until nothing is."""
        for _ in range(ROUNDS):
            before = sum(len(self.pending(queue)) for queue in QUEUES) + len(self.executions() - self.executed)
            if not before:
                return
            self.work("INGEST_QUEUE", "ingest", self.received("INGEST_QUEUE"))
            self.work("PRODUCTS_QUEUE", "process", self.received("PRODUCTS_QUEUE"))
            self.report()

    def report(self) -> None:
        """The report queue's messages, and what the state machine of older releases called."""
        if takes_report_queue(self.apps["report"]):
            self.work("REPORT_QUEUE", "report", self.received("REPORT_QUEUE"))
        for name in sorted(self.executions() - self.executed):
            self.executed.add(name)
            job_id, _, run = name.partition("-")
            self.call("report", {"job_id": job_id, "run": int(run.partition("-")[0])})

    def executions(self) -> set[str]:
        machine = os.environ["COMPLETION_STATE_MACHINE"]
        return {item["name"] for item in self.states.list_executions(stateMachineArn=machine)["executions"]}

    def pending(self, queue: str) -> list[str]:
        from moto.sqs.models import sqs_backends  # noqa: PLC0415 - after moto has started

        name = os.environ[queue].rsplit("/", 1)[-1]
        held = sqs_backends["123456789012"]["eu-central-1"].queues[name]
        return [message.body for message in held.messages]

    def object(self, key: str) -> Any:
        got = self.s3.get_object(Bucket=os.environ["CATALOGUE_BUCKET"], Key=key)
        return [got["Body"].read(), got["VersionId"]]

    def dump(self, path: Path) -> None:
        bucket = os.environ["CATALOGUE_BUCKET"]
        keys = [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        held = {
            "items": self.dynamodb.scan(TableName=os.environ["TABLE_NAME"])["Items"],
            "objects": {key: self.object(key) for key in keys},
            "queues": {queue: self.pending(queue) for queue in QUEUES},
            "executions": sorted(self.executions() - self.executed),
        }
        path.write_text(json.dumps(held, default=lambda value: {"base64": base64.b64encode(value).decode()}))

    def restore(self, path: Path) -> str:
        self.reset()
        held = json.loads(path.read_text(), object_hook=_bytes)
        for item in held["items"]:
            self.dynamodb.put_item(TableName=os.environ["TABLE_NAME"], Item=item)
        from moto.s3.models import s3_backends  # noqa: PLC0415 - after moto has started

        bucket = os.environ["CATALOGUE_BUCKET"]
        for key, (body, version) in held["objects"].items():
            self.s3.put_object(Bucket=bucket, Key=key, Body=body)
            # Items name versions, and S3 gives those that it wants.
            s3_backends["123456789012"]["aws"].buckets[bucket].keys[key]._version_id = version
        for queue, bodies in held["queues"].items():
            for body in bodies:
                self.sqs.send_message(QueueUrl=os.environ[queue], MessageBody=body)
        for name in held["executions"]:
            self.states.start_execution(stateMachineArn=os.environ["COMPLETION_STATE_MACHINE"], name=name)
        return next(str(item["job_id"]["S"]) for item in held["items"] if item["sk"] == {"S": "JOB"})


def takes_report_queue(app: Any) -> bool:
    """Releases before the report queue called report from the state machine alone."""
    return '"Records"' in inspect.getsource(app)


def _has(name: str) -> bool:
    return importlib.util.find_spec(f"{name}.app") is not None


def _keys(partition: str, sort: str) -> Any:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _bytes(pairs: dict[str, Any]) -> Any:
    return base64.b64decode(pairs["base64"]) if set(pairs) == {"base64"} else pairs


def produce(folder: Path, shop: str) -> None:
    """Five moments: dropped, fanned out, half processed, processed, and ended with a retry asked for."""
    release = Release()
    release.reset()
    rows = [f"{row},Name {row},{shop}/{row}.png" for row in (1, 2, 3)] + [f"4,Gone,{shop}/gone.png", f"5,,{shop}/1.png"]
    body = "\r\n".join(["S. No.,Product Name,Input Image Urls", *rows]).encode()
    key = f"inbox/{TENANT}/spring.csv"
    release.s3.put_object(Bucket=os.environ["CATALOGUE_BUCKET"], Key=key, Body=body)
    release.arrive(key)
    release.work("INGEST_QUEUE", "ingest", release.received("INGEST_QUEUE"))
    listing = release.s3.list_objects_v2(Bucket=os.environ["CATALOGUE_BUCKET"], Prefix="uploads/")
    upload = listing["Contents"][0]["Key"]
    release.dump(folder / "dropped.json")
    release.arrive(upload)
    release.work("INGEST_QUEUE", "ingest", release.received("INGEST_QUEUE"))
    release.dump(folder / "fanned-out.json")
    release.work("PRODUCTS_QUEUE", "process", release.received("PRODUCTS_QUEUE", 2))
    release.dump(folder / "half-processed.json")
    release.work("PRODUCTS_QUEUE", "process", release.received("PRODUCTS_QUEUE"))
    release.dump(folder / "processed.json")
    release.report()
    items = release.dynamodb.scan(TableName=os.environ["TABLE_NAME"])["Items"]
    [job_id] = [item["job_id"]["S"] for item in items if item["sk"] == {"S": "JOB"}]
    release.api("POST", "/jobs/{job_id}/retry", job_id)
    release.dump(folder / "retry-asked.json")


def consume(folder: Path) -> None:
    """One line of JSON a moment: what the job came to, or the fault."""
    release = Release()
    for path in sorted(folder.glob("*.json")):
        job_id = release.restore(path)
        told: dict[str, Any] = {"moment": path.stem}
        try:
            if path.stem == "dropped":
                listing = release.s3.list_objects_v2(Bucket=os.environ["CATALOGUE_BUCKET"], Prefix="uploads/")
                release.arrive(listing["Contents"][0]["Key"])
            release.go_on()
            job = release.api("GET", "/jobs/{job_id}", job_id)
            told["swept"] = False
            if not job.get("ended_at") and not takes_report_queue(release.apps["report"]):
                # A release without the report queue: its sweep starts the execution that nobody started.
                run = job.get("run", 1)
                release.call("report", {"job_id": job_id, "run": run})
                job, told["swept"] = release.api("GET", "/jobs/{job_id}", job_id), True
            counts = {name: job["products"][name] for name in ("total", "completed", "failed")}
            told |= {"status": job["status"], "run": job.get("run", 1), "products": counts}
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is the finding
            told["fault"] = f"{type(fault).__name__}: {fault}"[:300]
        sys.stderr.flush()
        print("RESULT " + json.dumps(told), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "import":
        for function in FUNCTIONS:
            if _has(function):
                importlib.import_module(f"{function}.app")
    elif sys.argv[1] == "produce":
        produce(Path(sys.argv[2]), sys.argv[3])
    else:
        consume(Path(sys.argv[2]))
