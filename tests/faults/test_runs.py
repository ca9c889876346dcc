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
from tests.support.job_simulation import DOWN, GONE, GOOD, JobSimulation, Sent, job_simulator

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
def simulate(aws, caller, monkeypatch):
    return job_simulator(aws, caller, monkeypatch)


class Life(RuleBasedStateMachine):
    """All that can happen to a job, each of it at any time."""

    def __init__(self, simulate: Callable[..., JobSimulation]) -> None:
        super().__init__()
        self.simulate = simulate

    @initialize(images=st.lists(st.integers(0, 2), min_size=1, max_size=8), data=st.data(), steps=st.integers(0, 8))
    def begin(self, images, data, steps):
        self.simulation = self.simulate(images)
        for place in self.simulation.origin:
            self.simulation.origin[place] = data.draw(answers)
        for _ in range(steps):
            self.simulation.proceed()

    @precondition(lambda self: self.simulation.ingest_queue)
    @rule(data=st.data(), crash=crashes, milliseconds=st.sampled_from([300_000, 1]))
    def ingest(self, data, crash, milliseconds):
        self.simulation.ingest(data.draw(st.sampled_from(self.simulation.ingest_queue)), crash, milliseconds)

    @precondition(lambda self: self.simulation.products_queue)
    @rule(data=st.data(), crash=crashes)
    def process(self, data, crash):
        waiting = range(len(self.simulation.products_queue))
        batch = data.draw(st.lists(st.sampled_from(waiting), min_size=1, max_size=6, unique=True))
        self.simulation.process([self.simulation.products_queue[index] for index in batch], crash)

    @precondition(lambda self: self.simulation.to_report())
    @rule(data=st.data(), crash=crashes)
    def report(self, data, crash):
        """Also one that has reported: SQS may deliver its message again."""
        self.simulation.report(data.draw(st.sampled_from(sorted(self.simulation.to_report()))), crash)

    @rule(data=st.data())
    def a_message_comes_again(self, data):
        body = data.draw(st.sampled_from(self.simulation.history))
        queue = self.simulation.products_queue if '"urls"' in body else self.simulation.ingest_queue
        queue.append(Sent(body))

    @rule()
    def another_catalogue_comes_by_the_form(self):
        self.simulation.post_again()

    @rule(steps=st.integers(1, 4))
    def all_goes_well_for_a_while(self, steps):
        for _ in range(steps):
            self.simulation.proceed()
            self.simulation.check()

    @precondition(lambda self: self.simulation.job.run > 1)
    @rule(data=st.data(), crash=crashes)
    def messages_of_an_ended_run_come_late(self, data, crash):
        """Also the upload itself, and what makes ingest go on."""
        ended = [
            body for body in self.simulation.history if f'"run":{self.simulation.job.run}' not in body.replace(" ", "")
        ]
        late = [Sent(data.draw(st.sampled_from(ended))) for _ in range(3)]
        products = [sent for sent in late if '"urls"' in sent.body]
        self.simulation.products_queue += products
        self.simulation.process(products, crash)
        for sent in late:
            if sent not in products:
                self.simulation.ingest_queue.append(sent)
                self.simulation.ingest(sent, crash, 1)

    @precondition(lambda self: self.simulation.job.status.has_ended or self.simulation.products_queue)
    @rule(crash=crashes)
    def cancel(self, crash):
        before = self.simulation.job
        status = self.simulation.act("cancel", crash)
        assert status in ({409, 500} if before.status.has_ended else {202, 500})
        if status == 202:
            self.simulation.answered_cancelled.add(before.run)

    @precondition(lambda self: self.simulation.job.run > 1 or self.simulation.job.status.has_ended)
    @rule(crash=crashes)
    def retry(self, crash):
        before = self.simulation.job
        status = self.simulation.act("retry", crash)
        after = self.simulation.job
        assert after.run == before.run or (before.status.has_ended and after.run == before.run + 1)
        if status == 202:
            assert after.run > 1
            assert after.status is JobStatus.QUEUED

    @rule(data=st.data(), answer=answers)
    def the_origin_changes(self, data, answer):
        if self.simulation.origin:
            self.simulation.origin[data.draw(st.sampled_from(sorted(self.simulation.origin)))] = answer

    @invariant()
    def all_is_accounted(self):
        self.simulation.check()

    def teardown(self):
        if hasattr(self, "simulation"):
            self.simulation.settle()
            self._mend_everything()

    def _mend_everything(self) -> None:
        """At last the origin answers everything, and a retry leaves the rows' own faults alone."""
        for place in self.simulation.origin:
            self.simulation.origin[place] = GOOD
        retryable = any(result.is_retryable for result in self.simulation.results().values())
        assert self.simulation.act("retry") == (202 if retryable else 409)
        self.simulation.settle()
        counts = self.simulation.job.counts
        assert counts
        assert counts.completed == sum(count > 0 for count in self.simulation.images.values())


def test_every_run_ends_once_and_exactly_whatever_happens(simulate):
    factory: Any = partial(Life, simulate)
    run_state_machine_as_test(factory, settings=EXAMPLES)
