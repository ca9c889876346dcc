"""Retries from call to end: what takes part, what stands, and what messages of ended runs do."""

import json
from typing import Any

import pytest

from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.watch import due_jobs, unwatch
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import ImageResult, ProductResult
from tests.support.job_world import DOWN, GONE, GOOD, Sent, World, world_maker
from tests.support.results import put_result


def done(position: int) -> ImageResult:
    key = f"images/00/{position}.jpg"
    return ImageResult(position, ImageStatus.COMPLETED, key=key, input_bytes=9, output_bytes=5, kept=False)


def gone(position: int) -> ImageResult:
    return ImageResult.failed(position, ImageCode.HTTP_STATUS, 404)


@pytest.fixture
def worlds(aws, caller, monkeypatch):
    return world_maker(aws, caller, monkeypatch)


def failed_world(worlds: Any, images: list[int]) -> World:
    world: World = worlds(images, GONE)
    world.settle()
    world.origin = dict.fromkeys(world.origin, GOOD)
    return world


def test_a_retry_goes_on_in_a_new_message_when_time_runs_out(worlds):
    world = failed_world(worlds, [1] * 8)
    world.act("retry")

    world.ingest(world.ingest_queue[0], milliseconds=1)

    assert [json.loads(sent.body) for sent in world.ingest_queue] == [
        {"retry": {"job_id": world.job_id, "run": 2, "chunk": 1}}
    ]
    world.settle()
    assert (world.job.status, world.job.run) == (JobStatus.COMPLETED, 2)


def test_only_the_chunks_that_have_failures_take_part(worlds):
    world = worlds([1] * 12)
    world.origin |= {(2, 1): GONE, (11, 1): GONE}
    world.settle()
    world.origin = dict.fromkeys(world.origin, GOOD)
    world.act("retry")

    with world.aws.calls() as calls:
        world.started()

    assert calls.count("Query") == calls.count("GetObject") == 2
    assert [json.loads(sent.body)["row"] for sent in world.products_queue] == [2, 11]
    assert live_counts(world.job_id, 2) == ProductCounts(completed=10)
    world.process(world.products_queue[:1])
    assert live_counts(world.job_id, 2) == ProductCounts(completed=11)
    world.settle()
    assert world.job.counts == ProductCounts(completed=12)


def test_a_job_can_be_retried_as_often_as_something_fails(worlds):
    world = worlds([1, 1, 1, 1], GONE)
    world.settle()
    for run in (2, 3, 4):
        world.origin[run, 1] = GOOD
        assert world.act("retry") == 202
        world.settle()
        assert (world.job.run, world.job.counts) == (run, ProductCounts(completed=run - 1, failed=5 - run))
    assert world.executions() == {1, 2, 3, 4}


def test_attempts_and_crashes_are_those_of_the_new_run(worlds):
    world = failed_world(worlds, [1])
    world.origin = {(1, 1): DOWN}
    world.act("retry")
    world.started()

    for attempt in (1, 2):
        world.process(list(world.products_queue))
        result = world.results()[1]
        assert (result.run, result.status, result.attempts) == (2, ProductStatus.PROCESSING, attempt)
    world.process(list(world.products_queue))

    assert (world.results()[1].status, world.results()[1].attempts) == (ProductStatus.FAILED, 3)


def test_a_cancelled_retry_keeps_the_errors_of_the_run_before(worlds):
    world = failed_world(worlds, [1, 2])
    world.origin = {(1, 1): GOOD, (2, 1): GOOD, (2, 2): DOWN}
    world.act("retry")
    world.started()
    world.process([sent for sent in world.products_queue if '"row":2' in sent.body])

    world.act("cancel")
    world.settle()

    results = world.results()
    assert world.job.status is JobStatus.CANCELLED
    assert results[1].images == (gone(1),)
    assert [image.status for image in results[2].images] == [ImageStatus.COMPLETED, ImageStatus.FAILED]
    assert results[2].images[1] == gone(2)


def test_a_retry_cancelled_before_it_began_is_not_begun_again(worlds):
    world = failed_world(worlds, [1])
    world.act("retry")
    world.act("cancel")

    assert world.act("retry") == 409
    world.settle()

    assert (world.job.status, world.job.run) == (JobStatus.CANCELLED, 2)
    assert world.results()[1].images == (gone(1),)


