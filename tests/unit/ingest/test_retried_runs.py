"""Retries from call to end: what takes part, what stands, and what messages of ended runs do."""

import json
from typing import Any

import pytest

from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.watch import due_jobs
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import ImageResult, ProductResult
from tests.support.job_simulation import DOWN, GONE, GOOD, JobSimulation, Sent, job_simulator
from tests.support.results import put_result


def done(position: int) -> ImageResult:
    key = f"images/00/{position}.jpg"
    return ImageResult(position, ImageStatus.COMPLETED, key=key, input_bytes=9, output_bytes=5, kept=False)


def gone(position: int) -> ImageResult:
    return ImageResult.failed(position, ImageCode.HTTP_STATUS, 404)


@pytest.fixture
def simulate(aws, caller, monkeypatch):
    return job_simulator(aws, caller, monkeypatch)


def failed_simulation(simulate: Any, images: list[int]) -> JobSimulation:
    simulation: JobSimulation = simulate(images, GONE)
    simulation.settle()
    simulation.origin = dict.fromkeys(simulation.origin, GOOD)
    return simulation


def test_a_retry_goes_on_in_a_new_message_when_time_runs_out(simulate):
    simulation = failed_simulation(simulate, [1] * 8)
    simulation.act("retry")

    simulation.ingest(simulation.ingest_queue[0], milliseconds=1)

    assert [json.loads(sent.body) for sent in simulation.ingest_queue] == [
        {"retry": {"job_id": simulation.job_id, "run": 2, "chunk": 1}}
    ]
    simulation.settle()
    assert (simulation.job.status, simulation.job.run) == (JobStatus.COMPLETED, 2)


def test_only_the_chunks_that_have_failures_take_part(simulate):
    simulation = simulate([1] * 12)
    simulation.origin |= {(2, 1): GONE, (11, 1): GONE}
    simulation.settle()
    simulation.origin = dict.fromkeys(simulation.origin, GOOD)
    simulation.act("retry")

    with simulation.aws.calls() as calls:
        simulation.started()

    assert calls.count("Query") == calls.count("GetObject") == 2
    assert [json.loads(sent.body)["row"] for sent in simulation.products_queue] == [2, 11]
    assert live_counts(simulation.job_id, 2) == ProductCounts(completed=10)
    simulation.process(simulation.products_queue[:1])
    assert live_counts(simulation.job_id, 2) == ProductCounts(completed=11)
    simulation.settle()
    assert simulation.job.counts == ProductCounts(completed=12)


def test_a_job_can_be_retried_as_often_as_something_fails(simulate):
    simulation = simulate([1, 1, 1, 1], GONE)
    simulation.settle()
    for run in (2, 3, 4):
        simulation.origin[run, 1] = GOOD
        assert simulation.act("retry") == 202
        simulation.settle()
        assert (simulation.job.run, simulation.job.counts) == (run, ProductCounts(completed=run - 1, failed=5 - run))
    assert simulation.to_report() == {1, 2, 3, 4}


def test_attempts_and_crashes_are_those_of_the_new_run(simulate):
    simulation = failed_simulation(simulate, [1])
    simulation.origin = {(1, 1): DOWN}
    simulation.act("retry")
    simulation.started()

    for attempt in (1, 2):
        simulation.process(list(simulation.products_queue))
        result = simulation.results()[1]
        assert (result.run, result.status, result.attempts) == (2, ProductStatus.PROCESSING, attempt)
    simulation.process(list(simulation.products_queue))

    assert (simulation.results()[1].status, simulation.results()[1].attempts) == (ProductStatus.FAILED, 3)


def test_a_cancelled_retry_keeps_the_errors_of_the_run_before(simulate):
    simulation = failed_simulation(simulate, [1, 2])
    simulation.origin = {(1, 1): GOOD, (2, 1): GOOD, (2, 2): DOWN}
    simulation.act("retry")
    simulation.started()
    simulation.process([sent for sent in simulation.products_queue if '"row":2' in sent.body])

    simulation.act("cancel")
    simulation.settle()

    results = simulation.results()
    assert simulation.job.status is JobStatus.CANCELLED
    assert results[1].images == (gone(1),)
    assert [image.status for image in results[2].images] == [ImageStatus.COMPLETED, ImageStatus.FAILED]
    assert results[2].images[1] == gone(2)


