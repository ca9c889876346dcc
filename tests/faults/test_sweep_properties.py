"""Whatever is lost, repeated or crashes, a job that the sweep looks after ends, once, with exact counts."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.catalogue import inspection
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts
from imagemill.domain.options import JobOptions
from ingest.app import handler as take
from report.app import handler as close
from sweep.remedy import MAX_REDRIVES
from tests.support.account import Account
from tests.support.sweep_rounds import Clock, catalogue, is_watched, item_of, settle, work

CHUNK_ROWS = 3
#: More rounds than any job needs: it is given up after a few without progress, and there is little to do.
MAX_ROUNDS = 100

EXAMPLES = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def small_chunks(aws, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK_ROWS", CHUNK_ROWS)


class UnreliablePlatform:
    """Everything but the sweep: it loses messages, crashes, and lets completions fail, as often as `troubles` says."""

    def __init__(self, aws: Account, random: Random, troubles: int, context: Any, event: Any) -> None:
        self.aws, self.random, self.troubles, self.context, self.event = aws, random, troubles, context, event

    def _trouble(self, kinds: list[str]) -> str:
        """One of some kinds of trouble, or none, or none any more."""
        if not self.troubles:
            return "none"
        kind = self.random.choice(["none", *kinds])
        self.troubles -= kind != "none"
        return kind

    def turn(self) -> None:
        for message in self.aws.messages("INGEST_QUEUE"):
            trouble = self._trouble(["lost", "crash"])
            if trouble != "lost":
                with self.aws.crash_at(self.random.randint(1, 25) if trouble == "crash" else 0):
                    self.ingest(message)
        for message in self.aws.messages("PRODUCTS_QUEUE"):
            trouble = self._trouble(["lost", "crash", "twice"])
            if trouble != "lost":
                with self.aws.crash_at(self.random.randint(1, 8) if trouble == "crash" else 0):
                    work([message] * (2 if trouble == "twice" else 1))
        for body in self.aws.bodies("REPORT_QUEUE"):
            trouble = self._trouble(["lost", "crash", "twice"])
            if trouble != "lost":
                with self.aws.crash_at(self.random.randint(1, 30) if trouble == "crash" else 0):
                    for _ in range(2 if trouble == "twice" else 1):
                        self.report(body)
        for name in self.aws.executions("RUNNING"):
            settle(name, "SUCCEEDED" if self._trouble(["failed"]) == "none" else "FAILED")

    def report(self, body: str) -> None:
        asked = self.event("report")
        asked["Records"][0]["body"] = body
        close(asked, self.context)

    def ingest(self, message: dict[str, Any]) -> None:
        arrival = self.event("ingest_continue")
        arrival["Records"][0]["body"] = json.dumps(message)
        take(arrival, self.context)


@EXAMPLES
@given(rows=st.integers(1, 8), troubles=st.integers(0, 12), random=st.integers().map(Random))
def test_a_job_ends_whatever_becomes_of_its_messages_workers_and_completions(
    aws, context, event, rows, troubles, random
):
    aws.reset()
    options = JobOptions(webhook_url="https://shop.example/hook") if random.random() < 0.5 else None
    job, _ = aws.store_job(catalogue(rows), options, job_id=new_id())
    platform, clock = UnreliablePlatform(aws, random, troubles, context, event), Clock(aws)
    if random.random() < 0.5:
        platform.ingest({"continue": {"job_id": job.job_id, "chunk": 0}})

    for _ in range(MAX_ROUNDS):
        platform.turn()
        if not is_watched(job.job_id):
            break
        clock.moment = max(clock.moment, int(item_of(job.job_id)["gsi2sk"]))
        clock.round()
        if not is_watched(job.job_id):
            break

    ended = get_job(job.job_id)
    assert ended is not None
    assert ended.status.has_ended
    assert not is_watched(job.job_id)
    if ended.status is not JobStatus.REJECTED:
        results = [result for chunk in range(3) for result in results_of_chunk(job.job_id, chunk)]
        assert [result.row for result in results] == list(range(1, rows + 1))
        counts = ProductCounts()
        for result in results:
            counts = counts.plus(result.status)
        assert ended.counts == counts
    else:
        assert troubles >= MAX_REDRIVES
