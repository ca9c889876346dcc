"""A shop that uses the product: its catalogues, its calls, and what it expects of a job."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import urllib3

from imagemill_client import Client
from local.stack import Stack, client

T = TypeVar("T")

HEADER = ("S. No.", "Product Name", "Input Image Urls")
#: Any wait ends here, in seconds: a job that is stuck fails its test.
DEADLINE_SECONDS = 120


def eventually(look: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Poll until there is something to see."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def catalogue(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    """A CSV; an item of a row may be the comma-separated URLs."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


class Shop:
    """One tenant's view of a stack."""

    def __init__(self, stack: Stack, api_key: str) -> None:
        self.stack = stack
        self.api_key = api_key
        #: For what is asked in a way that the client has not.
        self.http = urllib3.PoolManager(retries=False)

    @cached_property
    def client(self) -> Client:
        return Client(self.stack.api_url, self.api_key)

    @property
    def tenant(self) -> str:
        keys = self.aws("apigateway").get_api_keys(includeValues=True)["items"]
        return next(str(key["id"]) for key in keys if key["value"] == self.api_key)

    def aws(self, service: str) -> Any:
        return client(service, self.stack.aws_endpoint_url)

    def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **kwargs: Any) -> Any:
        url = path if path.startswith("http") else self.stack.api_url + path
        given = {"x-api-key": self.api_key, **(headers or {})}
        return self.http.request(method, url, headers=given, redirect=False, **kwargs)

    def get(self, path: str) -> Any:
        """What a patient caller is answered: one that polls is asked to slow down now and then."""
        answer = eventually(lambda: self._unless_throttled(path), "the API answers")
        assert answer.status == 200, answer.data
        return json.loads(answer.data)

    def _unless_throttled(self, path: str) -> Any:
        answer = self.call("GET", path)
        return None if answer.status == 429 else answer

    def post_csv(self, body: bytes, query: str = "", headers: Mapping[str, str] | None = None) -> Any:
        return self.call("POST", f"/jobs{query}", {"content-type": "text/csv", **(headers or {})}, body=body)

    def submit(self, body: bytes, query: str = "") -> str:
        """query: options, as `?quality=60`."""
        return self.client.submit(body, dict(parse_qsl(query.removeprefix("?")))).id

    def cancel(self, job_id: str) -> Any:
        return self.call("POST", f"/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> Any:
        return self.call("POST", f"/jobs/{job_id}/retry")

    def ended(self, job_id: str, seconds: float = DEADLINE_SECONDS) -> Any:
        return self.client.job(job_id).wait(seconds).document

    def products(self, job_id: str, query: str = "") -> list[Any]:
        """query: `&status=FAILED`, for those alone."""
        return list(self.client.job(job_id).products(dict(parse_qsl(query)).get("status")))

    def output(self, job_id: str) -> list[dict[str, str]]:
        text = b"".join(self.client.job(job_id).output_pieces()).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def image(self, url: str) -> bytes:
        answer = self.http.request("GET", url)
        assert answer.status == 200, (url, answer.status)
        return bytes(answer.data)

    def drop(self, name: str, body: bytes, metadata: Mapping[str, str] | None = None) -> str:
        key = f"inbox/{self.tenant}/{name}"
        self.aws("s3").put_object(Bucket=self.stack.catalogue_bucket, Key=key, Body=body, Metadata=dict(metadata or {}))
        return key

    def outbox(self, name: str) -> list[str]:
        listing = self.aws("s3").list_objects_v2(
            Bucket=self.stack.catalogue_bucket, Prefix=f"outbox/{self.tenant}/{name}"
        )
        return [item["Key"] for item in listing.get("Contents", [])]

    def catalogue_object(self, key: str) -> bytes:
        body: bytes = self.aws("s3").get_object(Bucket=self.stack.catalogue_bucket, Key=key)["Body"].read()
        return body

    def queue(self, name: str) -> str:
        return str(self.aws("sqs").get_queue_url(QueueName=f"imagemill-local-{name}")["QueueUrl"])

    def function_processes(self, name: str) -> list[int]:
        """The process ids of this stack's running copies of a function."""
        endpoint = f"AWS_ENDPOINT_URL={self.stack.aws_endpoint_url}".encode()
        handler = f"_HANDLER={name}.app.handler".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                environment = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if endpoint in environment and handler in environment:
                found.append(int(entry.parent.name))
        return found

    def kill_functions(self, name: str) -> int:
        """kill -9 every copy; returns how many there were."""
        killed = 0
        for process in self.function_processes(name):
            try:
                os.kill(process, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                continue
        return killed


def assert_exact(shop: Shop, job: Mapping[str, Any]) -> None:
    """A job's counts are those of its products, and its output has every row once, aligned with the input."""
    products = shop.products(job["job_id"])
    images = [image for product in products for image in product["images"]]
    completed = [image for image in images if image["status"] == "COMPLETED"]
    assert [product["row"] for product in products] == list(range(1, job["products"]["total"] + 1))
    statuses = [product["status"].lower() for product in products]
    assert {name: statuses.count(name) for name in ("completed", "partial", "failed", "cancelled")} == {
        name: job["products"][name] for name in ("completed", "partial", "failed", "cancelled")
    }
    assert job["products"]["pending"] == 0
    assert job["images"] == {
        "total": len(images),
        "completed": len(completed),
        "failed": len(images) - len(completed),
        "reused": sum(image["reused"] for image in images),
    }
    assert job["bytes"]["input"] == sum(image["input_bytes"] for image in completed)
    assert job["bytes"]["output"] == sum(image["output_bytes"] for image in completed)
    output = shop.output(job["job_id"])
    assert [row["Status"] for row in output] == [product["status"] for product in products]
    for row, product in zip(output, products, strict=True):
        if product["error"] is None:
            expected = ",".join(image["output_url"] or "" for image in product["images"])
            assert row["Output Image Urls"] == expected
