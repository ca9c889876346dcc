"""A deployment in this process: account, functions, a shop's web server, a caller, and what all see in the end."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from imagemill.adapters.aws import clients
from imagemill.domain.catalogue import inspection
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, IMAGE_BUCKET, TENANT, Account
from tests.support.caller import Caller
from tests.support.lambda_platform import LambdaPlatform
from tests.support.web import Answer, Request, TestWeb

QUEUES = {name: ENVIRONMENT[f"{name.upper()}_QUEUE"] for name in ("ingest", "products", "report")}
#: Ids, and what is hashed from them.
IDS = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|(?<=images/)[0-9a-f]{2}(?=/)")
#: What depends on the time, or tells how often something was tried.
PASSING = frozenset(
    {
        *(
            "created_at",
            "expires_at",
            "stored_at",
            "started_at",
            "cancelled_at",
            "ended_at",
            "gsi1sk",
            "at",
            "elapsed_ms",
            "milliseconds",
        ),
        *("attempts", "timestamp", "secret", "content", "ETag", "version", "uploads"),
    }
)
HEADER = "S. No.,Product Name,Input Image Urls"


@dataclass(frozen=True, slots=True)
class Deployment:
    """An account, its functions, a shop's web server and a caller: where a scenario happens."""

    aws: Account
    web: TestWeb
    caller: Caller
    platform: LambdaPlatform
    photo: Answer = field(default_factory=Answer)

    @property
    def picture(self) -> str:
        return f"{self.web.url}/picture.jpg"

    @property
    def rows(self) -> str:
        """A good product, one of which an image fails, one at fault, one that fails whole; two chunks."""
        return "\r\n".join(
            [
                HEADER,
                f"1,A,{self.picture}?1",
                f'2,B,"{self.picture}?2,{self.web.url}/gone.jpg,{self.picture}?1"',
                f"3,,{self.picture}",
                "4,D,ftp://shop.example/4.jpg",
            ]
        )

    def call(self, send: Callable[[], Any]) -> Any:
        """What the API answers. A caller whose request died sends it again, under the same key."""
        for _ in range(2):
            done, answer = self.platform.invoke("api", send)
            if done:
                assert self.caller.status < 300, answer
                return answer
        raise AssertionError("the request failed twice")

    def submit(self, idempotency_key: str = "catalogue-1") -> str:
        query = {"webhook_url": f"{self.web.url}/hook"}
        job = self.call(lambda: self.caller.post(self.rows.encode(), query, idempotency_key=idempotency_key))
        return str(job["job_id"])

    def tell_versions(self, *, second: Answer) -> None:
        """From now on the shop tells versions of its picture apart. second: what `?2` shows."""

        def answer(request: Request) -> Answer:
            is_second = request.path.endswith("?2")
            tag = f'"{hashlib.sha256(second.body if is_second else self.photo.body).hexdigest()}"'
            if request.headers.get("if-none-match") == tag:
                return Answer(304, headers={"ETag": tag})
            return replace(second if is_second else self.photo, headers={"ETag": tag})

        self.web.route("/picture.jpg", answer)

    def redeliver(self, job_id: str) -> None:
        def send() -> Any:
            event = self.caller.event("api_post_job_redeliver")
            return self.caller.send(event | {"path": f"/jobs/{job_id}/redeliver"})

        self.call(send)

    def upload(self) -> str:
        """Announce a catalogue, and send it as the form says; returns its key."""
        announced = self.caller.event("api_post_uploads")
        announced["headers"]["idempotency-key"] = "catalogue-1"
        announced["multiValueHeaders"]["idempotency-key"] = ["catalogue-1"]
        fields = self.call(lambda: self.caller.send(announced))["upload"]["fields"]
        clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=fields["key"], Body=self.rows.encode())
        return str(fields["key"])

    def drop(self, csv: str) -> None:
        clients.s3().put_object(
            Bucket=CATALOGUE_BUCKET,
            Key=f"inbox/{TENANT}/summer.csv",
            Body=csv.encode(),
            Metadata={"webhook-url": f"{self.web.url}/hook"},
        )


class Deployments:
    """Makes deployments, one after the other, in the same account. Chunks have two rows."""

    def __init__(
        self, aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._aws = aws
        self._web = web
        self._caller = caller
        self._context = context
        self._photo = picture
        web.route("/hook", Answer(204))
        monkeypatch.setattr(inspection, "CHUNK_ROWS", 2)
        # How often a queue without messages is looked at would depend on the machine.
        monkeypatch.setattr("process.intake.PAUSE_SECONDS", 60)

    def new(self, deadly_point: int = 0) -> Deployment:
        """An empty deployment, in which a process dies at the given point; 0 for never."""
        self._aws.reset()
        self._web.requests.clear()
        self._web.route("/picture.jpg", self._photo)
        platform = LambdaPlatform(self._aws, self._context, QUEUES, deadly_point)
        return Deployment(self._aws, self._web, self._caller, platform, self._photo)


def end_of(deployment: Deployment) -> dict[str, Any]:
    """All that can be seen of a deployment in the end, without ids and times."""
    objects = {bucket: deployment.aws.objects(bucket) for bucket in (CATALOGUE_BUCKET, IMAGE_BUCKET)}
    told = {(request.headers["webhook-id"], request.body.decode()) for request in deployment.web.asked_for("/hook")}
    seen = {
        "items": deployment.aws.items(),
        "objects": {
            f"{bucket}/{key}": body.decode() if key.endswith(("csv", "json")) else len(body)
            for bucket, held in objects.items()
            for key, body in held.items()
        },
        "told": sorted(told),
        "left": {
            name: len(deployment.aws.messages(name)) for name in ("INGEST_QUEUE", "PRODUCTS_QUEUE", "REPORT_QUEUE")
        },
    }
    return dict(_timeless(json.loads(IDS.sub("<id>", json.dumps(seen, default=_plain)))))


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode() if value.startswith(b"{") else repr(value)
    return repr(value)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(member) for name, member in value.items() if name not in PASSING}
    if isinstance(value, list):
        return [_timeless(member) for member in value]
    if isinstance(value, str) and value.startswith("{"):
        return _timeless(json.loads(value))
    return value
