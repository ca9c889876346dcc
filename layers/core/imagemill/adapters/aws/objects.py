"""Objects in the catalogue bucket, and where images are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from imagemill.adapters.aws.clients import s3
from imagemill.domain.job import UPLOAD_SECONDS
from imagemill.settings import settings

if TYPE_CHECKING:
    from botocore.response import StreamingBody

#: Life of a presigned download, in seconds (contract A4: 15 minutes).
DOWNLOAD_SECONDS = 15 * 60
#: The largest CSV taken by presigned upload, in bytes (contract A7: 1 GiB).
MAX_UPLOAD_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class ObjectHead:
    size: int
    modified: datetime
    version: str
    metadata: Mapping[str, str]


def head_catalogue(key: str, version: str | None) -> ObjectHead:
    """Describe an object in the catalogue bucket. Its ETag stands in where the bucket has no versions."""
    request: dict[str, Any] = {"Bucket": settings().catalogue_bucket, "Key": key}
    if version:
        request["VersionId"] = version
    answer = s3().head_object(**request)
    return ObjectHead(
        size=answer["ContentLength"],
        modified=answer["LastModified"],
        version=version or answer["ETag"].strip('"'),
        metadata=answer["Metadata"],
    )


def put_catalogue(key: str, body: bytes, content_type: str) -> str | None:
    """Returns the version that the object then has; None where the bucket has no versions."""
    answer = s3().put_object(Bucket=settings().catalogue_bucket, Key=key, Body=body, ContentType=content_type)
    return answer.get("VersionId")


def copy_catalogue(source: str, version: str | None, target: str) -> None:
    """Copy within the catalogue bucket, on the server's side. Repeating writes the same bytes."""
    bucket = settings().catalogue_bucket
    origin: dict[str, str] = {"Bucket": bucket, "Key": source}
    if version:
        origin["VersionId"] = version
    s3().copy_object(
        Bucket=bucket,
        Key=target,
        CopySource=cast("Any", origin),
        MetadataDirective="REPLACE",
        TaggingDirective="REPLACE",
    )


def versions_of(key: str) -> list[str]:
    """The versions that there are under a key, the first first.

    S3 lists them from the latest to the first ("ListObjectVersions", Amazon S3 API reference).
    """
    pages = s3().get_paginator("list_object_versions").paginate(Bucket=settings().catalogue_bucket, Prefix=key)
    listed = [version for page in pages for version in page.get("Versions", [])]
    return [version["VersionId"] for version in reversed(listed) if version["Key"] == key]


def remove_version(key: str, version: str) -> None:
    """Remove one version of an object for good; the one before it is the latest again. Repeating changes nothing."""
    s3().delete_object(Bucket=settings().catalogue_bucket, Key=key, VersionId=version)


def open_catalogue(key: str, start: int = 0, end: int | None = None, version: str | None = None) -> StreamingBody:
    """Stream an object's bytes from `start` up to, not including, `end`. version: None for the latest."""
    last = "" if end is None else str(end - 1)
    request: dict[str, Any] = {"Bucket": settings().catalogue_bucket, "Key": key}
    if start or last:
        request["Range"] = f"bytes={start}-{last}"
    if version:
        request["VersionId"] = version
    return s3().get_object(**request)["Body"]


def catalogue_size(key: str) -> int:
    return s3().head_object(Bucket=settings().catalogue_bucket, Key=key)["ContentLength"]


def catalogue_exists(key: str) -> bool:
    """Whether there is such an object. Listed, for HEAD of a missing one says 403 to whoever may not list."""
    listed = s3().list_objects_v2(Bucket=settings().catalogue_bucket, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in listed.get("Contents", []))


def download_url(key: str, filename: str) -> str:
    """A presigned GET of a catalogue object, valid for `DOWNLOAD_SECONDS`, that saves under `filename`."""
    return s3().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings().catalogue_bucket,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{filename}"',
            "ResponseContentType": "text/csv; charset=utf-8",
        },
        ExpiresIn=DOWNLOAD_SECONDS,
    )


def presigned_upload(key: str) -> dict[str, Any]:
    """A form for one CSV, as the contract's `upload`: POST `fields`, then the file as `file`, to `url`.

    S3 refuses any other key and content type, an empty file, and one over MAX_UPLOAD_BYTES. It holds for
    UPLOAD_SECONDS, or until the session of the role that signs it ends.
    """
    content_type = "text/csv"
    form = s3().generate_presigned_post(
        Bucket=settings().catalogue_bucket,
        Key=key,
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, MAX_UPLOAD_BYTES]],
        ExpiresIn=UPLOAD_SECONDS,
    )
    expires = datetime.now(UTC) + timedelta(seconds=UPLOAD_SECONDS)
    return {
        "url": form["url"],
        "fields": form["fields"],
        "expires_at": expires.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def upload_origin() -> str:
    """Scheme and host that presigned uploads go to."""
    parts = urlsplit(presigned_upload("uploads/")["url"])
    return f"{parts.scheme}://{parts.netloc}"


def output_url(key: str) -> str:
    """The public address of a stored image. Never a presigned one: those die with the role's session."""
    return f"{settings().output_base_url}/{key}"
