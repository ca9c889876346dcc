"""Cancel and retry among crashes, duplicates, late messages and interleavings: each run ends once, and exactly."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imagemill.domain.codes import JobStatus
from tests.support.job_world import DOWN, GONE, GOOD, Sent, World, world_maker

#: More points than a handler has in these tests, before and after its AWS calls: one in two is a crash.
LAST_POINT = 40

EXAMPLES = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    # Not shrunk: an example makes hundreds of AWS calls, and a red test would take minutes to say so.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

crashes = st.one_of(st.just(0), st.integers(1, LAST_POINT), st.integers(1, 12))
answers = st.sampled_from([GOOD, GONE, DOWN])


@pytest.fixture
def worlds(aws, caller, monkeypatch):
    return world_maker(aws, caller, monkeypatch)


class Life(RuleBasedStateMachine):
    """All that can happen to a job, each of it at any time."""

    def __init__(self, worlds: Callable[..., World]) -> None:
        super().__init__()
        self.worlds = worlds

    @initialize(images=st.lists(st.integers(0, 2), min_size=1, max_size=8), data=st.data(), steps=st.integers(0, 8))
    def begin(self, images, data, steps):
        self.world = self.worlds(images)
        for place in self.world.origin:
            self.world.origin[place] = data.draw(answers)
        for _ in range(steps):
            self.world.proceed()

    @precondition(lambda self: self.world.ingest_queue)
    @rule(data=st.data(), crash=crashes, milliseconds=st.sampled_from([300_000, 1]))
    def ingest(self, data, crash, milliseconds):
        self.world.ingest(data.draw(st.sampled_from(self.world.ingest_queue)), crash, milliseconds)

    @precondition(lambda self: self.world.products_queue)
    @rule(data=st.data(), crash=crashes)
    def process(self, data, crash):
        waiting = range(len(self.world.products_queue))
        batch = data.draw(st.lists(st.sampled_from(waiting), min_size=1, max_size=6, unique=True))
        self.world.process([self.world.products_queue[index] for index in batch], crash)

    @precondition(lambda self: self.world.executions())
    @rule(data=st.data(), crash=crashes)
    def report(self, data, crash):
        """Also one that has reported: Step Functions may call it again."""
        self.world.report(data.draw(st.sampled_from(sorted(self.world.executions()))), crash)

    @rule(data=st.data())
    def a_message_comes_again(self, data):
        body = data.draw(st.sampled_from(self.world.history))
        queue = self.world.products_queue if '"urls"' in body else self.world.ingest_queue
        queue.append(Sent(body))

    @rule(steps=st.integers(1, 4))
    def all_goes_well_for_a_while(self, steps):
        for _ in range(steps):
            self.world.proceed()
            self.world.check()

    @precondition(lambda self: self.world.job.run > 1)
    @rule(data=st.data(), crash=crashes)
    def messages_of_an_ended_run_come_late(self, data, crash):
        """Also the upload itself, and what makes ingest go on."""
        ended = [body for body in self.world.history if f'"run":{self.world.job.run}' not in body.replace(" ", "")]
        late = [Sent(data.draw(st.sampled_from(ended))) for _ in range(3)]
        products = [sent for sent in late if '"urls"' in sent.body]
        self.world.products_queue += products
        self.world.process(products, crash)
        for sent in late:
            if sent not in products:
                self.world.ingest_queue.append(sent)
                self.world.ingest(sent, crash, 1)

    @precondition(lambda self: self.world.job.status.has_ended or self.world.products_queue)
    @rule(crash=crashes)
    def cancel(self, crash):
        before = self.world.job
        status = self.world.act("cancel", crash)
        assert status in ({409, 500} if before.status.has_ended else {202, 500})
        if status == 202:
            self.world.answered_cancelled.add(before.run)

    @precondition(lambda self: self.world.job.run > 1 or self.world.job.status.has_ended)
    @rule(crash=crashes)
    def retry(self, crash):
        before = self.world.job
        status = self.world.act("retry", crash)
        after = self.world.job
        assert after.run == before.run or (before.status.has_ended and after.run == before.run + 1)
        if status == 202:
            assert after.run > 1
            assert after.status is JobStatus.QUEUED

    @rule(data=st.data(), answer=answers)
    def the_origin_changes(self, data, answer):
        if self.world.origin:
            self.world.origin[data.draw(st.sampled_from(sorted(self.world.origin)))] = answer

    @invariant()
    def all_is_accounted(self):
        self.world.check()

    def teardown(self):
        if hasattr(self, "world"):
            self.world.settle()
            self._mend_everything()

    def _mend_everything(self) -> None:
        """At last the origin answers everything, and a retry leaves the rows' own faults alone."""
        for place in self.world.origin:
            self.world.origin[place] = GOOD
        retryable = any(result.is_retryable for result in self.world.results().values())
        assert self.world.act("retry") == (202 if retryable else 409)
        self.world.settle()
        counts = self.world.job.counts
        assert counts
        assert counts.completed == sum(count > 0 for count in self.world.images.values())


def test_every_run_ends_once_and_exactly_whatever_happens(worlds):
    factory: Any = partial(Life, worlds)
    run_state_machine_as_test(factory, settings=EXAMPLES)
