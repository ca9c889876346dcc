"""The bury function: products whose processing kept crashing end all the same."""

import pytest

from bury.app import handler
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.runs import open_run
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import MAX_RECEIVE_COUNT, ImageResult, ProductResult, settled
from tests.support.account import JOB_ID, OTHER_JOB_ID
from tests.support.results import get_results, put_result

DONE = ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5, kept=False)


@pytest.fixture(autouse=True)
def open_runs(aws):
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)


def result_of(job_id: str = JOB_ID) -> ProductResult:
    return get_results([(job_id, 1, 1)])[job_id, 1, 1]


def test_a_buried_product_fails_as_crashed_and_its_job_ends(aws, context, event):
    handler(event("bury_products"), context)

    result = result_of()
    assert (result.status, result.attempts) == (ProductStatus.FAILED, MAX_RECEIVE_COUNT)
    assert [(image.position, image.error) for image in result.images] == [
        (1, ImageCode.PROCESSING_CRASHED),
        (2, ImageCode.PROCESSING_CRASHED),
    ]
    assert aws.reports() == [f"{JOB_ID}-1", f"{OTHER_JOB_ID}-1"]
    assert live_counts(OTHER_JOB_ID, 1) == ProductCounts(failed=1)


def test_images_that_an_earlier_receive_finished_are_kept(aws, context, event):
    put_result(JOB_ID, 1, ProductResult(1, ProductStatus.PROCESSING, 1, (DONE,)))

    handler(event("bury_products"), context)

    result = result_of()
    assert result.status is ProductStatus.PARTIAL
    assert result.images == (DONE, ImageResult.failed(2, ImageCode.PROCESSING_CRASHED))


def test_a_product_that_ended_after_all_is_left_as_it_is(aws, context, event):
    ended = settled(1, 2, [DONE, ImageResult.failed(2, ImageCode.HTTP_STATUS, 404)])
    put_result(JOB_ID, 1, ended)

    handler(event("bury_products"), context)

    assert result_of() == ended
    assert live_counts(JOB_ID, 1) == ProductCounts(partial=1)


def test_burying_twice_counts_once(aws, context, event):
    handler(event("bury_products"), context)
    handler(event("bury_products"), context)

    assert live_counts(JOB_ID, 1) == ProductCounts(failed=1)
    assert len(aws.reports()) == 2


def test_a_crash_at_any_point_is_mended_by_the_redelivery(aws, context, event):
    point = 0
    crashed = True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            handler(event("bury_products"), context)
        crashed = len(points) == point

    assert aws.reports() == [f"{JOB_ID}-1", f"{OTHER_JOB_ID}-1"]
    assert live_counts(JOB_ID, 1) == live_counts(OTHER_JOB_ID, 1) == ProductCounts(failed=1)


def test_an_unreadable_message_stays_and_holds_up_none_of_its_neighbours(aws, context, event):
    buried = event("bury_products")
    unreadable = {**buried["Records"][0], "messageId": "unreadable", "body": '{"row": 1}'}

    answer = handler({"Records": [unreadable, *buried["Records"]]}, context)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "unreadable"}]}
    assert aws.reports() == [f"{JOB_ID}-1", f"{OTHER_JOB_ID}-1"]
