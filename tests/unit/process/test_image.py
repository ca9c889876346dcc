"""One image: its key, its object, and who shares it."""

import hashlib
from dataclasses import replace

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.policy import WebPolicy
from imagemill.domain.codes import ImageCode, ProductStatus
from imagemill.domain.ids import new_id
from imagemill.domain.options import ImageOptions, OutputFormat
from process.app import handler
from process.image import OutputSlot, WorkerResources, image_key
from tests.support.account import IMAGE_BUCKET, JOB_ID
from tests.support.product_batches import batch, message, result_of

pytestmark = pytest.mark.usefixtures("open_runs")


def test_an_image_is_stored_as_its_result_says(aws, context, web, picture):
    url = web.route("/img/caf%C3%A9%20front.jpg", picture)

    handler(batch(message(url)), context)

    [(key, stored)] = aws.objects(IMAGE_BUCKET).items()
    [image] = result_of().images
    spread = hashlib.sha256(f"{JOB_ID}/1".encode()).hexdigest()[:2]
    assert key == image.key
    assert key.startswith(f"images/{spread}/{JOB_ID}/1/1-caf")
    assert (image.input_bytes, image.output_bytes) == (len(picture.body), len(stored))
    assert image.sha256 == hashlib.sha256(stored).hexdigest()
    assert (image.width, image.height, image.format, image.kept) == (160, 120, "jpeg", False)
    assert len(stored) < len(picture.body)


def test_a_stored_image_has_its_type_and_never_changes(aws, context, web, picture):
    handler(batch(message(web.route("/a.jpg", picture))), context)

    head = clients.s3().head_object(Bucket=IMAGE_BUCKET, Key=result_of().images[0].key or "")
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a/img/front.JPG?v=2", "3-front.webp"),
        ("https://a/", "3-image.webp"),
        ("https://a/%2e%2e%2fsecret", "3-secret.webp"),
        ("https://a/über straße.png", "3-ber-stra-e.webp"),
        ("https://a/" + "x" * 200 + ".png", f"3-{'x' * 80}.webp"),
        ("https://a/...", "3-image.webp"),
    ],
)
def test_keys_are_named_after_the_url_in_plain_characters(url, name):
    key = image_key(url, OutputSlot(JOB_ID, 7, 3), "webp")

    spread = hashlib.sha256(f"{JOB_ID}/7".encode()).hexdigest()[:2]
    assert key == f"images/{spread}/{JOB_ID}/7/{name}"


def test_no_two_products_share_a_key():
    jobs = [new_id(), new_id()]
    places = [OutputSlot(job, row, position) for job in jobs for row in (1, 11) for position in (1, 2)]

    assert len({image_key("https://a/same.jpg", place, "jpg") for place in places}) == len(places)


def test_an_image_that_several_products_show_is_fetched_once_and_stored_for_each(aws, context, web, picture):
    url = web.route("/same.jpg", picture)

    handler(batch(message(url, url, row=1, ledger_size=2), message(url, row=2, ledger_size=2)), context)

    keys = [str(image.key) for row in (1, 2) for image in result_of(row).images]
    assert len(web.asked_for("/same.jpg")) == 1
    assert sorted(aws.objects(IMAGE_BUCKET)) == sorted(keys)
    assert len(set(keys)) == 3


def test_a_fault_of_a_shared_image_is_each_products_own(aws, context, web, picture):
    gone = f"{web.url}/gone.jpg"
    good = web.route("/a.jpg", picture)

    handler(batch(message(good, gone, row=1, ledger_size=2), message(gone, row=2, ledger_size=2)), context)

    assert [(image.position, image.error) for image in result_of(1).images] == [(1, None), (2, ImageCode.HTTP_STATUS)]
    assert result_of(2).status is ProductStatus.FAILED


def test_the_same_url_with_other_options_is_another_image(aws, context, web, picture):
    url = web.route("/same.jpg", picture)
    other = replace(message(url, row=2, ledger_size=2), options=ImageOptions(format=OutputFormat.WEBP))

    handler(batch(message(url, row=1, ledger_size=2), other), context)

    assert [result_of(row).images[0].format for row in (1, 2)] == ["jpeg", "webp"]


@pytest.mark.parametrize(
    ("memory_megabytes", "processors", "vcpus"), [(512, 2, 1), (1769, 2, 1), (3538, 2, 2), (10240, 6, 6), (3538, 1, 1)]
)
def test_as_many_images_are_compressed_at_once_as_there_are_vcpus(memory_megabytes, processors, vcpus):
    web = WebClient(WebPolicy())

    assert WorkerResources(web, memory_megabytes, processors).vcpus == vcpus
    web.close()
