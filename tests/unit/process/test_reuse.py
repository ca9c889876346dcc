"""What an earlier job has made of an image is used again where nothing has changed, and nowhere else."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.image_store import StoredImage
from imagemill.adapters.store.items import SECONDS_A_DAY, expires_at
from imagemill.domain.codes import ImageCode, ImageStatus
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ImageResult
from imagemill.kept import forget
from process.app import handler
from process.reuse import outlives
from tests.support.account import IMAGE_BUCKET, JOB_ID, OTHER_JOB_ID, TENANT
from tests.support.image_files import photo, saved
from tests.support.product_batches import batch, message, result_of
from tests.support.web import Answer, Request

pytestmark = pytest.mark.usefixtures("open_runs")

YEARS_AGO = "Wed, 01 Jan 2020 00:00:00 GMT"
OWNER = hashlib.sha256(TENANT.encode()).hexdigest()[:16]


@pytest.fixture
def made(context) -> Callable[..., ImageResult]:
    """What becomes of an image in a job of its own, the first one's or another's."""

    def make(url: str, *, again: bool = False, **more: Any) -> ImageResult:
        job_id = OTHER_JOB_ID if again else JOB_ID
        product = replace(message(url, job_id=job_id), **{"tenant": TENANT, **more})
        handler(batch(product), context)
        [image] = result_of(job_id=job_id).images
        return image

    return make


def versioned(body: bytes, **fields: str) -> Callable[[Request], Answer]:
    """An origin that answers 304 to whoever has what it has."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}

    def answer(request: Request) -> Answer:
        known = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        is_known = (
            known[0] == headers.get("ETag")
            if known[0]
            else known[1] is not None and known[1] == headers.get("Last-Modified")
        )
        return Answer(304, b"", headers) if is_known else Answer(200, body, headers)

    return answer


@pytest.mark.parametrize(
    "fields",
    [{"ETag": '"1"'}, {"ETag": 'W/"1"'}, {"Last_Modified": YEARS_AGO}, {"ETag": '"1"', "Last_Modified": YEARS_AGO}],
)
def test_what_its_origin_calls_unchanged_is_neither_fetched_nor_stored_again(web, picture, made, aws, fields):
    url = web.route("/a.jpg", versioned(picture.body, **fields))
    first = made(url)
    before = aws.objects(IMAGE_BUCKET)
    puts = put_count()

    second = made(url, again=True)

    assert second == replace(first, reused=True)
    assert not first.reused
    assert aws.objects(IMAGE_BUCKET) == before
    assert put_count() == puts
    conditional = web.asked_for("/a.jpg")[1].headers
    assert conditional.get("if-none-match") == fields.get("ETag")
    assert conditional.get("if-modified-since") == fields.get("Last_Modified")


def test_the_same_bytes_are_recognised_where_an_origin_tells_nothing(web, picture, made):
    url = web.route("/a.jpg", picture)
    first = made(url)

    assert made(url, again=True) == replace(first, reused=True)
    assert "if-none-match" not in web.asked_for("/a.jpg")[1].headers


def test_the_same_bytes_under_a_new_tag_are_known_by_it_from_then_on(web, picture, made):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    made(url)
    web.route("/a.jpg", versioned(picture.body, ETag='"2"'))

    assert made(url, again=True).reused
    made(url)  # ends at once: its product has
    assert [request.headers.get("if-none-match") for request in web.asked_for("/a.jpg")] == [None, '"1"']
    assert sources_item()["etag"] == {"S": '"2"'}


def test_a_changed_image_is_made_anew_under_another_key(web, picture, made):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    first = made(url)
    web.route("/a.jpg", versioned(saved(photo(90, 70), "JPEG"), ETag='"2"'))

    second = made(url, again=True)

    assert second.key != first.key
    assert not second.reused


def test_an_object_is_named_by_its_owner_and_its_bytes(web, picture, made, aws):
    image = made(web.route("/img/front.jpg", picture))

    sha256 = str(image.sha256)
    assert image.key == f"images/{OWNER}/{sha256[:2]}/{sha256[:32]}/front.jpg"
    assert hashlib.sha256(aws.objects(IMAGE_BUCKET)[image.key]).hexdigest() == sha256


def test_equal_pictures_are_one_object_and_made_anew_nothing_changes(web, picture, made, aws):
    url = web.route("/a.jpg", picture)

    assert made(url).key == made(url, again=True, reuse=False).key
    assert len(aws.objects(IMAGE_BUCKET)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"tenant": "another"}, id="another tenant"),
        pytest.param({"options": ImageOptions(quality=60)}, id="other options"),
        pytest.param({"reuse": False}, id="reuse=never"),
        pytest.param({"tenant": None}, id="a message of release 0.1"),
    ],
)
def test_nothing_else_is_used_again(web, picture, made, other):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    made(url)

    image = made(url, again=True, **other)

    assert image.status is ImageStatus.COMPLETED
    assert not image.reused
    assert "if-none-match" not in web.asked_for("/a.jpg")[1].headers


