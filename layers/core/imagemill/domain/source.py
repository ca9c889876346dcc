"""Sources: what came of a URL under image options, remembered so that nothing is made twice (design B8)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ImageResult

#: RFC 9110 section 8.8.3; longer ones are not remembered, and cost the download alone.
ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
MAX_ETAG_CHARACTERS = 512
MAX_DATE_CHARACTERS = 40
SECONDS_A_DAY = 86_400
#: How much older than its answer a Last-Modified has to be to tell two pictures apart: of the origin's own clock one
#: second, where it tells the time; else what two clocks may differ by (RFC 9110 section 8.8.2.2).
OWN_CLOCK = timedelta(seconds=1)
OTHER_CLOCK = timedelta(seconds=60)


class Validators(NamedTuple):
    """What an origin tells versions of an image apart by, fit to be sent back to it; None where it says nothing fit.

    answered_by: what tells the URL apart that redirects led to, where they did: the validators are that one's.
    """

    etag: str | None = None
    last_modified: str | None = None
    answered_by: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Validators:
        """Of values that have others beside these."""
        return cls(*(values.get(name) for name in cls._fields))


#: Of what was never fetched, or of an origin that says nothing.
UNKNOWN = Validators()


def read_validators(etag: str | None, last_modified: str | None, date: str | None, now: datetime) -> Validators:
    """Those of an answer's header fields `ETag`, `Last-Modified` and `Date` that can be relied on.

    A tag that is none or very long, a date that cannot be read, and one so young that another picture may follow it
    within the same second, are left out: the image is then compared byte for byte.
    """
    tag = (etag or "").strip()
    is_tag = len(tag) <= MAX_ETAG_CHARACTERS and ETAG.fullmatch(tag)
    return Validators(tag if is_tag else None, _settled_date(last_modified, date, now))


def _settled_date(last_modified: str | None, date: str | None, now: datetime) -> str | None:
    text = (last_modified or "").strip()
    modified = _moment(text)
    if modified is None:
        return None
    answered = _moment((date or "").strip())
    is_old = modified + OWN_CLOCK <= answered if answered else modified + OTHER_CLOCK <= now
    return text if is_old and modified <= now + OTHER_CLOCK else None


def _moment(text: str) -> datetime | None:
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= MAX_DATE_CHARACTERS:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def slack_seconds(retention_days: int) -> int:
    """For how long after a job another may name all of its images unseen, since its catalogue has not changed.

    Images are kept for as much longer than the jobs that name them.
    """
    return retention_days * SECONDS_A_DAY // 6


class SourceKey(NamedTuple):
    """A tenant's image: which URL, made how. digest: SHA-256 of both, in hex."""

    tenant: str
    digest: str


def source_key(tenant: str, url: str, options: ImageOptions) -> SourceKey:
    """Only options that change an image's bytes take part: all that a job says beside them has no influence."""
    return SourceKey(tenant, sha256(f"{_canonical(options)}\n{url}".encode(errors="surrogatepass")).hexdigest())


@lru_cache(maxsize=64)
def _canonical(options: ImageOptions) -> str:
    """The same text for the same options, of which a job's images have one set."""
    return json.dumps(options.as_dict(), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Source:
    """What the mill knows of an image that it has made.

    sha256: of the bytes that the origin sent, in hex. result: of position 0. stored_at: when its object was last
    stored, or a little before, in epoch seconds. job_id: of the job that made it.
    """

    validators: Validators
    sha256: str
    result: ImageResult
    stored_at: int
    job_id: str

    def used_at(self, job_id: str, position: int) -> ImageResult:
        """The image as that of a product; reused, unless the product's own job made it."""
        return replace(self.result, position=position, reused=None if job_id == self.job_id else True)
