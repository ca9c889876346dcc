"""Product results in the table: the first terminal one of a run stands."""

from dataclasses import replace

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.store.cancellations import put_cancellation
from imagemill.adapters.store.results import BATCH_GET_KEYS, results_of_chunk
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus, RowCode
from imagemill.domain.product import ImageResult, ProductResult, row_fault, settled
from tests.support.account import ENVIRONMENT, JOB_ID, OTHER_JOB_ID
from tests.support.results import get_current_results, get_results, key_of, put_result

DONE = ImageResult(
    1, ImageStatus.COMPLETED, "images/00/1.jpg", None, None, 900, 500, 160, 120, "jpeg", kept=False, sha256="ab"
)
COMPLETED = settled(1, 1, [DONE])
IN_WORK = ProductResult(1, ProductStatus.PROCESSING, 1, (DONE,))
CRASHED = settled(1, 3, [ImageResult.failed(1, ImageCode.PROCESSING_CRASHED)])

pytestmark = pytest.mark.usefixtures("aws")


@pytest.mark.parametrize(
    "result",
    [
        COMPLETED,
        IN_WORK,
        settled(1, 2, [DONE, ImageResult.failed(2, ImageCode.HTTP_STATUS, 404)]),
        row_fault(1, RowCode.MISSING_NAME),
        settled(1, 1, [replace(DONE, kept=True)]),
    ],
)
def test_a_result_comes_back_as_it_was_written(result):
    assert put_result(JOB_ID, 1, result) == result

    assert get_results([(JOB_ID, 1, 1)]) == {(JOB_ID, 1, 1): result}
    assert list(results_of_chunk(JOB_ID, 0)) == [result]


@pytest.mark.parametrize("later", [IN_WORK, CRASHED, settled(1, 2, [DONE])])
def test_a_terminal_result_stands_and_the_later_writer_learns_it(later):
    put_result(JOB_ID, 1, COMPLETED)

    assert put_result(JOB_ID, 1, later) == COMPLETED
    assert get_results([(JOB_ID, 1, 1)]) == {(JOB_ID, 1, 1): COMPLETED}


def test_a_result_in_work_gives_way():
    put_result(JOB_ID, 1, IN_WORK)

    assert put_result(JOB_ID, 1, CRASHED) == CRASHED


def test_a_later_run_writes_over_an_earlier_one_and_not_the_other_way_round():
    put_result(JOB_ID, 1, CRASHED)
    put_result(JOB_ID, 2, COMPLETED)

    assert put_result(JOB_ID, 1, CRASHED) == COMPLETED
    assert get_results([(JOB_ID, 2, 1)]) == {(JOB_ID, 2, 1): COMPLETED}


def test_a_later_run_in_work_does_not_give_way_to_an_earlier_one():
    put_result(JOB_ID, 2, IN_WORK)

    assert put_result(JOB_ID, 1, CRASHED) == IN_WORK


def test_two_runs_of_a_product_in_one_batch_learn_which_of_them_wrote_what_stands():
    put_result(JOB_ID, 2, COMPLETED)

    found = get_results([(JOB_ID, 1, 1), (JOB_ID, 2, 1)])

    assert [found[JOB_ID, run, 1].run for run in (1, 2)] == [2, 2]


def test_whoever_writes_too_late_learns_which_run_wrote_what_stands():
    assert put_result(JOB_ID, 2, IN_WORK).run == 2
    assert put_result(JOB_ID, 1, CRASHED).run == 2


def test_a_result_of_an_earlier_run_is_found_as_taken_up_by_this_one():
    put_result(JOB_ID, 1, settled(1, 3, [DONE, ImageResult.failed(2, ImageCode.HTTP_STATUS, 404)]))

    found = get_results([(JOB_ID, 2, 1)])[JOB_ID, 2, 1]

    assert (found.status, found.attempts, found.run) == (ProductStatus.PENDING, 0, 1)
    assert found.settled_images == {1: DONE}
    assert found.by_position[2] == replace(
        ImageResult.failed(2, ImageCode.HTTP_STATUS, 404), status=ImageStatus.PENDING
    )


