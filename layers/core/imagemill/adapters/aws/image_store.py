"""Objects in the image bucket. Each image costs one PUT, so what a PUT costs in CPU counts.

boto3 takes 1.7 ms of CPU for one, a sixth of what compressing a shop's image takes; the fast lane takes 0.3 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import error_code, s3
from imagemill.adapters.aws.fast_lane import FastLane, fast_lane
from imagemill.kept import kept
from imagemill.settings import settings

#: The key names the bytes, so what it holds never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"


def put_image(key: str, body: bytes, content_type: str, sha256: str) -> None:
    """Store an image. sha256: of `body`, in hex; S3 refuses a body that does not match.

    Repeating overwrites it with the same: a key belongs to these bytes, or, as release 0.1 made them, to one position
    of one job.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
    """
    lane = images_lane()
    headers = {"content-type": content_type, "cache-control": CACHE_CONTROL}
    if lane is None or lane.try_once("PUT", f"/{quote(key)}", body, headers, sha256) is None:
        s3().put_object(
            Bucket=settings().image_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=CACHE_CONTROL
        )


@dataclass(frozen=True, slots=True)
class StoredImage:
    """size: in bytes. stored_at: when it was stored the last time, in epoch seconds by S3's clock."""

    size: int
    stored_at: float


def find_image(key: str) -> StoredImage | None:
    """What is stored under a key; None for nothing. HEAD of a missing one says 403 to whoever may not list.

    Raises:
        BotoCoreError, ClientError: when S3 does not say; after boto3's own retries.
    """
    lane = images_lane()
    fields = lane.head_once(f"/{quote(key)}") if lane else None
    if fields and "last-modified" in fields and fields.get("content-length", "").isdigit():
        return StoredImage(int(fields["content-length"]), parsedate_to_datetime(fields["last-modified"]).timestamp())
    try:
        answer = s3().head_object(Bucket=settings().image_bucket, Key=key)
    except ClientError as fault:
        if error_code(fault) in {"403", "404", "AccessDenied", "NoSuchKey", "NotFound"}:
            return None
        raise
    return StoredImage(answer["ContentLength"], answer["LastModified"].timestamp())


def store_again(key: str, content_type: str) -> bool:
    """Let an object's time begin anew, by a copy of it onto itself; whether it was there. Repeating does so again.

    Raises:
        BotoCoreError, ClientError: for other faults; after boto3's own retries.
    """
    bucket = settings().image_bucket
    try:
        s3().copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": bucket, "Key": key},
            MetadataDirective="REPLACE",
            ContentType=content_type,
            CacheControl=CACHE_CONTROL,
        )
    except ClientError as fault:
        if error_code(fault) in {"403", "404", "AccessDenied", "NoSuchKey", "NotFound"}:
            return False
        raise
    return True


@kept
def images_lane() -> FastLane | None:
    """To where boto3 itself would put objects, as its presigned URLs tell."""
    client = s3()
    presigned = client.generate_presigned_url("put_object", Params={"Bucket": settings().image_bucket, "Key": "-"})
    return fast_lane(presigned.partition("?")[0].removesuffix("/-"), "s3", client.meta.region_name)
