"""Ids of jobs and webhooks: ULIDs (https://github.com/ulid/spec), which sort by the time of their making."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from ulid import ULID

#: 128 bits in 26 characters of Crockford's base 32, the first of which has three bits.
ULID_PATTERN = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"

_ULID = re.compile(ULID_PATTERN)


def new_id() -> str:
    return str(ULID())


def is_id(text: str) -> bool:
    """Whether a text may be an id of ours."""
    return _ULID.fullmatch(text) is not None


@lru_cache(maxsize=1_024)
def created_seconds(identifier: str) -> int:
    """When an id was made, in epoch seconds, as it tells itself."""
    return int(ULID.from_str(identifier).timestamp)


def job_id_of_object(bucket: str, key: str, version: str, modified: datetime) -> str:
    """The id of the job that an object version starts.

    The same version gives the same id, so an event delivered twice starts one job. The time part is
    the object's own, so that jobs still sort by age.
    """
    milliseconds = int(modified.timestamp() * 1000).to_bytes(6, "big")
    identity = hashlib.sha256(f"{bucket}\0{key}\0{version}".encode()).digest()
    return str(ULID.from_bytes(milliseconds + identity[:10]))


def job_id_of_run(schedule_id: str, at: datetime) -> str:
    """The id of the job that a schedule starts at a time. A timer that fires twice for it starts one job."""
    seconds = int(at.astimezone(UTC).timestamp())
    identity = hashlib.sha256(f"{schedule_id}\0{seconds}".encode()).digest()
    return str(ULID.from_bytes((seconds * 1000).to_bytes(6, "big") + identity[:10]))