def test_cancelled_runs_are_found_with_the_results_in_the_same_call(aws):
    put_result(JOB_ID, 2, COMPLETED)
    put_cancellation(JOB_ID, 2)
    put_cancellation(OTHER_JOB_ID, 1)

    with aws.calls() as calls:
        found = get_current_results([(JOB_ID, 2, 1), (JOB_ID, 2, 2), (OTHER_JOB_ID, 2, 1)])

    assert found.cancelled == {(JOB_ID, 2)}
    assert found.results == {key_of(JOB_ID, 2, 1): COMPLETED}
    assert calls == ["BatchGetItem"]


def test_products_of_several_jobs_and_chunks_are_read_at_once():
    products = [(JOB_ID, 1, 1), (JOB_ID, 1, 201), (OTHER_JOB_ID, 1, 1)]
    for job_id, run, row in products:
        put_result(job_id, run, replace(COMPLETED, row=row))

    assert set(get_results([*products, (OTHER_JOB_ID, 1, 2)])) == set(products)


def test_a_product_that_is_asked_for_twice_is_read_once():
    put_result(JOB_ID, 1, COMPLETED)

    assert get_results([(JOB_ID, 1, 1), (JOB_ID, 1, 1)]) == {(JOB_ID, 1, 1): COMPLETED}


def test_nothing_is_asked_when_nothing_is_wanted(aws):
    with aws.calls() as calls:
        assert get_results([]) == {}

    assert calls == []


def test_more_than_a_batch_is_read_in_several(aws):
    rows = range(1, BATCH_GET_KEYS + 2)
    for row in rows:
        put_result(JOB_ID, 1, replace(COMPLETED, row=row))

    with aws.calls() as calls:
        found = get_results((JOB_ID, 1, row) for row in rows)

    assert sorted(row for _, _, row in found) == list(rows)
    assert calls == ["BatchGetItem"] * 2


def test_keys_that_dynamodb_left_undone_are_asked_for_again(aws):
    """A throttled table answers a part of a batch, and says which part it did not."""
    rows = range(1, 4)
    for row in rows:
        put_result(JOB_ID, 1, replace(COMPLETED, row=row))
    answers = 0

    def leave_the_last(parsed, **_):
        nonlocal answers
        answers += 1
        if answers == 1:
            left = parsed["Responses"][ENVIRONMENT["TABLE_NAME"]].pop()
            keys = {"Keys": [{name: left[name] for name in ("pk", "sk")}], "ConsistentRead": True}
            parsed["UnprocessedKeys"] = {ENVIRONMENT["TABLE_NAME"]: keys}

    events = clients.dynamodb().meta.events
    events.register("after-call.dynamodb.BatchGetItem", leave_the_last)
    found = get_results((JOB_ID, 1, row) for row in rows)
    events.unregister("after-call.dynamodb.BatchGetItem", leave_the_last)

    assert sorted(row for _, _, row in found) == [1, 2, 3]
    assert answers == 2


def test_a_chunk_is_read_in_row_order_without_its_neighbours():
    for row in (200, 7, 201, 1, 99):
        put_result(JOB_ID, 1, replace(COMPLETED, row=row))

    assert [result.row for result in results_of_chunk(JOB_ID, 0)] == [1, 7, 99, 200]
    assert [result.row for result in results_of_chunk(JOB_ID, 1)] == [201]


def test_a_chunk_larger_than_a_page_is_read_to_its_end(aws):
    """A query answers at most 1 MiB."""
    name = "x" * 9_000
    for row in range(1, 151):
        put_result(JOB_ID, 1, replace(COMPLETED, row=row, images=(replace(DONE, key=f"images/00/{name}.jpg"),)))

    with aws.calls() as calls:
        found = list(results_of_chunk(JOB_ID, 0))

    assert [result.row for result in found] == list(range(1, 151))
    assert calls == ["Query", "Query"]
