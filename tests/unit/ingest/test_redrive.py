"""A stalled run that is started again: what waits for its origin's turn is left where it waits."""

import json
import time

import pytest

import ingest.app
from imagemill.domain.codes import ProductStatus
from imagemill.domain.ingest_messages import RedriveRun, to_json
from imagemill.domain.product import ProductResult, Receives
from tests.support.account import ENVIRONMENT, JOB_ID
from tests.support.results import put_result
from tests.support.sweep_rounds import catalogue

PATIENCE_SECONDS = int(ENVIRONMENT["THROTTLE_PATIENCE_SECONDS"])


@pytest.mark.parametrize("give_up", [False, True])
@pytest.mark.parametrize(
    ("waits_since", "is_left"), [(3_600, True), (PATIENCE_SECONDS + 60, True), (PATIENCE_SECONDS + 1_000, False)]
)
def test_a_product_that_is_put_off_is_not_sent_again_while_it_may_be_waiting(
    aws, context, waits_since, is_left, give_up
):
    aws.start_job(catalogue(2))
    receives = Receives(0, slowed_since={1: int(time.time()) - waits_since})
    put_result(JOB_ID, 1, ProductResult(1, ProductStatus.PROCESSING, 1, (), receives=receives))

    ingest.app.handler({"Records": [record(RedriveRun(JOB_ID, 1, give_up=give_up))]}, context)

    taken_up = [2] if is_left else [1, 2]
    sent = sorted(json.loads(body)["row"] for body in aws.bodies("PRODUCTS_QUEUE"))
    assert sent == ([] if give_up else taken_up)
    assert len(aws.reports()) == (give_up and not is_left)


def record(request: RedriveRun) -> dict[str, object]:
    return {"messageId": "m", "body": to_json(request), "attributes": {"ApproximateReceiveCount": "1"}}
