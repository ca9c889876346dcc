"""Design B3: a run ends once, with exact counts, in whatever order, however often and by whomever it is reported."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.runs import open_run
from imagemill.domain.catalogue import inspection
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import ImageResult, ProductResult, chunk_of
from imagemill.steps.ledger import Finished, finish
from tests.support.account import ENVIRONMENT, Account
from tests.support.interleaving import Interleaving
from tests.support.results import finished, put_result

#: Rows of a chunk in these tests: small, so that a few products make several chunks.
CHUNK_ROWS = 3
TERMINAL = [ProductStatus.COMPLETED, ProductStatus.PARTIAL, ProductStatus.FAILED, ProductStatus.CANCELLED]
#: More points than a batch of these tests has, before and after its AWS calls: one of them in two is a crash.
LAST_POINT = 40

# The account is the same for all examples of a test; each has a job of its own.
EXAMPLES = settings(
    max_examples=15,
    stateful_step_count=10,
    deadline=None,
    # Not shrunk: an example makes dozens of AWS calls, and a red test would take minutes to say so.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

statuses = st.sampled_from(TERMINAL)


@pytest.fixture(autouse=True)
def small_chunks(aws, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK_ROWS", CHUNK_ROWS)


class Run:
    """A run of `rows` products, as its workers and its observers see it."""

    def __init__(self, rows: int) -> None:
        self.job_id = new_id()
        self.rows = range(1, rows + 1)
        self.chunks = chunk_of(rows, CHUNK_ROWS) + 1
        open_run(self.job_id, 1, self.chunks)

    def work(self, batch: Sequence[tuple[int, ProductStatus]]) -> None:
        """What a worker does with a batch of messages, given as row and the status it comes to."""
        standing = [(row, put_result(self.job_id, 1, ProductResult(row, status, 1))) for row, status in batch]
        finish(self.finished(row, result.status) for row, result in standing)

    def finished(self, row: int, status: ProductStatus) -> Finished:
        in_chunk = sum(chunk_of(other, CHUNK_ROWS) == chunk_of(row, CHUNK_ROWS) for other in self.rows)
        return finished(self.job_id, 1, row, status, in_chunk)

    def results(self) -> dict[int, ProductStatus]:
        found = (result for chunk in range(self.chunks) for result in results_of_chunk(self.job_id, chunk))
        return {result.row: result.status for result in found if result.status.has_ended}

    def reports(self, aws: Account) -> list[str]:
        return [name for name in aws.reports() if name.startswith(self.job_id)]

    def assert_ended_once_and_exact(self, aws: Account) -> None:
        results = self.results()
        assert self.reports(aws) == [f"{self.job_id}-1"]
        assert sorted(results) == list(self.rows)
        assert live_counts(self.job_id, 1) == counts_of(results)


def counts_of(results: Mapping[int, ProductStatus]) -> ProductCounts:
    by_status = Counter(status.value.lower() for status in results.values())
    return ProductCounts(**by_status)


def test_a_run_ends_once_whatever_is_repeated_reordered_or_crashes(aws):
    class Deliveries(RuleBasedStateMachine):
        @initialize(rows=st.integers(1, 8))
        def open(self, rows: int) -> None:
            self.run = Run(rows)
            self.undeleted = set(self.run.rows)

        @rule(data=st.data(), crash=st.one_of(st.none(), st.integers(1, LAST_POINT)))
        def deliver(self, data, crash):
            """A batch mixes chunks, and may repeat a product, also one whose message was deleted."""
            batch = data.draw(st.lists(st.tuples(st.sampled_from(self.run.rows), statuses), min_size=1, max_size=5))
            with aws.crash_at(crash or 0) as points:
                self.run.work(batch)
            if len(points) != crash:
                self.undeleted -= {row for row, _ in batch}

        @rule(data=st.data())
        def give_back(self, data):
            """A receive that leaves images for another one."""
            row = data.draw(st.sampled_from(self.run.rows))
            put_result(self.run.job_id, 1, ProductResult(row, ProductStatus.PROCESSING, 1))

        @invariant()
        def never_ended_before_all_are_done_nor_counted_twice(self):
            results = self.run.results()
            asked = self.run.reports(aws)
            counts = live_counts(self.run.job_id, 1)
            assert counts.ended <= len(results)
            if asked:
                assert asked == [f"{self.run.job_id}-1"]
                assert sorted(results) == list(self.run.rows)
                assert counts == counts_of(results)

        def teardown(self):
            self.run.work([(row, ProductStatus.FAILED) for row in sorted(self.undeleted)])
            self.run.assert_ended_once_and_exact(aws)

    run_state_machine_as_test(Deliveries, settings=EXAMPLES)


@EXAMPLES
@given(
    rows=st.integers(1, 5),
    theirs=st.lists(statuses, min_size=5, max_size=5),
    ours=st.lists(statuses, min_size=5, max_size=5),
    turns=st.lists(st.integers(0, 1), max_size=24),
)
def test_two_workers_on_the_same_products_end_the_run_once_in_any_interleaving(aws, rows, theirs, ours, turns):
    run = Run(rows)
    one = list(zip(run.rows, ours, strict=False))
    other = list(zip(reversed(run.rows), theirs, strict=False))
    interleaving = Interleaving([lambda: run.work(one), lambda: run.work(other)])

    with aws.watched(interleaving):
        interleaving.play(turns)

    run.assert_ended_once_and_exact(aws)


@EXAMPLES
@given(rows=st.permutations(range(1, 8)), cut=st.integers(0, 7), turns=st.lists(st.integers(0, 1), max_size=24))
def test_two_workers_with_the_halves_of_a_run_end_it_once_in_any_interleaving(aws, rows, cut, turns):
    run = Run(7)
    halves = [[(row, ProductStatus.COMPLETED) for row in half] for half in (rows[:cut], rows[cut:])]
    interleaving = Interleaving([lambda: run.work(halves[0]), lambda: run.work(halves[1])])

    with aws.watched(interleaving):
        interleaving.play(turns)

    run.assert_ended_once_and_exact(aws)


@pytest.mark.parametrize("point", range(1, 19))
def test_a_crash_at_any_point_is_mended_by_the_redelivery(aws, point):
    run = Run(4)
    batch = [(row, ProductStatus.COMPLETED) for row in run.rows]

    with aws.crash_at(point) as points:
        run.work(batch)
    assert len(points) == point, "the batch has no such point"
    run.work(batch)

    run.assert_ended_once_and_exact(aws)


def test_eighteen_points_are_all_that_a_batch_over_two_chunks_has(aws):
    run = Run(4)

    with aws.calls() as calls:
        run.work([(row, ProductStatus.COMPLETED) for row in run.rows])

    updates = ["UpdateItem", "UpdateItem"] * 2
    assert calls == [*["PutItem"] * 4, *updates, "SendMessage"]
    assert 2 * len(calls) == 18


def test_a_batch_makes_one_ledger_update_per_chunk_whatever_its_products(aws):
    run = Run(9)

    with aws.calls() as calls:
        finish(run.finished(row, ProductStatus.COMPLETED) for row in (1, 2, 4, 5))

    assert calls == ["UpdateItem", "UpdateItem"]


def test_a_run_with_an_unfinished_product_is_not_ended(aws):
    run = Run(7)

    run.work([(row, ProductStatus.COMPLETED) for row in (7, 6, 4, 3, 2, 1)])

    assert run.reports(aws) == []
    assert live_counts(run.job_id, 1) == ProductCounts(completed=6)


def test_of_two_terminal_statuses_the_first_told_stands_and_both_workers_learn_it(aws):
    run = Run(2)
    done = ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5, kept=False)
    first = ProductResult(1, ProductStatus.COMPLETED, 1, (done,))

    crashed = ProductResult(1, ProductStatus.FAILED, 3, (ImageResult.failed(1, ImageCode.PROCESSING_CRASHED),))

    assert put_result(run.job_id, 1, first) == first
    assert put_result(run.job_id, 1, crashed) == first


def test_the_status_that_stands_is_the_one_that_is_counted(aws):
    run = Run(1)
    put_result(run.job_id, 1, ProductResult(1, ProductStatus.COMPLETED, 1))

    run.work([(1, ProductStatus.FAILED)])

    assert live_counts(run.job_id, 1) == ProductCounts(completed=1)


def test_runs_are_accounted_apart(aws):
    run = Run(1)
    run.work([(1, ProductStatus.FAILED)])
    open_run(run.job_id, 2, 1)

    assert live_counts(run.job_id, 2) == ProductCounts()
    put_result(run.job_id, 2, ProductResult(1, ProductStatus.COMPLETED, 1))
    finish([finished(run.job_id, 2, 1, ProductStatus.COMPLETED, 1)])

    assert live_counts(run.job_id, 1) == ProductCounts(failed=1)
    assert live_counts(run.job_id, 2) == ProductCounts(completed=1)
    assert run.reports(aws) == [f"{run.job_id}-1", f"{run.job_id}-2"]


def test_opening_a_run_again_keeps_what_was_entered(aws):
    run = Run(4)
    run.work([(row, ProductStatus.COMPLETED) for row in (1, 2, 3)])

    open_run(run.job_id, 1, 2)
    run.work([(4, ProductStatus.PARTIAL)])

    run.assert_ended_once_and_exact(aws)


def test_a_product_before_its_run_was_opened_is_a_fault_that_leaves_its_message(aws):
    with pytest.raises(KeyError):
        finish([finished(new_id(), 1, 1, ProductStatus.COMPLETED, 1)])

    assert aws.reports() == []


def test_a_run_that_is_not_open_has_no_counts(aws):
    assert live_counts(new_id(), 1) == ProductCounts()


def test_live_counts_see_every_open_chunk(aws):
    run = Run(3 * 120)
    run.work([(row, ProductStatus.COMPLETED) for row in range(1, 3 * 90, 3)])

    assert live_counts(run.job_id, 1) == ProductCounts(completed=90)


def test_a_report_that_cannot_be_asked_for_is_a_fault_that_leaves_the_message(aws, monkeypatch):
    run = Run(1)
    monkeypatch.setenv("REPORT_QUEUE", f"{ENVIRONMENT['REPORT_QUEUE']}-gone")

    with pytest.raises(ClientError):
        run.work([(1, ProductStatus.COMPLETED)])
