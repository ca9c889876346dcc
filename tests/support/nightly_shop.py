"""A tenant's pictures over months of jobs: an origin that changes them, objects and items that expire or are removed.

Time passes by what there is becoming older: objects in the bucket, items in the table, and the jobs.
"""

from __future__ import annotations

import hashlib
import threading
import time as clock
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import time
from typing import Any

import pytest
from moto.s3.models import s3_backends
from ulid import ULID

import process.app
import process.pipeline
from imagemill.adapters.aws import clients
from imagemill.adapters.store.items import SECONDS_A_DAY, expires_at
from imagemill.domain.codes import ImageCode, ImageStatus
from imagemill.domain.ids import new_id
from imagemill.domain.product import ImageResult
from imagemill.settings import settings
from process.codec.compress import compress
from tests.support.account import ENVIRONMENT, IMAGE_BUCKET, Account, CrashError
from tests.support.caller import context_of
from tests.support.inline_executor import Inline
from tests.support.product_batches import batch, message
from tests.support.results import get_results
from tests.support.web import Answer, Request, TestWeb

ACCOUNT_ID = "123456789012"
#: How an origin tells versions of a picture apart.
TAG, WEAK_TAG, DATE, NOTHING = "tag", "weak tag", "date", "nothing"


class InlineImages:
    """In the place of the threads for images, so that a test decides the order of all calls."""

    has_room, moving = False, 0

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, _url: str, call: Callable[[], Any], _kind: str = "") -> Future[Any]:
        return Inline().submit(call)

    def take_out(self, _most: object) -> list[Any]:
        return []

    def close(self) -> None:
        pass


