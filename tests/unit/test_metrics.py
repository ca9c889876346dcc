"""What the functions count, as CloudWatch will read it from their logs."""

import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

import bury.app
import deliver.app
import ingest.app
import process.app
import process.image
import report.app
from imagemill import metrics
from imagemill.adapters.store.runs import open_run
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.product import ImageResult, settled
from imagemill.metrics import DIMENSIONS, NAMESPACE, Metric
from tests.support.account import JOB_ID, OTHER_JOB_ID
from tests.support.emf import Line, emf_lines
from tests.support.ended_jobs import end_job_with
from tests.support.results import put_result
from tests.support.web import Answer

CSV = b"S. No.,Product Name,Input Image Urls\n1,SKU1,https://shop.example/a.jpg\n,SKU2,https://shop.example/b.jpg\n"
STACK = "imagemill-prod"


@pytest.fixture
def told(aws, capsys):
    """The lines that were written since it was asked last."""
    return lambda: emf_lines(capsys.readouterr().out)


def sums(lines: list[Line]) -> dict[str, float]:
    """Each metric's sum, by its name and the value of its dimension beside the service."""
    found: dict[str, float] = {}
    for line in lines:
        assert line.namespace == NAMESPACE
        assert line.dimensions["service"] == STACK
        others = [value for name, value in line.dimensions.items() if name != "service"]
        for name, values in line.values.items():
            expected = DIMENSIONS.get(Metric(name))
            assert set(line.dimensions) == {"service", expected} - {None}
            found[" ".join([name, *others])] = sum(values)
    return found


def test_a_batch_is_counted_in_one_line_and_one_for_each_status_and_code(
    told, context, event, web, picture, monkeypatch
):
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    web.route("/sku1-front.jpg", picture)
    web.route("/sku1-back.jpg", Answer(404))
    web.route("/sku2.jpg", picture)

    process.app.handler(event("process_products", web.url), context)

    lines = told()
    counted = sums(lines)
    timings = {name: counted.pop(name) for name in ("FetchMilliseconds", "CompressMilliseconds")}
    assert counted.pop("BytesIn") == 2 * len(picture.body) > counted.pop("BytesOut") > 0
    assert counted == {
        "ImagesCompleted": 2,
        "ImagesFailed HTTP_STATUS": 1,
        "JpegsCompressed Transcoded": 2,
        "ProductsEnded COMPLETED": 1,
        "ProductsEnded PARTIAL": 1,
    }
    assert all(value > 0 for value in timings.values())
    units = {name: unit for line in lines for name, unit in line.units.items() if unit != "Count"}
    assert units == {
        "BytesIn": "Bytes",
        "BytesOut": "Bytes",
        "FetchMilliseconds": "Milliseconds",
        "CompressMilliseconds": "Milliseconds",
    }
    [line] = [line for line in lines if "FetchMilliseconds" in line.values]
    assert len(line.values["FetchMilliseconds"]) == len(line.values["CompressMilliseconds"]) == 2
    assert len(lines) == 5
    assert {line.request_id for line in lines} == {context.aws_request_id}


def test_a_product_whose_end_is_written_twice_is_counted_once(told, context, event):
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)
    bury.app.handler(event("bury_products"), context)
    told()

    bury.app.handler(event("bury_products"), context)

    assert told() == []


def test_a_batch_of_over_a_hundred_images_keeps_to_the_format(told, context):
    @metrics.published
    def handler(event, context):
        for _ in range(230):
            with metrics.timed(Metric.FETCH_MILLISECONDS):
                pass

    handler({}, context)

    assert sum(len(line.values["FetchMilliseconds"]) for line in told()) == 230


def test_a_job_is_counted_when_it_is_made_and_not_when_it_is_asked_for_again(told, caller):
    for _ in range(2):
        caller.post(CSV, idempotency_key="once")

    assert sums(told()) == {"JobsAccepted": 1}


def test_rows_at_fault_are_counted_by_ingest(told, aws, context, event):
    aws.store_job(CSV)
    metrics._tally.take()

    ingest.app.handler(event("ingest_upload"), context)

    assert sums(told()) == {"ProductsEnded FAILED": 1}


def test_buried_products_are_counted_as_crashed(told, context, event):
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)

    bury.app.handler(event("bury_products"), context)

    assert sums(told()) == {"ImagesFailed PROCESSING_CRASHED": 3, "ProductsEnded FAILED": 2}


def test_an_ended_job_is_counted_by_its_status(told, aws, context, event):
    job = aws.start_job(CSV)
    done = ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5, kept=False)
    put_result(job.job_id, 1, settled(1, 1, [done]))
    put_result(job.job_id, 1, settled(2, 1, [ImageResult.failed(1, ImageCode.TIMEOUT)]))
    metrics._tally.take()

    report.app.handler(event("report_execution"), context)

    assert sums(told()) == {"JobsEnded PARTIAL": 1}


@pytest.mark.parametrize(("status", "outcome"), [(204, "DELIVERED"), (500, "RETRY"), (410, "GIVEN_UP")])
def test_a_webhook_attempt_is_counted_by_its_outcome(told, context, event, web, status, outcome):
    end_job_with(web.route("/hook", Answer(status)))
    metrics._tally.take()

    deliver.app.handler(event("deliver"), context)

    assert sums(told()) == {f"WebhookAttempts {outcome}": 1}


def test_what_was_counted_before_a_fault_is_written_all_the_same(told, context):
    @metrics.published
    def failing(event, context):
        metrics.count(Metric.JOBS_ACCEPTED)
        raise LookupError

    with pytest.raises(LookupError):
        failing({}, context)

    assert sums(told()) == {"JobsAccepted": 1}


class Hesitant(Counter[Metric]):
    """Lets other threads run between reading a count and writing it."""

    def __getitem__(self, key: Metric) -> int:
        standing = super().__getitem__(key)
        time.sleep(0)
        return standing


def test_nothing_is_lost_when_threads_count_at_once(told, context, monkeypatch):
    together = Barrier(4)
    monkeypatch.setattr(metrics._tally, "_sums", defaultdict(Hesitant))

    def count_many(_: int) -> None:
        together.wait(10)
        for _ in range(250):
            metrics.count(Metric.PRODUCTS_ENDED, value=ProductStatus.COMPLETED)

    @metrics.published
    def handler(event, context):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count_many, range(4)))

    handler({}, context)

    assert sums(told()) == {"ProductsEnded COMPLETED": 1_000}


@pytest.mark.parametrize(("metric", "value"), [(Metric.JOBS_ENDED, None), (Metric.JOBS_ACCEPTED, "x")])
def test_a_metric_has_its_own_dimension_and_no_other(metric, value):
    with pytest.raises(ValueError, match=metric.value):
        metrics.count(metric, value=value)
