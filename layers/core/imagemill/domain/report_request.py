"""What the report queue is asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from imagemill.errors import UnreadableMessageError


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Close a run of a job, and tell of it.

    repeat: 0, or the number of an execution that is to tell its receivers once more, for the one before has failed.
    """

    job_id: str
    run: int
    repeat: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, body: str) -> ReportRequest:
        """The inverse of `to_json`. What later releases may add is passed over.

        Raises:
            UnreadableMessageError: for anything else.
        """
        try:
            match json.loads(body):
                case {"job_id": str(job_id), "run": int(run), "repeat": int(repeat)}:
                    return cls(job_id, run, repeat)
        except ValueError:
            pass
        raise UnreadableMessageError("not a request for a report")
