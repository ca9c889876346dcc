"""Catalogues by address: fetched once, recognised when they have not changed, refused with a code."""

import json
from dataclasses import replace
from typing import Any

import pytest

import ingest.remote
from imagemill.adapters.aws import multipart, objects
from imagemill.adapters.store.jobs import change_job, end_job, get_job, start_job
from imagemill.adapters.store.remote_catalogues import get_remote_catalogue, put_remote_catalogue
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.ingest_messages import FetchCatalogue, RedriveRun, to_json
from imagemill.domain.job import Job, ProductCounts, Totals
from ingest.app import handler
from sweep.remedy import NOT_STORED, Redrive, Reject, remedy_for
from tests.support.account import CATALOGUE_BUCKET, TENANT
from tests.support.caller import multiple
from tests.support.web import Answer, TestWeb

CSV = b"No,Name,Images\r\n1,A,https://a/1.jpg\r\n"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(ingest.remote, "PAUSES", (0.001, 0.001))


class Feeds:
    """A shop that gives its feed's address."""

    def __init__(self, caller: Any, context: Any, event: Any) -> None:
        self.caller = caller
        self._context = context
        self._event = event

    def post(self, body: Any, key: str | None = None, **query: str) -> Any:
        request = self._event("api_post_uploads") | {"path": "/jobs", "resource": "/jobs"}
        request["headers"] = {"content-type": "application/json", **({"idempotency-key": key} if key else {})}
        request["multiValueHeaders"] = {name: [value] for name, value in request["headers"].items()}
        request |= {"body": json.dumps(body), "isBase64Encoded": False}
        request |= {"queryStringParameters": query, "multiValueQueryStringParameters": multiple(query)}
        return self.caller.send(request)

    def take(self, request: Any) -> None:
        record = {"messageId": "m", "body": to_json(request), "attributes": {"ApproximateReceiveCount": "1"}}
        handler({"Records": [record]}, self._context)

    def run(self, url: str, **options: Any) -> Job:
        """What becomes of a new job before its CSV is ingested."""
        job_id = self.post({"source_url": url, **options})["job_id"]
        self.take(FetchCatalogue(job_id))
        return self.job(job_id)

    def complete(self, job: Job) -> Job:
        """As when its CSV has been ingested, and all of it is done."""
        start_job(job.job_id, 1)
        key = f"outputs/{TENANT}/{job.job_id}/1.csv"
        objects.put_catalogue(key, b"output", "text/csv")
        end_job(job.job_id, 1, JobStatus.COMPLETED, ProductCounts(completed=1), Totals(1, 1, 9, 5), key)
        return self.job(job.job_id)

    def job(self, job_id: str) -> Job:
        job = get_job(job_id)
        assert job
        return job


@pytest.fixture
def feeds(caller, context, event):
    return Feeds(caller, context, event)


def stored(aws: Any, job: Job) -> Any:
    return aws.objects(CATALOGUE_BUCKET).get(job.catalogue_key)


def test_a_feed_by_address_is_fetched_to_where_uploads_go(aws, feeds, web):
    url = web.route("/feed/products.csv", Answer(body=CSV)) + "?token=secret"

    answer = feeds.post({"source_url": url, "quality": 70, "client_reference": "nightly"})

    assert feeds.caller.status == 202
    assert (answer["status"], answer["source"], answer["filename"]) == ("QUEUED", "url", "products.csv")
    assert (answer["options"]["quality"], answer["unchanged_since"]) == (70, None)
    assert aws.messages("INGEST_QUEUE") == [{"fetch": {"job_id": answer["job_id"]}}]

    feeds.take(FetchCatalogue(answer["job_id"]))

    job = feeds.job(answer["job_id"])
    assert (job.source, job.status, stored(aws, job)) == (JobSource.URL, JobStatus.QUEUED, CSV)
    assert web.asked_for("/feed/products.csv")[0].headers["accept"].startswith("text/csv")


