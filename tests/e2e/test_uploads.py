"""Large CSVs: announced at the API, sent to S3, and refused there unless they are what was announced."""

from __future__ import annotations

import pytest

from imagemill_client.catalogue import MAX_REQUEST_BYTES
from tests.support.forms import announce, send
from tests.support.shop import Shop, assert_exact, catalogue, eventually


def test_a_csv_that_is_sent_to_s3_becomes_its_job(shop: Shop, picture: str) -> None:
    announced = announce(shop, filename="summer.csv", quality=60, format="webp", client_reference="order-1")
    job = shop.get(f"/jobs/{announced['job_id']}")
    assert (job["status"], job["filename"], job["products"]["total"]) == ("AWAITING_UPLOAD", "summer.csv", 0)

    assert send(shop, announced["upload"], catalogue([["1", "A", picture], ["2", "", picture]])).status == 204

    job = shop.ended(announced["job_id"])
    assert (job["status"], job["source"], job["client_reference"]) == ("PARTIAL", "api", "order-1")
    assert (job["options"]["quality"], job["options"]["format"]) == (60, "webp")
    assert_exact(shop, job)


def test_a_form_is_good_for_one_upload(shop: Shop, picture: str) -> None:
    """The second catalogue has another shape; it comes at once, and again when the job has ended."""
    announced = announce(shop)
    job_id, upload = announced["job_id"], announced["upload"]
    second = f"Image Urls;Name;No\r\n{picture}?b;B;7\r\n".encode()

    assert send(shop, upload, catalogue([["1", "A", f"{picture}?1"], ["2", "A2", f"{picture}?2"]])).status == 204
    assert send(shop, upload, second).status == 204
    job = shop.ended(job_id)
    assert send(shop, upload, second).status == 204

    def versions() -> int:
        key = upload["fields"]["key"]
        listed = shop.aws("s3").list_object_versions(Bucket=shop.stack.catalogue_bucket, Prefix=key)
        return len(listed["Versions"])

    eventually(lambda: versions() == 1, "what came second is removed")
    assert (job["status"], job["products"]["total"]) == ("COMPLETED", 2)
    assert [product["name"] for product in shop.get(f"/jobs/{job_id}/products")["products"]] == ["A", "A2"]
    assert_exact(shop, shop.get(f"/jobs/{job_id}"))


def test_a_csv_that_cannot_be_read_rejects_its_job(shop: Shop) -> None:
    announced = announce(shop)

    send(shop, announced["upload"], b"S. No.,Product Name,Title\r\n1,A,B\r\n")

    job = shop.ended(announced["job_id"])
    assert (job["status"], job["errors"][0]["code"]) == ("REJECTED", "MISSING_COLUMNS")


@pytest.mark.parametrize(
    ("csv", "changed"),
    [
        (b"", {}),
        (b"a", {"key": "uploads/other/01K0000000000000000000000Z.csv"}),
        (b"a", {"key": "outputs/a.csv"}),
        (b"a", {"Content-Type": "text/html"}),
    ],
)
def test_s3_refuses_what_was_not_announced(shop: Shop, csv: bytes, changed: dict[str, str]) -> None:
    announced = announce(shop)

    answer = send(shop, announced["upload"], csv, **changed)

    assert answer.status in {400, 403}, answer.data
    listing = shop.aws("s3").list_objects_v2(
        Bucket=shop.stack.catalogue_bucket, Prefix=changed.get("key", announced["upload"]["fields"]["key"])
    )
    assert listing["KeyCount"] == 0


def test_a_page_of_any_origin_may_send_a_form(shop: Shop) -> None:
    upload = announce(shop)["upload"]

    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    preflight = shop.http.request("OPTIONS", upload["url"], headers=asked)

    assert preflight.headers["access-control-allow-origin"] in {"*", "https://shop.example"}


def test_make_runs_client_uploads_what_is_too_large_for_a_request(shop: Shop, picture: str) -> None:
    csv = catalogue([["1", "A", picture]])
    large = csv + b"\r\n" * MAX_REQUEST_BYTES

    job_id = shop.client.submit(large, filename="large.csv", quality=60).id

    job = shop.ended(job_id)
    assert (job["status"], job["filename"], job["options"]["quality"]) == ("COMPLETED", "large.csv", 60)
    stored = eventually(lambda: shop.catalogue_object(f"uploads/{shop.tenant}/{job_id}.csv"), "the CSV is kept")
    assert len(stored) == len(large)
