"""Chaos: jobs in a storm of killed functions, failing origins and duplicated messages, and what must hold after it.

`python -m tests.e2e.chaos --seed 1 2 3 4 5` runs a storm for each seed on an embedded stack and prints what was done
to it. The seed decides what is done, not when: threads and processes keep their own time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from imagemill.domain.catalogue.inspection import CHUNK_ROWS
from imagemill.domain.options import ImageOptions
from local.stack import DEFAULT_PORT, free_port, running_stack
from tests.support.results import product_message
from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb

from .conftest import PARAMETERS, read_photograph, thumbnail_of

#: A storm outlasts nobody: no image is given up for being asked to wait.
PATIENT = {"ThrottlePatienceSeconds": "600"}

#: A storm blows so long at most; then it is calm, and all must come to rest.
STORM_SECONDS = 40.0
#: From the first job to the last look. Killed functions' products stay hidden for 20 s each time.
DEADLINE_SECONDS = 300.0
PRODUCTS = 300
#: Functions that are killed, the busiest most often.
VICTIMS = ("process", "process", "process", "ingest", "report", "deliver", "bury")
#: Why an image may fail in a storm: the origin's faults on three receives, or its worker's death on three.
EXCUSES = {"HTTP_STATUS", "TRUNCATED_BODY", "CONNECT_FAILED", "TIMEOUT", "PROCESSING_CRASHED"}


@dataclass
class Tally:
    """What was done to the jobs, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    origin_faults: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)
    image_errors: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.seconds:.0f} s · killed {listed(self.kills)} · duplicated {listed(self.duplicates)} · "
            f"origin faults {listed(self.origin_faults)} · products {listed(self.products)} · "
            f"images {listed(self.image_errors) or 'all done'} · lost {self.lost}, counted twice 0, not ended 0"
        )


def listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    shop: Shop
    job_id: str
    urls: Sequence[Sequence[str]]

    def message(self, row: int) -> str:
        """The message that ingest sends for a row."""
        chunk_start = (row - 1) // CHUNK_ROWS * CHUNK_ROWS
        ledger_size = min(CHUNK_ROWS, len(self.urls) - chunk_start)
        message = product_message(self.job_id, 1, row, ledger_size, tuple(self.urls[row - 1]), ImageOptions())
        return message.to_json()


class Storm:
    """Everything that goes wrong. Each trouble has a thread, and a random sequence that follows from the seed."""

    def __init__(self, seed: int, jobs: Sequence[SubmittedJob], tally: Tally) -> None:
        self._seed = seed
        self._jobs = jobs
        self._tally = tally
        self._calm = threading.Event()
        self._weather = "fair"

    @contextmanager
    def blowing(self) -> Iterator[None]:
        troubles = (self._change_weather, self._kill, self._duplicate)
        threads = [
            threading.Thread(target=self._repeat, args=(trouble, Random(f"{self._seed} {trouble.__name__}")))
            for trouble in troubles
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._calm.set()
            for thread in threads:
                thread.join()
            self._weather = "fair"

    def _repeat(self, trouble: Callable[[Random], float], random: Random) -> None:
        while not self._calm.wait(trouble(random)):
            pass

    def serve(self, request: Request, picture: bytes) -> Answer:
        """What the origin answers in the weather of the moment. None of its faults is a permanent one."""
        weather = self._weather
        if weather != "fair":
            self._tally.origin_faults[weather] += 1
        match weather:
            case "unavailable":
                return Answer(503, headers={"retry-after": "1"})
            case "failing":
                return Answer(500)
            case "slow":
                self._calm.wait(1.0)
        return Answer(body=picture, headers={"content-type": "image/jpeg"})

    def _change_weather(self, random: Random) -> float:
        self._weather = random.choice(("fair", "fair", "fair", "unavailable", "failing", "slow"))
        return random.uniform(0.2, 1.5)

    def _kill(self, random: Random) -> float:
        victim = random.choice(VICTIMS)
        running = self._jobs[0].shop.function_processes(victim)
        if running:
            with suppress(ProcessLookupError):
                os.kill(random.choice(sorted(running)), signal.SIGKILL)
                self._tally.kills[victim] += 1
        return random.uniform(0.5, 2.0)

    def _duplicate(self, random: Random) -> float:
        job = random.choice(self._jobs)
        what = random.choice(("product", "product", "product", "event", "report"))
        sqs = job.shop.aws("sqs")
        match what:
            case "product":
                body = job.message(random.randint(1, len(job.urls)))
                sqs.send_message(QueueUrl=job.shop.queue("products"), MessageBody=body)
            case "event":
                key = f"uploads/{job.shop.tenant}/{job.job_id}.csv"
                body = json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})
                sqs.send_message(QueueUrl=job.shop.queue("ingest"), MessageBody=body)
            case "report":
                # Only of what has ended: a run cannot be ended before its time by us.
                place = {"pk": {"S": f"JOB#{job.job_id}"}, "sk": {"S": "JOB"}}
                item = job.shop.aws("dynamodb").get_item(TableName=job.shop.stack.table, Key=place)["Item"]
                if "ended_at" not in item:
                    return 0.1
                asked = json.dumps({"job_id": job.job_id, "run": 1, "repeat": 0})
                sqs.send_message(QueueUrl=job.shop.queue("report"), MessageBody=asked)
        self._tally.duplicates[what] += 1
        return random.uniform(0.1, 0.6)