def test_a_retry_cancelled_before_it_began_is_not_begun_again(simulate):
    simulation = failed_simulation(simulate, [1])
    simulation.act("retry")
    simulation.act("cancel")

    assert simulation.act("retry") == 409
    simulation.settle()

    assert (simulation.job.status, simulation.job.run) == (JobStatus.CANCELLED, 2)
    assert simulation.results()[1].images == (gone(1),)


def test_a_crashing_product_of_a_retry_is_buried_with_what_was_done_before(simulate):
    simulation = simulate([2])
    simulation.origin[1, 2] = GONE
    simulation.settle()
    simulation.act("retry")
    simulation.started()
    simulation.products_queue[0].receive_count = 3

    simulation.process(list(simulation.products_queue))

    result = simulation.results()[1]
    assert (result.run, result.status) == (2, ProductStatus.PARTIAL)
    assert [image.error for image in result.images] == [None, ImageCode.PROCESSING_CRASHED]
    simulation.settle()


@pytest.mark.parametrize("receive_count", [0, 3], ids=["process", "bury"])
@pytest.mark.parametrize("status", [ProductStatus.PROCESSING, ProductStatus.COMPLETED])
def test_a_message_of_the_ended_run_is_acknowledged_and_changes_nothing(simulate, receive_count, status):
    simulation = failed_simulation(simulate, [1, 1])
    late = [Sent(body, receive_count) for body in simulation.history if '"urls"' in body]
    simulation.act("retry")
    simulation.started()
    image = gone(1) if status is ProductStatus.PROCESSING else done(1)
    put_result(simulation.job_id, 2, ProductResult(1, status, 1, (image,)))
    items = simulation.aws.items()
    simulation.products_queue += late

    simulation.process(late)

    assert simulation.aws.items() == items
    assert not set(map(id, late)) & set(map(id, simulation.products_queue))


def test_the_upload_and_its_continuations_start_nothing_once_a_retry_has_begun(simulate):
    simulation = failed_simulation(simulate, [1] * 4)
    simulation.act("retry")
    again = [Sent(simulation.history[0]), Sent(json.dumps({"continue": {"job_id": simulation.job_id, "chunk": 1}}))]
    items = simulation.aws.items()

    for sent in again:
        simulation.ingest_queue.append(sent)
        simulation.ingest(sent)

    assert simulation.products_queue == []
    assert simulation.aws.items() == items


def test_a_retry_message_of_an_earlier_run_starts_nothing(simulate):
    simulation = failed_simulation(simulate, [1])
    simulation.origin = {(1, 1): GONE}
    simulation.act("retry")
    simulation.settle()
    simulation.act("retry")
    [old] = [body for body in simulation.history if '"run": 2' in body and '"retry"' in body]
    simulation.ingest_queue.append(late := Sent(old))

    simulation.ingest(late)

    assert simulation.products_queue == []
    assert (simulation.job.status, simulation.job.run) == (JobStatus.QUEUED, 3)


def test_a_retry_message_after_its_run_has_ended_starts_nothing(simulate):
    simulation = failed_simulation(simulate, [1])
    simulation.act("retry")
    simulation.settle()
    [old] = [body for body in simulation.history if '"retry"' in body]
    simulation.ingest_queue.append(late := Sent(old))

    simulation.ingest(late)

    assert simulation.products_queue == []


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.PROCESSING])
def test_the_sweep_finds_what_a_retry_has_lost(simulate, status):
    """Its messages are gone, before ingest or after: a re-drive asks for the products of the retry alone."""
    simulation = simulate([1] * 5)
    simulation.origin |= {(2, 1): GONE, (5, 1): GONE}
    simulation.settle()
    simulation.origin = dict.fromkeys(simulation.origin, GOOD)
    simulation.act("retry")
    if status is JobStatus.PROCESSING:
        simulation.started()
    simulation.ingest_queue.clear()
    simulation.products_queue.clear()
    assert simulation.job.status is status

    request = {"job_id": simulation.job_id, "run": 2, "chunk": 0, "give_up": False}
    simulation.ingest_queue.append(Sent(json.dumps({"redrive": request})))
    simulation.started()

    assert [json.loads(sent.body)["row"] for sent in simulation.products_queue] == [2, 5]
    simulation.settle()
    assert (simulation.job.status, simulation.job.run) == (JobStatus.COMPLETED, 2)


def test_a_retried_job_is_watched_again(simulate):
    simulation = failed_simulation(simulate, [1])
    assert simulation.job_id not in {entry.job_id for entry in due_jobs(10**10)}

    simulation.act("retry")

    assert simulation.job_id in {entry.job_id for entry in due_jobs(10**10)}
