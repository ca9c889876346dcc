"""Jobs that are cancelled, and jobs that are retried."""

from __future__ import annotations

import json
import threading
import time

from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


def test_a_job_cancelled_in_the_middle_keeps_what_is_done_and_begins_nothing_more(
    shop: Shop, other_shop: Shop, web: TestWeb, thumbnail: bytes
) -> None:
    def slow(_: Request) -> Answer:
        time.sleep(0.3)
        return Answer(body=thumbnail, headers={"content-type": "image/jpeg"})

    hook = web.route("/hook", Answer(204))
    url = web.route("/slow.jpg", slow)
    rows = [[str(row), f"SKU{row}", f"{url}?{row}"] for row in range(1, 301)]
    job_id = shop.submit(catalogue(rows), f"?webhook_url={hook}")
    eventually(lambda: shop.get(f"/jobs/{job_id}")["products"]["completed"] >= 10, "some are done")

    stranger = other_shop.cancel(job_id)
    accepted = shop.cancel(job_id)
    again = shop.cancel(job_id)
    job = shop.ended(job_id)

    assert stranger.status == 404
    assert [answer.status for answer in (accepted, again)] == [202, 202]
    assert json.loads(accepted.data)["job_id"] == job_id
    assert (job["status"], job["progress"], job["products"]["pending"]) == ("CANCELLED", 1.0, 0)
    assert job["products"]["completed"] >= 10
    assert job["products"]["cancelled"] >= 1
    assert len(web.asked_for("/slow.jpg")) == job["products"]["completed"]
    assert_exact(shop, job)
    cancelled = shop.products(job_id, "&status=CANCELLED")
    assert len(cancelled) == job["products"]["cancelled"]
    assert {image["error"] for product in cancelled for image in product["images"]} == {"CANCELLED"}
    [told] = eventually(lambda: web.asked_for("/hook"), "the webhook is called")
    assert json.loads(told.body)["type"] == "job.cancelled"
    late = shop.cancel(job_id)
    assert (late.status, json.loads(late.data)["code"]) == (409, "JOB_ALREADY_ENDED")


def test_a_cancelled_job_is_retried_to_its_end(shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    """Of a job with more products than its workers take in hand: those are finished, the others cancelled."""
    release = threading.Event()
    held = web.route("/held.jpg", lambda _: (release.wait(15), Answer(body=thumbnail))[1])
    job_id = shop.submit(catalogue([[str(row), f"SKU{row}", f"{held}?{row}"] for row in range(1, 401)]))
    eventually(lambda: web.asked_for("/held.jpg"), "work has begun")
    shop.cancel(job_id)
    release.set()
    assert shop.ended(job_id)["status"] == "CANCELLED"

    assert shop.retry(job_id).status == 202
    job = shop.ended(job_id)

    assert (job["status"], job["run"], job["products"]["completed"]) == ("COMPLETED", 2, 400)
    assert len(web.asked_for("/held.jpg")) == 400
    assert_exact(shop, job)


def test_a_retry_after_the_origin_was_mended_makes_what_had_failed_alone(
    shop: Shop, web: TestWeb, picture: str, thumbnail: bytes
) -> None:
    broken = web.route("/broken.jpg", Answer(404))
    rows = [
        [str(row), "" if row == 7 else f"SKU{row}", f"{picture}?{row},{broken}?{row}" if row % 50 == 0 else picture]
        for row in range(1, 401)
    ]
    job_id = shop.submit(catalogue(rows))
    first = shop.ended(job_id)
    before = {product["row"]: product for product in shop.products(job_id)}
    asked = len(web.asked_for("/picture.jpg"))
    assert (first["status"], first["products"]["partial"], first["products"]["failed"]) == ("PARTIAL", 8, 1)

    web.route("/broken.jpg", Answer(body=thumbnail))
    answers = [shop.retry(job_id)]
    job = shop.ended(job_id)

    assert json.loads(answers[0].data)["run"] == 2
    assert (job["status"], job["run"], job["products"]["completed"]) == ("PARTIAL", 2, 399)
    assert_exact(shop, job)
    assert len(web.asked_for("/picture.jpg")) == asked
    for product in shop.products(job_id):
        for image, old in zip(product["images"], before[product["row"]]["images"], strict=True):
            assert old["status"] == "FAILED" or image == old
    nothing = shop.retry(job_id)
    assert (nothing.status, json.loads(nothing.data)["code"]) == (409, "NOTHING_TO_RETRY")


def test_a_running_job_has_no_output_and_cannot_be_retried(shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    release = threading.Event()
    gone = web.route("/gone.jpg", Answer(404))
    job_id = shop.submit(catalogue([["1", "A", gone]]))
    shop.ended(job_id)
    web.route("/gone.jpg", lambda _: (release.wait(15), Answer(body=thumbnail))[1])
    shop.retry(job_id)
    eventually(lambda: len(web.asked_for("/gone.jpg")) == 2, "the retry is in work")

    running = shop.get(f"/jobs/{job_id}")
    answers = [shop.retry(job_id), shop.call("GET", f"/jobs/{job_id}/output")]
    release.set()
    job = shop.ended(job_id)

    assert (running["status"], running["links"]["output"], running["ended_at"]) == ("PROCESSING", None, None)
    assert [(answer.status, json.loads(answer.data)["code"]) for answer in answers] == [(409, "JOB_NOT_FINISHED")] * 2
    assert (job["status"], job["run"]) == ("COMPLETED", 2)


def test_a_retried_drop_replaces_its_outbox(shop: Shop, web: TestWeb, picture: str, thumbnail: bytes) -> None:
    gone = web.route("/gone.jpg", Answer(404))
    shop.drop("mended.csv", catalogue([["1", "A", picture], ["2", "B", gone]]))

    def documents(run: int) -> list[dict[str, object]] | None:
        names = [key for key in shop.outbox("mended") if key.endswith(".json")]
        found = [json.loads(shop.catalogue_object(name)) for name in names]
        return found if found and found[0]["run"] == run else None

    [first] = eventually(lambda: documents(1), "the drop is answered")
    web.route("/gone.jpg", Answer(body=thumbnail))
    assert shop.retry(str(first["job_id"])).status == 202
    [second] = eventually(lambda: documents(2), "the retry is answered")

    assert (first["status"], second["status"]) == ("PARTIAL", "COMPLETED")
    assert first["job_id"] == second["job_id"]
    output, _replaced = (key for key in shop.outbox("mended") if key.endswith(".csv"))
    assert b"COMPLETED" in shop.catalogue_object(output)
    assert b"FAILED" not in shop.catalogue_object(output)