def in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process function do all its work in its caller's thread."""
    monkeypatch.setattr(process.pipeline, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(process.pipeline, "ImageThreads", InlineImages)
    monkeypatch.setattr(process.pipeline, "show_again_after", lambda *_: None)
    monkeypatch.setattr("process.intake.Intake.is_open", False)


#: By how much a thread's clock is wrong, in seconds.
_skew = threading.local()


def with_clocks_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `NightlyShop.work` have the clock that it is given. AWS has its own."""
    right = clock.time
    monkeypatch.setattr(clock, "time", lambda: right() + getattr(_skew, "seconds", 0.0))


@dataclass(slots=True)
class NightlyJob:
    """A job of one product. end: when it is gone, in seconds from now."""

    job_id: str
    urls: tuple[str, ...]
    end: float
    reuse: bool = True
    receive_count: int = 0


@dataclass
class NightlyShop:
    """pictures: the versions that a URL may have. versions: those that URLs have now, by their names.
    fickle: answers after which a name has its next version."""

    aws: Account
    web: TestWeb
    pictures: list[bytes]
    tenant: str = field(default_factory=new_id)
    versions: dict[str, int] = field(default_factory=dict)
    jobs: list[NightlyJob] = field(default_factory=list)
    #: Objects that somebody removed, with the jobs that were made before: these name nothing now.
    spoilt: set[tuple[str, str]] = field(default_factory=set)
    fickle: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.made = {hashlib.sha256(compress(body, message().options).data).hexdigest() for body in self.pictures}

    def show(self, name: str, told_by: str) -> str:
        """A URL; its origin tells versions apart as `told_by` says."""
        self.versions[name] = 0

        def answer(request: Request) -> Answer:
            version = self.versions[name]
            fields = {
                TAG: {"ETag": f'"{version}"'},
                WEAK_TAG: {"ETag": f'W/"{version}"'},
                DATE: {"Last-Modified": f"Wed, 0{version + 1} Jan 2020 00:00:00 GMT"},
            }.get(told_by, {})
            known = request.headers.get("if-none-match") or request.headers.get("if-modified-since")
            if name in self.fickle:
                self.fickle[name] -= 1
                if self.fickle[name] == 0:
                    self.change(name)
            is_known = known is not None and known in fields.values()
            return Answer(304, headers=fields) if is_known else Answer(200, self.pictures[version], fields)

        return self.web.route(f"/{self.tenant}/{name}.jpg", answer)

    def change(self, name: str) -> None:
        self.versions[name] = (self.versions[name] + 1) % len(self.pictures)

    @contextmanager
    def changing(self, name: str, answers: int) -> Iterator[None]:
        """Let a picture change after so many answers; 0 for never."""
        self.fickle[name] = answers
        yield
        del self.fickle[name]

    # ---- jobs

    def hand_in(self, urls: tuple[str, ...], *, reuse: bool = True, days_ago: float = 0) -> NightlyJob:
        """A job that was made days ago and has waited since."""
        job_id = str(ULID.from_timestamp(time() - days_ago * SECONDS_A_DAY))
        self.jobs.append(NightlyJob(job_id, urls, expires_at(job_id) - time(), reuse))
        return self.jobs[-1]

    def work(self, job: NightlyJob, skew_seconds: float = 0.0) -> None:
        """A receive of the job's product, by a worker whose clock is wrong by so much."""
        _skew.seconds = skew_seconds
        job.receive_count += 1
        # More rows than there are: the run never ends, which is none of these tests' concern.
        product = replace(message(*job.urls, job_id=job.job_id, ledger_size=2), tenant=self.tenant, reuse=job.reuse)
        try:
            process.app.handler(batch(product, receive_count=job.receive_count), context_of(300_000))
        finally:
            _skew.seconds = 0.0

    @contextmanager
    def dying_at(self, point: int) -> Iterator[None]:
        """Let a process die at the n-th point (from 1) before or after an AWS call; 0 for never."""
        passed = 0

        def seen(name: str) -> None:
            nonlocal passed
            passed += 1
            if point and passed >= point:
                raise CrashError(name)

        with self.aws.watched(seen), suppress(CrashError):
            yield

    def images(self, job: NightlyJob) -> list[ImageResult]:
        found = get_results([(job.job_id, 1, 1)])
        return [image for result in found.values() for image in result.images]

    # ---- time, and what else happens

    def let_pass(self, days: int) -> None:
        """S3 removes what its lifecycle rule says, on the second; TTL is late, as always."""
        kept_days = settings().image_retention_days
        for job in self.jobs:
            job.end -= days * SECONDS_A_DAY
        for key, stored in self._objects().items():
            stored.last_modified -= timedelta(days=days)
            if kept_days and stored.last_modified.timestamp() + kept_days * SECONDS_A_DAY <= time():
                clients.s3().delete_object(Bucket=IMAGE_BUCKET, Key=key)
        for item in self._sources():
            for name in ("stored_at", "expires_at"):
                if name in item:
                    item[name] = {"N": str(int(item[name]["N"]) - days * SECONDS_A_DAY)}
            clients.dynamodb().put_item(TableName=ENVIRONMENT["TABLE_NAME"], Item=item)
        # Before a further job makes anew what is missing.
        self.check()

    def remove_object(self) -> None:
        """The one that was named last. The jobs that have named it name nothing from now on."""
        keys = [str(image.key) for job in self.jobs[-1:] for image in self.images(job)]
        if keys:
            clients.s3().delete_object(Bucket=IMAGE_BUCKET, Key=keys[-1])
            self.spoilt |= {(job.job_id, keys[-1]) for job in self.jobs}

    def remove_source(self) -> None:
        for item in self._sources()[:1]:
            key: Any = {name: item[name] for name in ("pk", "sk")}
            clients.dynamodb().delete_item(TableName=ENVIRONMENT["TABLE_NAME"], Key=key)

    def _sources(self) -> list[dict[str, Any]]:
        scanned = clients.dynamodb().scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"]
        ours = [dict(item) for item in scanned if item["pk"].get("S", "").startswith(f"SOURCE#{self.tenant}#")]
        return sorted(ours, key=lambda item: str(item["image"]["M"]["key"]))

    def _objects(self) -> dict[str, Any]:
        owner = hashlib.sha256(self.tenant.encode()).hexdigest()[:16]
        held = s3_backends[ACCOUNT_ID]["global"].buckets[IMAGE_BUCKET].keys
        return {key: held[key] for key in held if key.startswith(f"images/{owner}/")}

    # ---- what always holds

    def check(self) -> None:
        """Every completed image of a job that is kept has its bytes, and these are a version of its picture."""
        objects = self._objects()
        for job in self.jobs:
            for image in self.images(job):
                assert image.error in {None, ImageCode.STORE_FAILED}, image
                if job.end <= 0 or image.status is not ImageStatus.COMPLETED:
                    continue
                assert image.sha256 in self.made, "no version of the picture"
                if (job.job_id, image.key) not in self.spoilt:
                    assert image.key in objects, f"gone {job.end / SECONDS_A_DAY:.1f} days before its job: {image}"
                    assert hashlib.sha256(objects[str(image.key)].value).hexdigest() == image.sha256
