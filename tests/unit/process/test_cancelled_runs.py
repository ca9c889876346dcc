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
from tests.support.job_simulation import DOWN, GONE, job_simulator
from tests.support.results import put_result


@pytest.fixture
def simulate(aws, caller, monkeypatch):
    return job_simulator(aws, caller, monkeypatch)


def test_a_queued_job_ends_without_anything_being_fetched(simulate):
    simulation = simulate([1, 2, 0, 1])
    simulation.act("cancel")
    made: list[object] = []
    simulation.make_image = lambda *task: made.append(task)

    simulation.settle()

    assert (simulation.job.status, simulation.job.counts) == (JobStatus.CANCELLED, ProductCounts(failed=1, cancelled=3))
    assert simulation.job.totals == Totals(images=4)
    assert made == []
    products = simulation.caller.get(f"/jobs/{simulation.job_id}/products")["products"]
    assert [product["status"] for product in products] == ["CANCELLED", "CANCELLED", "FAILED", "CANCELLED"]
    assert [image["error"] for image in products[1]["images"]] == ["CANCELLED", "CANCELLED"]
    output = simulation.aws.objects(CATALOGUE_BUCKET, "outputs/")[simulation.job.output_key or ""].decode()
    assert '2,P,"https://o/2/1,https://o/2/2",",",CANCELLED,1:CANCELLED 2:CANCELLED\r\n' in output


def test_what_is_done_is_kept_and_what_has_not_begun_is_cancelled(simulate):
    simulation = simulate([1, 1, 1, 1, 1]).started()
    simulation.process(simulation.products_queue[:2])

    simulation.act("cancel")
    simulation.settle()

    assert simulation.job.status is JobStatus.CANCELLED
    assert simulation.job.counts == ProductCounts(completed=2, cancelled=3)
    assert simulation.caller.get(f"/jobs/{simulation.job_id}")["products"]["cancelled"] == 3


def test_images_that_an_earlier_receive_settled_stay(simulate):
    simulation = simulate([2, 2, 1]).started()
    simulation.origin |= {(1, 2): DOWN, (2, 1): GONE, (2, 2): DOWN, (3, 1): DOWN}
    simulation.process(simulation.products_queue[:3])

    simulation.act("cancel")
    simulation.settle()

    results = simulation.results()
    assert [result.status.value for result in results.values()] == ["PARTIAL", "FAILED", "CANCELLED"]
    assert [image.error for image in results[1].images] == [None, ImageCode.CANCELLED]
    assert [image.error for image in results[2].images] == [ImageCode.HTTP_STATUS, ImageCode.CANCELLED]
    assert simulation.job.status is JobStatus.CANCELLED


def test_a_product_whose_images_are_in_work_is_finished(simulate, monkeypatch):
    simulation = simulate([1, 1]).started()
    make = simulation.make_image

    def cancelled_meanwhile(*task: Any) -> Any:
        simulation.act("cancel")
        return make(*task)

    monkeypatch.setattr("process.pipeline.make_image", cancelled_meanwhile)
    simulation.process(simulation.products_queue[:1])
    simulation.settle()

    assert simulation.job.counts == ProductCounts(completed=1, cancelled=1)


def test_a_cancellation_of_one_run_is_none_of_the_next(simulate):
    simulation = simulate([1])
    simulation.act("cancel")
    simulation.settle()

    simulation.act("retry")
    simulation.settle()

    assert (simulation.job.status, simulation.job.run) == (JobStatus.COMPLETED, 2)
    assert simulation.job.cancelled_at is None


def test_a_cancelled_product_is_written_and_entered_and_no_more(simulate):
    """A batch of a cancelled run: one read, a write a product, one ledger update, and a look for more products."""
    simulation = simulate([1, 1, 1, 1]).started()
    simulation.act("cancel")

    with simulation.aws.calls() as calls:
        simulation.process(simulation.products_queue[:2])

    assert calls == ["BatchGetItem", "PutItem", "PutItem", "ReceiveMessage", "UpdateItem"]


def test_a_result_that_cannot_be_written_gives_its_product_back(simulate):
    simulation = simulate([1, 1]).started()
    simulation.act("cancel")

    simulation.process(simulation.products_queue[:2], crash=3)

    assert len(simulation.products_queue) == 2
    simulation.settle()
    assert simulation.job.counts == ProductCounts(cancelled=2)


def test_live_counts_show_cancelled_products(simulate):
    simulation = simulate([1, 1]).started()
    simulation.act("cancel")
    simulation.process(simulation.products_queue[:1])

    assert live_counts(simulation.job_id, 1) == ProductCounts(cancelled=1)


def test_a_cancelled_run_takes_a_crashed_product_as_crashed(simulate):
    """What has crashed three times is told as it is, also when the run was cancelled meanwhile."""
    simulation = simulate([1]).started()
    put_result(simulation.job_id, 1, ProductResult(1, ProductStatus.PROCESSING, 1))
    simulation.products_queue[0].receive_count = 3
    put_cancellation(simulation.job_id, 1)

    simulation.process(simulation.products_queue[:1])

    [result] = results_of_chunk(simulation.job_id, 0)
    assert result.images[0].error is ImageCode.PROCESSING_CRASHED
