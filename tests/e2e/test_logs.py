"""No secret in any line that any function of a stack writes, over a whole job and its webhooks."""

from __future__ import annotations

import json
import secrets
import urllib.parse

from local.stack import LOCAL
from tests.support.scripted_web import HEAD_200, ScriptedOrigin, then_close, then_reset
from tests.support.shop import Shop, catalogue, eventually
from tests.support.web import Answer, TestWeb

#: The functions that a job passes through.
FUNCTIONS = ("api", "ingest", "process", "report", "deliver")


def log_of(shop: Shop, function: str) -> str:
    """All that a function has written, as CloudWatch shows it."""
    group = f"/imagemill/imagemill-local/{function}"
    pages = shop.aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return "\n".join(event["message"] for page in pages for event in page["events"])


def log_of_emulator(shop: Shop) -> str:
    """What the emulator itself has written, and the functions that queues feed."""
    port = urllib.parse.urlsplit(shop.stack.aws_endpoint_url).port
    return (LOCAL / f"stack-{port}.log").read_text(errors="replace")


def test_no_secret_of_a_job_is_in_any_log(shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    image, password, hook, key, drop = (f"{name}{secrets.token_hex(8)}" for name in ("I", "P", "H", "K", "D"))
    good = web.route("/good.jpg", Answer(body=thumbnail))
    page = web.route("/page.jpg", Answer(body=b"<html>"))
    inside = web.route("/inside.jpg", Answer(302, headers={"location": f"http://10.0.0.1/?token={image}"}))
    busy = web.route("/busy.jpg", lambda request: Answer(503) if request.number < 5 else Answer(body=thumbnail))
    webhook = web.route("/hook", lambda request: Answer(503 if request.number < 3 else 204))
    registered = web.route("/registered", Answer(204))
    refused = "http://127.0.0.1:9"
    query = urllib.parse.quote(f"{webhook}?token={hook}")
    with (
        ScriptedOrigin(then_reset(b"")) as resetting,
        ScriptedOrigin(then_close(HEAD_200 + b"no field\r\n\r\n" + thumbnail)) as garbled,
    ):
        origins = [good, page, inside, busy, f"{web.url}/missing.jpg", f"{refused}/a.jpg"]
        origins += [f"{resetting.url}/a.jpg", f"{garbled.url}/a.jpg", "http://shop.invalid/a.jpg", "https://[::1]:9/a"]
        urls = [f"{origin}?token={image}" for origin in origins]
        urls.append(good.replace("http://", f"http://user:{password}@"))
        body = catalogue([["1", "A", ",".join(urls)], ["", "B", urls[0]]])

        body_of_hook = json.dumps({"url": f"{registered}?token={hook}", "events": ["job.partial"]})
        endpoint = json.loads(
            shop.call("POST", "/webhooks", {"content-type": "application/json"}, body=body_of_hook).data
        )
        answer = shop.post_csv(body, f"?webhook_url={query}", {"idempotency-key": key})
        conflict = shop.post_csv(body + b"3,C,http://shop.invalid/", "", {"idempotency-key": key})
        shop.drop("leaky.csv", b"no columns\r\n", {"webhook-url": f"{refused}/hook?token={drop}"})
        job_id = json.loads(answer.data)["job_id"]
        job = shop.ended(job_id)
    eventually(lambda: len(web.asked_for("/hook")) == 3, "the webhook is delivered")
    eventually(lambda: web.asked_for("/registered"), "the endpoint is told")
    eventually(lambda: shop.outbox("leaky"), "the drop is rejected")
    signing_secret = shop.get("/signing-secret")["secret"]

    eventually(lambda: '"DELIVERED"' in log_of(shop, "deliver"), "the delivery is logged")
    logs = {function: log_of(shop, function) for function in FUNCTIONS}
    written = "\n".join(logs.values()) + log_of_emulator(shop)
    assert (answer.status, conflict.status, job["status"]) == (202, 409, "PARTIAL")
    # Proof that this is where a secret would be.
    assert [function for function in FUNCTIONS if "START RequestId" not in logs[function]] == []
    assert all(job_id in logs[function] for function in ("api", "ingest", "process", "deliver"))
    for secret in (image, password, hook, key, drop, shop.api_key, signing_secret, endpoint["secret"]):
        assert secret not in written
