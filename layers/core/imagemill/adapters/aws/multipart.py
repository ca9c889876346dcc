"""Multipart uploads into the catalogue bucket, which one invocation after the other may go on with.

A part that is sent again takes the place of the one before ("UploadPart", Amazon S3 API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import error_code, s3
from imagemill.errors import LostUploadError
from imagemill.settings import settings

#: S3 wants parts of at least 5 MiB, but for the last; 10,000 parts of 8 MiB hold the largest output there can be.
PART_BYTES = 8 * 1024 * 1024
#: What HEAD says of an object that there is not; 403 to whoever may not list the bucket.
MISSING = frozenset({"403", "404"})


def begin_upload(key: str, content_type: str) -> str:
    """Returns the upload's id. One that nobody completes is cleared away by the bucket's lifecycle after a day."""
    bucket = settings().catalogue_bucket
    return s3().create_multipart_upload(Bucket=bucket, Key=key, ContentType=content_type)["UploadId"]


def put_part(key: str, upload_id: str, number: int, body: bytes) -> None:
    """Send a part, from 1. Repeating it with the same bytes changes nothing.

    Raises:
        LostUploadError: when the upload is no longer known.
    """
    bucket = settings().catalogue_bucket
    try:
        s3().upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body)
    except ClientError as fault:
        raise _lost(fault) from fault


def complete_upload(key: str, upload_id: str) -> None:
    """Make the object of all parts that were sent. Repeating it changes nothing.

    Raises:
        LostUploadError: when the upload is no longer known, and there is no such object.
    """
    bucket = settings().catalogue_bucket
    try:
        pages = s3().get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id)
        parts: list[Any] = [
            {name: part[name] for name in ("PartNumber", "ETag", "ChecksumCRC32") if name in part}
            for page in pages
            for part in page["Parts"]
        ]
        s3().complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})
    except ClientError as fault:
        lost = _lost(fault)
        if not _exists(key):
            raise lost from fault


class StreamedUpload:
    """An object whose bytes come piece by piece, and which is there only when it has been finished.

    What is never finished is removed by the bucket after a day. Memory holds two parts at the most.
    """

    def __init__(self, key: str, content_type: str, metadata: Mapping[str, str]) -> None:
        self._target: dict[str, Any] = {"Bucket": settings().catalogue_bucket, "Key": key}
        self._described: dict[str, Any] = {"ContentType": content_type, "Metadata": dict(metadata)}
        self._rest = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, piece: bytes) -> None:
        self._rest += piece
        while len(self._rest) > PART_BYTES:
            self._send(bytes(self._rest[:PART_BYTES]))
            del self._rest[:PART_BYTES]

    def finish(self) -> None:
        if self._upload_id is None:
            s3().put_object(**self._target, Body=bytes(self._rest), **self._described)
            return
        self._send(bytes(self._rest))
        parts: Any = {"Parts": self._parts}
        s3().complete_multipart_upload(**self._target, UploadId=self._upload_id, MultipartUpload=parts)

    def give_up(self) -> None:
        if self._upload_id is not None:
            s3().abort_multipart_upload(**self._target, UploadId=self._upload_id)

    def _send(self, part: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = s3().create_multipart_upload(**self._target, **self._described)["UploadId"]
        number = len(self._parts) + 1
        answer = s3().upload_part(**self._target, UploadId=self._upload_id, PartNumber=number, Body=part)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


def _lost(fault: ClientError) -> LostUploadError:
    """Raises the fault itself when it is another one."""
    if error_code(fault) != "NoSuchUpload":
        raise fault
    return LostUploadError("an upload was completed or cleared away")


def _exists(key: str) -> bool:
    try:
        s3().head_object(Bucket=settings().catalogue_bucket, Key=key)
    except ClientError as fault:
        if error_code(fault) in MISSING:
            return False
        raise
    return True
