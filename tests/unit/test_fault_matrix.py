"""The fault matrix: a process dies before or after each of its AWS calls, and the end is always the same.

Each scenario runs once undisturbed, which counts its points; then once for every point, with a death there. The
platform delivers again what was not answered. So a new call is covered by itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from imagemill.adapters import aws as clients
from imagemill.domain import catalogue, product
from tests.e2e.web import Answer, TestWeb
from tests.unit.conftest import CATALOGUE_BUCKET, ENVIRONMENT, IMAGE_BUCKET, TENANT, Account, Caller
from tests.unit.lambda_platform import LambdaPlatform

QUEUES = {"ingest": ENVIRONMENT["INGEST_QUEUE"], "products": ENVIRONMENT["PRODUCTS_QUEUE"]}
#: Ids, and what is hashed from them.
IDS = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|(?<=images/)[0-9a-f]{2}(?=/)")
#: What depends on the time, or tells how often something was tried.
PASSING = frozenset(
    {
        *("created_at", "expires_at", "started_at", "ended_at", "gsi1sk", "at", "elapsed_ms", "milliseconds"),
        *("attempts", "timestamp", "secret", "content", "ETag"),
    }
)
HEADER = "S. No.,Product Name,Input Image Urls"


@dataclass(frozen=True, slots=True)
class World:
    """Where a scenario happens."""

    aws: Account
    web: TestWeb
    caller: Caller
    platform: LambdaPlatform

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

    def submit(self) -> str:
        query = {"webhook_url": f"{self.web.url}/hook"}
        job = self.call(lambda: self.caller.post(self.rows.encode(), query, idempotency_key="catalogue-1"))
        return str(job["job_id"])

    def drop(self, csv: str) -> None:
        clients.s3().put_object(
            Bucket=CATALOGUE_BUCKET,
            Key=f"inbox/{TENANT}/summer.csv",
            Body=csv.encode(),
            Metadata={"webhook-url": f"{self.web.url}/hook"},
        )


def job_by_api(world: World) -> None:
    world.submit()
    world.platform.run()


def job_by_drop(world: World) -> None:
    world.drop(world.rows)
    world.platform.run()


def rejected_drop(world: World) -> None:
    world.drop("S. No.,Product Name\r\n1,A")
    world.platform.run()


SCENARIOS = [job_by_api, job_by_drop, rejected_drop]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "CHUNK_ROWS", 2)
    monkeypatch.setattr(catalogue.inspect, "__kwdefaults__", {"max_rows": catalogue.MAX_ROWS, "chunk_rows": 2})
    monkeypatch.setattr("ingest.fan_out.CHUNK_ROWS", 2)
    monkeypatch.setattr("report.closing.CHUNK_ROWS", 2)


@pytest.fixture
def world(
    aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer, small_chunks: None
) -> Callable[[int], World]:
    web.route("/picture.jpg", picture)
    web.route("/hook", Answer(204))

    def at(deadly_point: int) -> World:
        aws.reset()
        for bucket in (CATALOGUE_BUCKET, IMAGE_BUCKET):
            for version in clients.s3().list_object_versions(Bucket=bucket).get("Versions", []):
                clients.s3().delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        for name in ("INGEST_QUEUE", "PRODUCTS_QUEUE"):
            aws.messages(name)
        web.requests.clear()
        return World(aws, web, caller, LambdaPlatform(aws, context, QUEUES, deadly_point))

    return at


def end_of(world: World) -> dict[str, Any]:
    """All that the world can see in the end, without ids and times."""
    objects = {bucket: world.aws.objects(bucket) for bucket in (CATALOGUE_BUCKET, IMAGE_BUCKET)}
    told = {(request.headers["webhook-id"], request.body.decode()) for request in world.web.asked_for("/hook")}
    seen = {
        "items": world.aws.items(),
        "objects": {
            f"{bucket}/{key}": body.decode() if key.endswith(("csv", "json")) else len(body)
            for bucket, held in objects.items()
            for key, body in held.items()
        },
        "told": sorted(told),
        "left": {name: len(world.aws.messages(name)) for name in ("INGEST_QUEUE", "PRODUCTS_QUEUE")},
    }
    return dict(_timeless(json.loads(IDS.sub("<id>", json.dumps(seen, default=_plain)))))


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return int(value) if hasattr(value, "as_integer_ratio") else repr(value)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(member) for name, member in value.items() if name not in PASSING}
    if isinstance(value, list):
        return [_timeless(member) for member in value]
    if isinstance(value, str) and value.startswith("{"):
        return _timeless(json.loads(value))
    return value


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_death_at_any_point_changes_nothing_in_the_end(
    world: Callable[[int], World], scenario: Callable[[World], None], capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = world(0)
    scenario(undisturbed)
    expected, points = end_of(undisturbed), undisturbed.platform.points

    for number, point in enumerate(points, 1):
        disturbed = world(number)
        scenario(disturbed)
        seen = end_of(disturbed)
        differing = {name: (seen[name], expected[name]) for name in expected if seen[name] != expected[name]}
        assert not differing, f"death at point {number}: {point}"

    with capsys.disabled():
        counted = Counter(point.partition(":")[0] for point in points)
        print(f"\n{scenario.__name__}: {len(points)} deaths ({counted})", end=" ")  # noqa: T201 - the figure that the matrix is for