def chaos(
    shops: Sequence[Shop], web: TestWeb, picture: bytes, seed: int, products: int, storm_seconds: float = STORM_SECONDS
) -> Tally:
    """Submit a job for each shop, let the storm blow over them, and check what must hold.

    Raises:
        AssertionError: when anything was lost, counted twice, left over, or never ended.
    """
    tally = Tally()
    begun = time.monotonic()
    jobs: list[SubmittedJob] = []
    storm = Storm(seed, jobs, tally)
    picture_url = web.route(f"/{seed}.jpg", lambda request: storm.serve(request, picture))
    hook = web.route(f"/hook-{seed}", Answer(204))
    jobs += [_submit(shop, picture_url, hook, products, Random(f"{seed} {index}")) for index, shop in enumerate(shops)]
    with storm.blowing(), suppress(AssertionError):
        eventually(lambda: all(_ended(job) for job in jobs), "all jobs end in the storm", storm_seconds)
    for job in jobs:
        left = begun + DEADLINE_SECONDS - time.monotonic()
        _check(job, job.shop.ended(job.job_id, left), tally)
        eventually(lambda job=job: _webhook_ids(web, hook, job), "the webhook is told")  # type: ignore[misc]
        assert len(_webhook_ids(web, hook, job)) == 1
    eventually(lambda: _queues_are_empty(shops[0]), "no message is left", begun + DEADLINE_SECONDS - time.monotonic())
    # Late duplicates may have found all done: nothing has changed.
    for job in jobs:
        assert_exact(job.shop, job.shop.get(f"/jobs/{job.job_id}"))
    tally.seconds = time.monotonic() - begun
    return tally


def _submit(shop: Shop, picture_url: str, hook: str, products: int, random: Random) -> SubmittedJob:
    urls = [
        [f"{picture_url}?{shop.tenant}-{row}-{position}" for position in range(1, random.randint(1, 3) + 1)]
        for row in range(1, products + 1)
    ]
    rows = [[str(row), f"SKU{row}", ",".join(of_row)] for row, of_row in enumerate(urls, 1)]
    return SubmittedJob(shop, shop.submit(catalogue(rows), f"?webhook_url={hook}"), urls)


def _ended(job: SubmittedJob) -> bool:
    return bool(job.shop.get(f"/jobs/{job.job_id}")["ended_at"])


def _check(job: SubmittedJob, document: Mapping[str, Any], tally: Tally) -> None:
    assert_exact(job.shop, document)
    products = job.shop.products(job.job_id)
    images = [image for product in products for image in product["images"]]
    tally.products.update(product["status"] for product in products)
    tally.image_errors.update(image["error"] for image in images if image["error"])
    tally.lost += len(job.urls) - len(products)
    assert [len(product["images"]) for product in products] == [len(of_row) for of_row in job.urls]
    assert set(tally.image_errors) <= EXCUSES, tally.image_errors
    stored = _stored_images(job.shop)
    owned = {image["output_url"].rsplit("/images/", 1)[1]: image["sha256"] for image in images if image["output_url"]}
    assert set(owned) <= stored, "a row without its object"
    for key, sha256 in owned.items():
        assert hashlib.sha256(_stored_image(job.shop, key)).hexdigest() == sha256, "a row with another object"


def _stored_images(shop: Shop) -> set[str]:
    pages = shop.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=shop.stack.image_bucket)
    return {str(item["Key"]).removeprefix("images/") for page in pages for item in page.get("Contents", [])}


def _stored_image(shop: Shop, key: str) -> bytes:
    body: bytes = shop.aws("s3").get_object(Bucket=shop.stack.image_bucket, Key=f"images/{key}")["Body"].read()
    return body


def _webhook_ids(web: TestWeb, hook: str, job: SubmittedJob) -> set[str]:
    told = web.asked_for(hook.removeprefix(web.url))
    return {
        request.headers["webhook-id"] for request in told if json.loads(request.body)["data"]["job_id"] == job.job_id
    }


def _queues_are_empty(shop: Shop) -> bool:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    return not any(
        int(count)
        for queue in ("ingest", "ingest-dead-letters", "products", "products-dead-letters")
        for count in shop.aws("sqs")
        .get_queue_attributes(QueueUrl=shop.queue(queue), AttributeNames=names)["Attributes"]
        .values()
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description="Jobs in a storm; every count exact after it.")
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--products", type=int, default=PRODUCTS, help="of each of the two jobs")
    arguments = parser.parse_args()
    picture = thumbnail_of(read_photograph())
    with running_stack(free_port(DEFAULT_PORT + 300), PARAMETERS | PATIENT) as stack, TestWeb().serving() as web:
        shops = [Shop(stack, stack.api_key), Shop(stack, stack.other_api_key)]
        for seed in arguments.seed:
            tally = chaos(shops, web, picture, seed, arguments.products)
            print(f"seed {seed}: {tally}", flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    main()
