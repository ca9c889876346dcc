"""The image store against a real HTTP server that notes what it is sent, and can fail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from imagemill.adapters.aws import clients, image_store
from imagemill.adapters.aws.image_store import CACHE_CONTROL, put_image
from imagemill.kept import forget
from tests.support.account import CREDENTIALS, ENVIRONMENT, IMAGE_BUCKET
from tests.support.aws_listener import AwsListener

BODY = b"\xff\xd8 an image"
DIGEST = hashlib.sha256(BODY).hexdigest()
KEY = "images/0a/01K0B3T5Q8ZC4V7XW2N9M6R1DF/1/1-front.jpg"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsListener]:
    with AwsListener(b"").listening(monkeypatch) as running:
        _forget()
        yield running
    _forget()


def _forget() -> None:
    forget()
    clients.forget_clients()


def test_image_is_stored_by_one_request(store: AwsListener) -> None:
    put_image(KEY, BODY, "image/jpeg", DIGEST)

    [put] = store.calls
    assert not put.is_boto3
    assert put.path == f"/{IMAGE_BUCKET}/{KEY}"
    assert put.body == BODY
    assert put.headers["content-type"] == "image/jpeg"
    assert put.headers["cache-control"] == CACHE_CONTROL
    assert put.headers["x-amz-content-sha256"] == DIGEST


def test_signature_is_the_one_that_botocore_computes(store: AwsListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-role's")

    put_image(KEY, BODY, "image/jpeg", DIGEST)

    [put] = store.calls
    signed = re.search("SignedHeaders=([^,]+)", put.headers["authorization"])
    assert signed
    names = set(signed[1].split(";"))
    assert names >= {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
    headers = {name: put.headers[name] for name in names - {"host"}}
    again = AWSRequest("PUT", store.url + put.path, headers=headers, data=put.body)
    again.context["timestamp"] = put.headers["x-amz-date"]
    signer = S3SigV4Auth(ReadOnlyCredentials("testing", "testing", "the-role's", None), "s3", "eu-central-1")
    string_to_sign = signer.string_to_sign(again, signer.canonical_request(again))
    assert put.headers["authorization"].endswith(f"Signature={signer.signature(string_to_sign, again)}")


@pytest.mark.parametrize("answer", [503, 500, 307, 403, None])
def test_boto3_takes_over_whatever_went_wrong(store: AwsListener, answer: int | None) -> None:
    store.answers = [None if answer is None else (answer, b"")]

    put_image(KEY, BODY, "image/jpeg", DIGEST)

    assert [put.is_boto3 for put in store.calls] == [False, True]
    assert store.calls[-1].body == BODY
    assert store.calls[-1].headers["cache-control"] == CACHE_CONTROL
    assert store.calls[-1].headers["content-type"] == "image/jpeg"


def test_refusal_by_boto3_is_raised(store: AwsListener) -> None:
    store.answers = [(403, b""), (403, b"")]

    with pytest.raises(ClientError):
        put_image(KEY, BODY, "image/jpeg", DIGEST)


def test_boto3_alone_speaks_to_a_proxy(store: AwsListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", store.url)

    put_image(KEY, BODY, "image/jpeg", DIGEST)

    assert [put.is_boto3 for put in store.calls] == [True]


def test_address_on_aws_is_the_buckets_own_in_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _forget()

    bucket = image_store.images_lane()

    assert bucket
    assert bucket.url == f"https://{IMAGE_BUCKET}.s3.eu-central-1.amazonaws.com"
    assert bucket.signer.region == "eu-central-1"
    _forget()
