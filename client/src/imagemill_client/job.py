"""A job that was handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self, cast

from imagemill_client import download, failures
from imagemill_client.documents import Attempt, JobDocument, ProductDocument, Redelivery
from imagemill_client.errors import RefusedError, StillRunningError, UnreachableError
from imagemill_client.pages import pages, path_part
from imagemill_client.transport import Transport

#: Between two looks at a job, in seconds: soon at first, for small ones; never more often than another caller likes.
FIRST_LOOK_SECONDS = 0.2
LONGEST_LOOK_SECONDS = 5.0
LOOK_GROWTH = 1.15
#: How long the API may be unreachable while a job is waited for: a laptop changes its network, a stack its release.
WAIT_PATIENCE_SECONDS = 60.0


class Job:
    """A job as it was when it was last looked at; `refresh` and `wait` look again.

    document: the API's own, whatever its release adds. Every method that calls may raise RefusedError and
    UnreachableError.
    """

    def __init__(self, transport: Transport, document: JobDocument) -> None:
        self.transport = transport
        self.document = document

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.status}>"

    @property
    def id(self) -> str:
        return str(self.document["job_id"])

    @property
    def status(self) -> str:
        return str(self.document["status"])

    @property
    def has_ended(self) -> bool:
        return bool(self.document["ended_at"])

    @property
    def has_output(self) -> bool:
        """There is an output CSV: it has ended, and its CSV was not refused."""
        return bool(self.document["links"]["output"])

    @property
    def counts(self) -> Mapping[str, int]:
        """Its products: `total`, and how many are in each status."""
        return cast("Mapping[str, int]", self.document["products"])

    @property
    def _path(self) -> str:
        return f"/jobs/{path_part(self.id)}"

    def refresh(self) -> Self:
        self.document = cast("JobDocument", self.transport.get(self._path))
        return self

    def wait(self, timeout: float | None = None, on_look: Callable[[Job], None] | None = None) -> Self:
        """Look until the job has ended.

        timeout: seconds, without end by default. on_look: told of the job at each look.

        Raises: StillRunningError after `timeout`; UnreachableError when the API is away for over a minute.
        """
        pause = FIRST_LOOK_SECONDS
        now = time.monotonic()
        deadline = None if timeout is None else now + timeout
        seen = now
        while True:
            try:
                self.refresh()
                seen = time.monotonic()
            except UnreachableError:
                if time.monotonic() - seen > WAIT_PATIENCE_SECONDS:
                    raise
            if on_look is not None:
                on_look(self)
            if self.has_ended:
                return self
            left = pause if deadline is None else min(pause, deadline - time.monotonic())
            if left <= 0:
                raise StillRunningError(
                    f"Job {self.id} is still {self.status} after {timeout:g} s. `imagemill wait {self.id}` goes on."
                )
            self.transport.pause(left)
            pause = min(LONGEST_LOOK_SECONDS, pause * LOOK_GROWTH)

    def products(self, status: str | None = None) -> Iterator[ProductDocument]:
        """Every product, or those of a status, in row order."""
        found = pages(self.transport, f"{self._path}/products", "products", status)
        return cast("Iterator[ProductDocument]", found)

    def failures(self) -> Iterator[failures.Failure]:
        """Every row and image that failed, in row order."""
        return failures.of_products(self.products("PARTIAL"), self.products("FAILED"))

    def download(
        self,
        folder: str | Path,
        *,
        as_zip: bool = False,
        on_progress: Callable[[download.Download], None] | None = None,
    ) -> download.Download:
        """Fetch `output.csv`, `job.json` and `images/` into a folder, or `<job id>.zip` of them.

        What is there already and whole is not fetched again. Nothing half-written stands under its final name.

        Raises: DownloadError when a file could not be fetched or written; all others are there then.
        """
        return download.download(self, Path(folder), as_zip=as_zip, on_progress=on_progress)

    def save_output(self, path: str | Path) -> Path:
        """Fetch the output CSV to a path."""
        return download.save_output(self, Path(path))

    def output_pieces(self) -> Iterator[bytes]:
        """The output CSV, piece by piece; the first comes when all of it is here."""
        return download.output_pieces(self)

    def output_url(self) -> str:
        """The output CSV's address, for 15 minutes."""
        answer = self.transport.answer("GET", f"{self._path}/output")
        return str(answer.headers["location"]) if answer.is_redirect else str(answer.json()["url"])

    def cancel(self) -> Self:
        """Stop what has not begun; what is done is kept."""
        try:
            document = self.transport.call("POST", f"{self._path}/cancel", repeatable=True)
            self.document = cast("JobDocument", document)
        except RefusedError as refused:
            # A cancellation whose answer was lost has been accepted all the same.
            if refused.code != "JOB_ALREADY_ENDED" or self.refresh().status != "CANCELLED":
                raise
        return self

    def retry(self) -> Self:
        """Run again what failed or was cancelled, image by image."""
        run = self.refresh().document.get("run", 1)
        try:
            document = self.transport.call("POST", f"{self._path}/retry", repeatable=True)
            self.document = cast("JobDocument", document)
        except RefusedError as refused:
            if refused.code != "JOB_NOT_FINISHED" or self.refresh().document.get("run", 1) <= run:
                raise
        return self

    def redeliver(self) -> Redelivery:
        """Send its webhooks again. An answer that is lost is not asked for twice: receivers would be told twice."""
        return cast("Redelivery", self.transport.call("POST", f"{self._path}/redeliver"))

    def deliveries(self) -> Iterator[Attempt]:
        """Each attempt to deliver its webhooks."""
        found = pages(self.transport, f"{self._path}/deliveries", "deliveries", limit=None)
        return cast("Iterator[Attempt]", found)
