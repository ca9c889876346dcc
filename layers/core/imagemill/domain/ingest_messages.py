"""What the ingest queue is asked for, beside the events that S3 puts into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from imagemill.errors import UnreadableMessageError


@dataclass(frozen=True, slots=True)
class ContinueIngest:
    """The catalogue is to be fanned out from a chunk on, where an invocation's time ran out."""

    job_id: str
    chunk: int


@dataclass(frozen=True, slots=True)
class FetchCatalogue:
    """The CSV of a job is to be fetched from the address that it names."""

    job_id: str


@dataclass(frozen=True, slots=True)
class RunSchedule:
    """A schedule is due. at: since when, ISO 8601."""

    tenant: str
    schedule_id: str
    at: str


@dataclass(frozen=True, slots=True)
class FanOutRetry:
    """A retry is to be fanned out from a chunk on."""

    job_id: str
    run: int
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class RedriveRun:
    """What is missing in a run is to be found, from a chunk on, and started again; or failed, with give_up."""

    job_id: str
    run: int
    chunk: int = 0
    give_up: bool = False


@dataclass(frozen=True, slots=True)
class ObjectsCreated:
    """Objects have come: key and version of each, as S3's notification names them. None in its test event."""

    objects: tuple[tuple[str, str | None], ...]


IngestRequest: TypeAlias = ContinueIngest | FetchCatalogue | RunSchedule | FanOutRetry | RedriveRun
IngestMessage: TypeAlias = IngestRequest | ObjectsCreated

#: The member of a message's body that holds the request.
_NAMES: Mapping[type[IngestRequest], str] = {
    ContinueIngest: "continue",
    FetchCatalogue: "fetch",
    RunSchedule: "schedule",
    FanOutRetry: "retry",
    RedriveRun: "redrive",
}


def to_json(request: IngestRequest) -> str:
    return json.dumps({_NAMES[type(request)]: asdict(request)})


def from_json(body: str) -> IngestMessage:
    """The inverse of `to_json`, and what of an S3 notification matters. What later releases may add is passed over.

    Raises:
        UnreadableMessageError: for anything else.
    """
    try:
        document = json.loads(body)
        match document:
            case {"Records": list(records)}:
                return ObjectsCreated(tuple(_object(record) for record in records))
            # S3 sends it once, when notifications are set up.
            case {"Event": "s3:TestEvent"}:
                return ObjectsCreated(())
        request = _request(document)
    except (ValueError, KeyError, TypeError) as fault:
        raise UnreadableMessageError("not a message of the ingest queue") from fault
    if request is None:
        raise UnreadableMessageError("not a message of the ingest queue")
    return request


def _request(document: object) -> IngestRequest | None:
    request: IngestRequest | None = None
    match document:
        case {"continue": {"job_id": str(job_id), "chunk": int(chunk)}}:
            request = ContinueIngest(job_id, chunk)
        case {"fetch": {"job_id": str(job_id)}}:
            request = FetchCatalogue(job_id)
        case {"schedule": {"tenant": str(tenant), "schedule_id": str(schedule_id), "at": str(at)}}:
            request = RunSchedule(tenant, schedule_id, at)
        case {"retry": {"job_id": str(job_id), "run": int(run), "chunk": int(chunk)}}:
            request = FanOutRetry(job_id, run, chunk)
        case {"redrive": {"job_id": str(job_id), "run": int(run), "chunk": int(chunk), "give_up": bool(give_up)}}:
            request = RedriveRun(job_id, run, chunk, give_up)
    return request


def _object(record: Mapping[str, Any]) -> tuple[str, str | None]:
    described = record["s3"]["object"]
    return unquote_plus(described["key"]), described.get("versionId")