def test_a_feed_of_several_parts_comes_whole(aws, feeds, web, monkeypatch):
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 1024 * 1024)
    large = CSV + b"2,B,https://a/2.jpg\r\n" * 300_000

    assert stored(aws, feeds.run(web.route("/feed.csv", Answer(body=large)))) == large


@pytest.mark.parametrize("headers", [{}, {"ETag": '"1"'}], ids=["silent", "versioned"])
def test_an_unchanged_feed_ends_at_once_as_a_job_that_says_so(aws, feeds, web, headers):
    def answer(request: Any) -> Answer:
        is_known = request.headers.get("if-none-match") == '"1"'
        return Answer(304, b"", headers) if is_known else Answer(200, CSV, headers)

    url = web.route("/feed.csv", answer)
    first = feeds.complete(feeds.run(url))

    second = feeds.run(url)

    assert (second.status, second.unchanged_since) == (JobStatus.COMPLETED, first.job_id)
    assert stored(aws, second) is None
    assert second.output_key != first.output_key
    assert aws.objects(CATALOGUE_BUCKET)[str(second.output_key)] == b"output"
    assert (second.products, second.counts) == (1, first.counts)
    assert second.totals == Totals(1, 1, 9, 5, images_reused=1)
    assert f"{second.job_id}-1" in aws.reports()
    third = feeds.run(url)
    assert third.unchanged_since == first.job_id


@pytest.mark.parametrize("why", ["unfinished", "partial", "changed", "options", "never", "another tenant", "old"])
def test_whatever_may_have_changed_runs_again(aws, feeds, web, monkeypatch, why):
    url = web.route("/feed.csv", Answer(200, CSV, {"ETag": '"1"'}))
    first = feeds.run(url)
    if why != "unfinished":
        feeds.complete(first)
    if why == "partial":
        change_job(first.job_id, "SET #status = :status", "attribute_exists(pk)", {":status": "PARTIAL"})
    if why == "changed":
        web.route("/feed.csv", Answer(200, CSV + CSV, {"ETag": '"2"'}))
    if why == "old":
        monkeypatch.setattr(ingest.remote, "created_seconds", lambda _: 0)
    others: dict[str, dict[str, Any]] = {"options": {"quality": 60}, "never": {"reuse": "never"}}
    if why == "another tenant":
        monkeypatch.setattr("api.routes.jobs.tenant_of", lambda _: "another")

    again = feeds.run(url, **others.get(why, {}))

    assert (again.status, again.unchanged_since) == (JobStatus.QUEUED, None)
    assert stored(aws, again)


def test_what_another_fetch_has_found_is_not_what_a_job_has_read(aws, feeds, web):
    """The same message came twice at once, and the feed changed between: the one stored later was remembered last."""
    url = web.route("/feed.csv", Answer(200, CSV, {"ETag": '"1"'}))
    first = feeds.run(url)
    found = get_remote_catalogue(first)
    assert found
    later = replace(found, validators=found.validators._replace(etag='"2"'), sha256="b" * 64, fetch_id=new_id())
    put_remote_catalogue(first, later)
    feeds.complete(first)
    web.route("/feed.csv", lambda request: Answer(304 if "if-none-match" in request.headers else 200, CSV))

    again = feeds.run(url)

    assert (again.status, again.unchanged_since) == (JobStatus.QUEUED, None)
    assert stored(aws, again) == CSV


@pytest.mark.parametrize("answer", [Answer(404), Answer(304, b"", {"ETag": '"1"'})], ids=["refused", "unchanged"])
def test_a_fetch_that_another_has_overtaken_ends_nothing(aws: Any, feeds: Feeds, web: TestWeb, answer: Answer) -> None:
    url = web.route("/feed.csv", Answer(200, CSV, {"ETag": '"1"'}))
    feeds.complete(feeds.run(url))
    job_id = feeds.post({"source_url": url})["job_id"]

    def overtake(_request: Any) -> Answer:
        start_job(job_id, 1)
        return answer

    web.route("/feed.csv", overtake)
    aws.messages("REPORT_QUEUE")
    feeds.take(FetchCatalogue(job_id))

    assert feeds.job(job_id).status is JobStatus.PROCESSING
    assert aws.reports() == []


