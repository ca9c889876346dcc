"""The watch list: the jobs that the sweep looks after, in index `gsi2` by the time of its next look.

A job is on it from its making until it has ended and its receivers are told. `gsi2pk` and `gsi2sk` are attributes of
the job's own item, so no job is made without. The report takes them off when there is nobody to call, else the sweep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import from_item, to_item
from imagemill.adapters.store.jobs import WATCHED, change_job
from imagemill.domain.codes import JobStatus
from imagemill.domain.stall import Note, Seen
from imagemill.settings import settings

WATCH_INDEX = "gsi2"
#: Entries read at once: of 150 bytes each.
PAGE = 100


@dataclass(frozen=True, slots=True)
class Watched:
    """An entry of the list. due: when it is to be looked at, in epoch seconds. kept: the note, as it is stored."""

    job_id: str
    due: int
    kept: Mapping[str, Any] | None

    @property
    def note(self) -> Note | None:
        """None before the first look. Read here, so that one that cannot be read concerns its own job alone."""
        return _note(self.kept) if self.kept else None


def due_jobs(moment: int) -> Iterator[Watched]:
    """The entries that are due, the longest due first, read as they are asked for."""
    query: dict[str, Any] = {
        "TableName": settings().table,
        "IndexName": WATCH_INDEX,
        "KeyConditionExpression": "gsi2pk = :watched AND gsi2sk <= :moment",
        "ExpressionAttributeValues": to_item({":watched": WATCHED, ":moment": moment}),
        "Limit": PAGE,
    }
    while True:
        page = dynamodb().query(**query)
        for item in page["Items"]:
            yield _watched(from_item(item))
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def look_again(entry: Watched, due: int, note: Note | None = None) -> bool:
    """Note when to look at a job again, and what was seen of it. False when another sweep was first.

    The condition is the time of this look: of two sweeps at once, one goes on.
    """
    values = {":watched": WATCHED, ":seen": entry.due, ":due": due, ":note": note and _note_as_dict(note)}
    update = "SET gsi2sk = :due" + (", sweep = :note" if note else "")
    return change_job(entry.job_id, update, "gsi2pk = :watched AND gsi2sk = :seen", values)


def unwatch(entry: Watched, status: JobStatus, run: int) -> bool:
    """Take a job off the list. False when it is no longer as it was seen, for a retry may have begun."""
    values = {":seen": entry.due, ":status": status.value, ":run": run}
    condition = "gsi2sk = :seen AND #status = :status AND run = :run"
    return change_job(entry.job_id, "REMOVE gsi2pk, gsi2sk, sweep", condition, values)


def note_reported(job_id: str, run: int, status: JobStatus, *, is_over: bool) -> bool:
    """Note on an ended job that its run is reported. False when it was noted before, or another run has begun.

    is_over: nobody is yet to be told, so the job leaves the list. A retry, which puts it there, changes the run.
    """
    update = "SET reported = :run" + (" REMOVE gsi2pk, gsi2sk, sweep" if is_over else "")
    condition = "#status = :status AND run = :run AND (attribute_not_exists(reported) OR reported <> :run)"
    return change_job(job_id, update, condition, {":run": run, ":status": status.value})


def forget(entry: Watched) -> bool:
    """Take a job off the list whose retention is over."""
    return change_job(entry.job_id, "REMOVE gsi2pk, gsi2sk, sweep", "gsi2sk = :seen", {":seen": entry.due})


def _watched(values: Mapping[str, Any]) -> Watched:
    return Watched(values["job_id"], values["gsi2sk"], values.get("sweep"))


def _note(values: Mapping[str, Any]) -> Note:
    seen = Seen(JobStatus(values["status"]), values["run"], values["ended"])
    return Note(seen, values["at"], values["redrives"])


def _note_as_dict(note: Note) -> dict[str, Any]:
    return {
        "status": note.seen.status.value,
        "run": note.seen.run,
        "ended": note.seen.ended,
        "at": note.at,
        "redrives": note.redrives,
    }