def test_a_crashing_product_of_a_retry_is_buried_with_what_was_done_before(worlds):
    world = worlds([2])
    world.origin[1, 2] = GONE
    world.settle()
    world.act("retry")
    world.started()
    world.products_queue[0].receive_count = 3

    world.process(list(world.products_queue))

    result = world.results()[1]
    assert (result.run, result.status) == (2, ProductStatus.PARTIAL)
    assert [image.error for image in result.images] == [None, ImageCode.PROCESSING_CRASHED]
    world.settle()


@pytest.mark.parametrize("receive_count", [0, 3], ids=["process", "bury"])
@pytest.mark.parametrize("status", [ProductStatus.PROCESSING, ProductStatus.COMPLETED])
def test_a_message_of_the_ended_run_is_acknowledged_and_changes_nothing(worlds, receive_count, status):
    world = failed_world(worlds, [1, 1])
    late = [Sent(body, receive_count) for body in world.history if '"urls"' in body]
    world.act("retry")
    world.started()
    image = gone(1) if status is ProductStatus.PROCESSING else done(1)
    put_result(world.job_id, 2, ProductResult(1, status, 1, (image,)))
    items = world.aws.items()
    world.products_queue += late

    world.process(late)

    assert world.aws.items() == items
    assert not set(map(id, late)) & set(map(id, world.products_queue))


def test_the_upload_and_its_continuations_start_nothing_once_a_retry_has_begun(worlds):
    world = failed_world(worlds, [1] * 4)
    world.act("retry")
    again = [Sent(world.history[0]), Sent(json.dumps({"continue": {"job_id": world.job_id, "chunk": 1}}))]
    items = world.aws.items()

    for sent in again:
        world.ingest_queue.append(sent)
        world.ingest(sent)

    assert world.products_queue == []
    assert world.aws.items() == items


def test_a_retry_message_of_an_earlier_run_starts_nothing(worlds):
    world = failed_world(worlds, [1])
    world.origin = {(1, 1): GONE}
    world.act("retry")
    world.settle()
    world.act("retry")
    [old] = [body for body in world.history if '"run": 2' in body and '"retry"' in body]
    world.ingest_queue.append(late := Sent(old))

    world.ingest(late)

    assert world.products_queue == []
    assert (world.job.status, world.job.run) == (JobStatus.QUEUED, 3)


def test_a_retry_message_after_its_run_has_ended_starts_nothing(worlds):
    world = failed_world(worlds, [1])
    world.act("retry")
    world.settle()
    [old] = [body for body in world.history if '"retry"' in body]
    world.ingest_queue.append(late := Sent(old))

    world.ingest(late)

    assert world.products_queue == []


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.PROCESSING])
def test_the_sweep_finds_what_a_retry_has_lost(worlds, status):
    """Its messages are gone, before ingest or after: a re-drive asks for the products of the retry alone."""
    world = worlds([1] * 5)
    world.origin |= {(2, 1): GONE, (5, 1): GONE}
    world.settle()
    world.origin = dict.fromkeys(world.origin, GOOD)
    world.act("retry")
    if status is JobStatus.PROCESSING:
        world.started()
    world.ingest_queue.clear()
    world.products_queue.clear()
    assert world.job.status is status

    request = {"job_id": world.job_id, "run": 2, "chunk": 0, "give_up": False}
    world.ingest_queue.append(Sent(json.dumps({"redrive": request})))
    world.started()

    assert [json.loads(sent.body)["row"] for sent in world.products_queue] == [2, 5]
    world.settle()
    assert (world.job.status, world.job.run) == (JobStatus.COMPLETED, 2)


def test_a_retried_job_is_watched_again(worlds):
    world = failed_world(worlds, [1])
    [entry] = [entry for entry in due_jobs(10**10) if entry.job_id == world.job_id]
    assert unwatch(entry, JobStatus.FAILED, 1)
    assert world.job_id not in {entry.job_id for entry in due_jobs(10**10)}

    world.act("retry")

    assert world.job_id in {entry.job_id for entry in due_jobs(10**10)}