def test_who_is_told_makes_no_other_catalogue(feeds, web):
    url = web.route("/feed.csv", Answer(body=CSV))
    feeds.complete(feeds.run(url))

    assert feeds.run(url, client_reference="today").unchanged_since


@pytest.mark.parametrize(
    ("answer", "code", "tries"),
    [
        (Answer(404), "HTTP_STATUS", 1),
        (Answer(500), "HTTP_STATUS", 3),
        (Answer(301, headers={"Location": "http://169.254.169.254/feed.csv"}), "BLOCKED_ADDRESS", 1),
        (Answer(200, CSV, {"Content-Encoding": "gzip", "X": "1"}), None, 1),
    ],
)
def test_what_cannot_be_fetched_is_rejected_with_its_code(aws, feeds, web, answer, code, tries):
    job = feeds.run(web.route("/feed.csv", answer))

    assert len(web.asked_for("/feed.csv")) == tries
    if code is None:
        assert stored(aws, job) == CSV
    else:
        assert (job.status, [error["code"] for error in job.errors]) == (JobStatus.REJECTED, [code])
        assert f"{job.job_id}-1" in aws.reports()
        assert stored(aws, job) is None


def test_what_is_too_large_is_rejected_and_not_kept(aws, feeds, web, monkeypatch):
    monkeypatch.setattr(ingest.remote, "MAX_CATALOGUE_BYTES", 10)

    job = feeds.run(web.route("/feed.csv", Answer(body=CSV)))

    assert [error["code"] for error in job.errors] == ["FILE_TOO_LARGE"]
    assert stored(aws, job) is None


@pytest.mark.parametrize("url", [7, "", "feed.csv", "ftp://shop.example/feed.csv", "https://" + "x" * 3_000])
def test_what_is_no_address_is_refused_at_once(feeds, url):
    problem = feeds.post({"source_url": url})

    assert (feeds.caller.status, problem["code"]) == (422, "INVALID_OPTION")
    assert "source_url" in problem["detail"]


def test_an_address_is_not_validated_in_a_dry_run(aws, feeds):
    problem = feeds.post({"source_url": "https://shop.example/feed.csv"}, dry_run="true")

    assert (feeds.caller.status, problem["code"]) == (422, "INVALID_OPTION")
    assert "dry_run" in problem["detail"]
    assert aws.items() == []


def test_the_same_key_is_the_same_job(aws, feeds):
    body = {"source_url": "https://shop.example/feed.csv"}
    first = feeds.post(body, key="monday")

    assert feeds.post(body, key="monday")["job_id"] == first["job_id"]
    assert feeds.post({**body, "quality": 60}, key="monday")["code"] == "IDEMPOTENCY_CONFLICT"


def test_a_feed_fetched_twice_is_stored_once(aws, feeds, web):
    job = feeds.run(web.route("/feed.csv", Answer(body=CSV)))

    feeds.take(FetchCatalogue(job.job_id))

    assert len(web.asked_for("/feed.csv")) == 1


def test_the_sweep_asks_again_for_what_nobody_fetched(feeds, web, aws):
    job_id = feeds.post({"source_url": web.route("/feed.csv", Answer(body=CSV))})["job_id"]
    job = feeds.job(job_id)

    assert remedy_for(job, 0, 0, may_be_queued=False) == Redrive()
    assert remedy_for(job, 3, 0, may_be_queued=False) == Reject(NOT_STORED)
    feeds.take(RedriveRun(job_id, 1))
    assert stored(aws, job) == CSV


def test_no_address_is_in_any_log(feeds, web, capsys):
    feeds.run(web.route("/feed.csv", Answer(404)) + "?token=secret")

    assert "token=secret" not in capsys.readouterr().out