@pytest.mark.parametrize("origin", ["unchanged", "silent"])
def test_what_somebody_removed_is_made_anew(web, picture, made, aws, origin):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"') if origin == "unchanged" else picture)
    first = made(url)
    clients.s3().delete_object(Bucket=IMAGE_BUCKET, Key=str(first.key))

    second = made(url, again=True)

    assert second.key == first.key
    assert not second.reused
    assert list(aws.objects(IMAGE_BUCKET)) == [first.key]


def test_what_somebody_cut_is_made_anew(web, picture, made, aws):
    url = web.route("/a.jpg", picture)
    first = made(url)
    whole = aws.objects(IMAGE_BUCKET)
    clients.s3().put_object(Bucket=IMAGE_BUCKET, Key=str(first.key), Body=b"cut")

    assert not made(url, again=True).reused
    assert aws.objects(IMAGE_BUCKET) == whole


def test_an_object_that_would_not_outlive_the_new_job_is_stored_again_under_its_key(web, picture, made, monkeypatch):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    first = made(url)
    stored = sources_item()["stored_at"]
    copied: list[Any] = []
    clients.s3().meta.events.register(
        "before-call.s3.CopyObject", lambda params, **_: copied.append(params["url_path"])
    )
    monkeypatch.setenv("IMAGE_RETENTION_DAYS", "7")
    forget()

    second = made(url, again=True)

    assert second == replace(first, reused=True)
    assert len(copied) == 1
    head = clients.s3().head_object(Bucket=IMAGE_BUCKET, Key=str(first.key))
    assert (head["ContentType"], head["ContentLength"]) == ("image/jpeg", first.output_bytes)
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert int(sources_item()["stored_at"]["N"]) >= int(stored["N"])


def test_how_long_an_object_is_kept_is_counted_from_when_it_was_stored(monkeypatch):
    end = expires_at(JOB_ID)
    monkeypatch.setenv("IMAGE_RETENTION_DAYS", "180")
    forget()
    exactly = StoredImage(1, end - 180 * SECONDS_A_DAY)

    assert outlives(exactly, end)
    assert not outlives(replace(exactly, stored_at=exactly.stored_at - 1), end)


def test_a_redirect_that_leads_to_another_picture_shows_that_one(web, picture, made):
    """Though its tag is the same: a tag is its own URL's."""
    web.route("/front.jpg", versioned(picture.body, ETag='"1"'))
    web.route("/back.jpg", versioned(saved(photo(90, 70), "JPEG"), ETag='"1"'))
    url = web.route("/main.jpg", Answer(302, headers={"Location": "/front.jpg"}))
    first = made(url)
    web.route("/main.jpg", Answer(302, headers={"Location": "/back.jpg"}))

    assert made(url, again=True).sha256 != first.sha256


def test_where_a_redirect_leads_is_asked_what_has_changed(web, picture, made):
    web.route("/front.jpg", versioned(picture.body, ETag='"1"'))
    url = web.route("/main.jpg", Answer(302, headers={"Location": "/front.jpg"}))
    first = made(url)

    assert made(url, again=True) == replace(first, reused=True)
    assert [request.headers.get("if-none-match") for request in web.asked_for("/front.jpg")] == [None, '"1"']


def test_a_304_that_nobody_asked_for_is_a_fault(web, made):
    image = made(web.route("/a.jpg", Answer(304)))

    assert (image.status, image.error, image.http_status) == (ImageStatus.FAILED, ImageCode.HTTP_STATUS, 304)


def test_an_origin_that_calls_all_unchanged_is_taken_at_its_word(web, picture, made):
    """Documented: `reuse=never` mends it."""
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    first = made(url)
    web.route("/a.jpg", versioned(saved(photo(90, 70), "JPEG"), ETag='"1"'))

    assert made(url, again=True).key == first.key


def test_no_image_fails_for_want_of_memory_of_it(web, picture, made, monkeypatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise clients.s3().exceptions.ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchWriteItem")

    monkeypatch.setattr("process.reuse.put_sources", refuse)

    assert made(web.route("/a.jpg", picture)).status is ImageStatus.COMPLETED


def put_count() -> int:
    listed = clients.s3().list_object_versions(Bucket=IMAGE_BUCKET)
    return len(listed.get("Versions", []))


def sources_item() -> dict[str, Any]:
    pages = clients.dynamodb().scan(TableName="imagemill-prod-table")["Items"]
    [item] = [item for item in pages if item["pk"]["S"].startswith(f"SOURCE#{TENANT}#")]
    return item


def test_what_the_same_job_made_is_used_and_not_called_reused(web, picture, context):
    url = web.route("/a.jpg", versioned(picture.body, ETag='"1"'))
    for row in (1, 2):
        handler(batch(replace(message(url, row=row, ledger_size=2), tenant=TENANT)), context)

    [one], [other] = result_of(1).images, result_of(2).images
    assert other == one
    assert not other.reused
    assert web.asked_for("/a.jpg")[1].headers["if-none-match"] == '"1"'
