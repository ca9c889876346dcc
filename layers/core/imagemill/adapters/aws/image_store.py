"""Objects in the image bucket. Each image costs one PUT, so what a PUT costs in CPU counts.

boto3 takes 1.7 ms of CPU for one, a sixth of what compressing a shop's image takes; the fast lane takes 0.3 ms.
"""

from __future__ import annotations

from urllib.parse import quote

from imagemill.adapters.aws.clients import s3
from imagemill.adapters.aws.fast_lane import FastLane, fast_lane
from imagemill.kept import kept
from imagemill.settings import settings

#: The key names the job, so what it holds never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"


def put_image(key: str, body: bytes, content_type: str, sha256: str) -> None:
    """Store an image. sha256: of `body`, in hex; S3 refuses a body that does not match.

    Repeating overwrites it with the same; a key belongs to one position of one job.

    Raises:
        BotoCoreError, ClientError: after boto3's own retries.
    """
    lane = images_lane()
    headers = {"content-type": content_type, "cache-control": CACHE_CONTROL}
    if lane is None or lane.try_once("PUT", f"/{quote(key)}", body, headers, sha256) is None:
        s3().put_object(
            Bucket=settings().image_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=CACHE_CONTROL
        )


@kept
def images_lane() -> FastLane | None:
    """To where boto3 itself would put objects, as its presigned URLs tell."""
    client = s3()
    presigned = client.generate_presigned_url("put_object", Params={"Bucket": settings().image_bucket, "Key": "-"})
    return fast_lane(presigned.partition("?")[0].removesuffix("/-"), "s3", client.meta.region_name)
