"""A cancelled run: what has not begun ends CANCELLED, what is done stays."""

from typing import Any

import pytest

from imagemill.adapters.store.cancellations import put_cancellation
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.codes import ImageCode, JobStatus, ProductStatus
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.product import ProductResult
from tests.support.account import CATALOGUE_BUCKET
from tests.support.job_world import DOWN, GONE, world_maker
from tests.support.results import put_result


@pytest.fixture
def worlds(aws, caller, monkeypatch):
    return world_maker(aws, caller, monkeypatch)


def test_a_queued_job_ends_without_anything_being_fetched(worlds):
    world = worlds([1, 2, 0, 1])
    world.act("cancel")
    made: list[object] = []
    world.make_image = lambda *task: made.append(task)

    world.settle()

    assert (world.job.status, world.job.counts) == (JobStatus.CANCELLED, ProductCounts(failed=1, cancelled=3))
    assert world.job.totals == Totals(images=4)
    assert made == []
    products = world.caller.get(f"/jobs/{world.job_id}/products")["products"]
    assert [product["status"] for product in products] == ["CANCELLED", "CANCELLED", "FAILED", "CANCELLED"]
    assert [image["error"] for image in products[1]["images"]] == ["CANCELLED", "CANCELLED"]
    output = world.aws.objects(CATALOGUE_BUCKET, "outputs/")[world.job.output_key or ""].decode()
    assert '2,P,"https://o/2/1,https://o/2/2",",",CANCELLED,1:CANCELLED 2:CANCELLED\r\n' in output


def test_what_is_done_is_kept_and_what_has_not_begun_is_cancelled(worlds):
    world = worlds([1, 1, 1, 1, 1]).started()
    world.process(world.products_queue[:2])

    world.act("cancel")
    world.settle()

    assert world.job.status is JobStatus.CANCELLED
    assert world.job.counts == ProductCounts(completed=2, cancelled=3)
    assert world.caller.get(f"/jobs/{world.job_id}")["products"]["cancelled"] == 3


def test_images_that_an_earlier_receive_settled_stay(worlds):
    world = worlds([2, 2, 1]).started()
    world.origin |= {(1, 2): DOWN, (2, 1): GONE, (2, 2): DOWN, (3, 1): DOWN}
    world.process(world.products_queue[:3])

    world.act("cancel")
    world.settle()

    results = world.results()
    assert [result.status.value for result in results.values()] == ["PARTIAL", "FAILED", "CANCELLED"]
    assert [image.error for image in results[1].images] == [None, ImageCode.CANCELLED]
    assert [image.error for image in results[2].images] == [ImageCode.HTTP_STATUS, ImageCode.CANCELLED]
    assert world.job.status is JobStatus.CANCELLED


def test_a_product_whose_images_are_in_work_is_finished(worlds, monkeypatch):
    world = worlds([1, 1]).started()
    make = world.make_image

    def cancelled_meanwhile(*task: Any) -> Any:
        world.act("cancel")
        return make(*task)

    monkeypatch.setattr("process.pipeline.make_image", cancelled_meanwhile)
    world.process(world.products_queue[:1])
    world.settle()

    assert world.job.counts == ProductCounts(completed=1, cancelled=1)


def test_a_cancellation_of_one_run_is_none_of_the_next(worlds):
    world = worlds([1])
    world.act("cancel")
    world.settle()

    world.act("retry")
    world.settle()

    assert (world.job.status, world.job.run) == (JobStatus.COMPLETED, 2)
    assert world.job.cancelled_at is None


def test_a_cancelled_product_is_written_and_entered_and_no_more(worlds):
    """A batch of a cancelled run: one read, a write a product, one ledger update, and a look for more products."""
    world = worlds([1, 1, 1, 1]).started()
    world.act("cancel")

    with world.aws.calls() as calls:
        world.process(world.products_queue[:2])

    assert calls == ["BatchGetItem", "PutItem", "PutItem", "ReceiveMessage", "UpdateItem"]


def test_a_result_that_cannot_be_written_gives_its_product_back(worlds):
    world = worlds([1, 1]).started()
    world.act("cancel")

    world.process(world.products_queue[:2], crash=3)

    assert len(world.products_queue) == 2
    world.settle()
    assert world.job.counts == ProductCounts(cancelled=2)


def test_live_counts_show_cancelled_products(worlds):
    world = worlds([1, 1]).started()
    world.act("cancel")
    world.process(world.products_queue[:1])

    assert live_counts(world.job_id, 1) == ProductCounts(cancelled=1)


def test_a_cancelled_run_takes_a_crashed_product_as_crashed(worlds):
    """What has crashed three times is told as it is, also when the run was cancelled meanwhile."""
    world = worlds([1]).started()
    put_result(world.job_id, 1, ProductResult(1, ProductStatus.PROCESSING, 1))
    world.products_queue[0].receive_count = 3
    put_cancellation(world.job_id, 1)

    world.process(world.products_queue[:1])

    [result] = results_of_chunk(world.job_id, 0)
    assert result.images[0].error is ImageCode.PROCESSING_CRASHED
