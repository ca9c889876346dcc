"""A stack, as one of its callers sees it."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

import requests

from imagemill_client.catalogue import Catalogue, Form, OnSent, opened
from imagemill_client.documents import JobDocument, Message, ScheduleDocument, Secret, Validation, WebhookDocument
from imagemill_client.errors import MisuseError, RefusedError
from imagemill_client.job import Job
from imagemill_client.pages import pages, path_part
from imagemill_client.profiles import find_stack
from imagemill_client.transport import CONNECT_TIMEOUT_SECONDS, Transport
from imagemill_client.version import __version__

#: S3 answers a form when it has stored the last of its bytes.
UPLOAD_TIMEOUT_SECONDS = 300.0

#: What a job option may be; None is left out, so that the API's default holds.
Option = str | int | bool | None


class Client:
    """Calls one stack with one API key. Threads may share it.

    url: the stack's ApiUrl, `…/v1`. key: an API key; its id is the tenant. Without either, they are found as the
    command line finds them: IMAGEMILL_URL and IMAGEMILL_KEY, the profile, a local stack that runs.

    Every method may raise RefusedError or UnreachableError. What is safe to send again is sent again: dropped
    connections, 429 (`Retry-After` is heeded) and 5xx.
    """

    def __init__(self, url: str | None = None, key: str | None = None, *, profile: str | None = None) -> None:
        if url is None or key is None:
            stack = find_stack(profile=profile, url=url, key=key)
            url, key = stack.url, stack.key
        self.transport = Transport(url, key, f"imagemill-client/{__version__}")

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    @property
    def url(self) -> str:
        return self.transport.url

    def submit(
        self,
        catalogue: str | Path | bytes | IO[bytes],
        options: Mapping[str, Option] | None = None,
        *,
        filename: str | None = None,
        idempotency_key: str | None = None,
        on_sent: OnSent | None = None,
        **more_options: Option,
    ) -> Job:
        """Hand in a CSV of any size up to 1 GiB; the job has begun, or begins when its upload has been read.

        catalogue: a path, the CSV's bytes, or a stream of them. idempotency_key: up to 255 characters; the same
        key and content within 24 h is the same job. Without one a new key is made for each call, so that a call's
        own repetitions make one job. options, in a mapping or by name: quality, format, max_width …
        (docs/reference/options.md).

        Raises: MisuseError when the file cannot be read; RefusedError when the CSV or an option is at fault.
        """
        key = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        with opened(catalogue, filename) as csv:
            fields = as_fields({**(options or {}), **more_options})
            if csv.is_large:
                return self._upload(csv, fields, key, on_sent)
            form = Form(fields, csv, on_sent)
            document = self.transport.call(
                "POST", "/jobs", repeatable=True, data=form, headers={**key, "content-type": form.content_type}
            )
        return Job(self.transport, cast("JobDocument", document))

    def submit_url(
        self,
        source_url: str,
        options: Mapping[str, Option] | None = None,
        *,
        idempotency_key: str | None = None,
        **more_options: Option,
    ) -> Job:
        """Have the stack fetch a CSV from an address, such as a product feed's; else as `submit`.

        A feed that has not changed since its last job COMPLETED ends at once: `document["unchanged_since"]` names it.
        """
        fields = as_fields({**(options or {}), **more_options})
        body = {"source_url": source_url, **fields}
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        document = self.transport.call("POST", "/jobs", repeatable=True, json=body, headers=headers)
        return Job(self.transport, cast("JobDocument", document))

    def _upload(self, csv: Catalogue, fields: Mapping[str, str], key: Mapping[str, str], on_sent: OnSent | None) -> Job:
        """Announce a CSV that is too large for a request, and send it to where the answer says."""
        announced = self.transport.call(
            "POST", "/uploads", repeatable=True, json={"filename": csv.filename, **fields}, headers=dict(key)
        )
        upload = announced["upload"]
        form = Form(upload["fields"], csv, on_sent)
        # The first object under the key is the job's, whatever follows: so it may be sent twice.
        answer = self.transport.send(
            "POST",
            upload["url"],
            repeatable=True,
            data=form,
            headers={"content-type": form.content_type},
            timeout=(CONNECT_TIMEOUT_SECONDS, UPLOAD_TIMEOUT_SECONDS),
        )
        job = self.job(str(announced["job_id"]))
        if answer.status_code >= 300 and job.status == "AWAITING_UPLOAD":
            raise RefusedError(answer.status_code, {"code": "UPLOAD_REFUSED", "detail": _said_by_s3(answer)})
        return job

    def dry_run(
        self,
        catalogue: str | Path | bytes | IO[bytes],
        options: Mapping[str, Option] | None = None,
        *,
        filename: str | None = None,
        **more_options: Option,
    ) -> Validation:
        """What is right and wrong with a CSV up to 4 MiB; starts nothing."""
        with opened(catalogue, filename) as csv:
            if csv.is_large:
                raise MisuseError(f"A dry run takes up to 4 MiB; {csv.filename} has {csv.size / 2**20:.1f}.")
            form = Form(as_fields({**(options or {}), **more_options}), csv)
            validation = self.transport.call(
                "POST",
                "/jobs",
                repeatable=True,
                params={"dry_run": "true"},
                data=form,
                headers={"content-type": form.content_type},
            )
        return cast("Validation", validation)

    def job(self, job_id: str) -> Job:
        return Job(self.transport, cast("JobDocument", self.transport.get(f"/jobs/{path_part(job_id)}")))

    def jobs(self, status: str | None = None) -> Iterator[Job]:
        """The caller's jobs, newest first."""
        for document in pages(self.transport, "/jobs", "jobs", status):
            yield Job(self.transport, cast("JobDocument", document))

    def schedules(self) -> list[ScheduleDocument]:
        """The caller's schedules, oldest first, with what came of their last runs."""
        return list(self.transport.get("/schedules")["schedules"])

    def schedule(self, schedule_id: str) -> ScheduleDocument:
        return cast("ScheduleDocument", self.transport.get(f"/schedules/{path_part(schedule_id)}"))

    def add_schedule(
        self,
        source_url: str,
        every: str,
        timezone: str | None = None,
        options: Mapping[str, Option] | None = None,
        *,
        enabled: bool = True,
        idempotency_key: str | None = None,
    ) -> ScheduleDocument:
        """Have a CSV fetched again and again. Each run is a job with these options.

        every: an ISO 8601 duration from PT1H to P7D, whose first run is at once; or a cron line of five fields, hourly
        at the most, with the timezone that it is in, such as Europe/Berlin. idempotency_key: as of `submit`.
        """
        wanted = {"source_url": source_url, "every": every, "timezone": timezone, "enabled": enabled}
        body = {**wanted, "options": as_fields(options or {})}
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        made = self.transport.call("POST", "/schedules", repeatable=True, json=body, headers=headers)
        return cast("ScheduleDocument", made)

    def change_schedule(
        self, schedule_id: str, **changes: str | bool | Mapping[str, Option] | None
    ) -> ScheduleDocument:
        """changes: `source_url`, `every`, `timezone`, `options` (all of them), `enabled`."""
        changed = self.transport.call("PATCH", f"/schedules/{path_part(schedule_id)}", repeatable=True, json=changes)
        return cast("ScheduleDocument", changed)

    def remove_schedule(self, schedule_id: str) -> None:
        """Its jobs stay."""
        self.schedule(schedule_id)
        self._remove(f"/schedules/{path_part(schedule_id)}")

    def webhooks(self) -> list[WebhookDocument]:
        return list(self.transport.get("/webhooks")["webhooks"])

    def webhook(self, webhook_id: str) -> WebhookDocument:
        return cast("WebhookDocument", self.transport.get(f"/webhooks/{path_part(webhook_id)}"))

    def add_webhook(self, url: str, events: list[str] | None = None, description: str | None = None) -> WebhookDocument:
        """Its secret is in this answer, and never again."""
        wanted = {"url": url, "events": events, "description": description}
        given = {name: value for name, value in wanted.items() if value is not None}
        return cast("WebhookDocument", self.transport.call("POST", "/webhooks", json=given))

    def change_webhook(self, webhook_id: str, **changes: str | bool | list[str] | None) -> WebhookDocument:
        """changes: `url`, `events`, `enabled`, `description`."""
        changed = self.transport.call("PATCH", f"/webhooks/{path_part(webhook_id)}", json=changes)
        return cast("WebhookDocument", changed)

    def remove_webhook(self, webhook_id: str) -> None:
        self.webhook(webhook_id)
        self._remove(f"/webhooks/{path_part(webhook_id)}")

    def _remove(self, path: str) -> None:
        try:
            self.transport.call("DELETE", path)
        except RefusedError as refused:
            # It was there: a removal whose answer was lost has been done.
            if refused.status != 404:
                raise

    def test_webhook(self, webhook_id: str) -> Message:
        return cast("Message", self.transport.call("POST", f"/webhooks/{path_part(webhook_id)}/test"))

    def rotate_webhook_secret(self, webhook_id: str) -> Secret:
        """The new secret is in this answer, and never again; the old one signs too for 24 h."""
        return cast("Secret", self.transport.call("POST", f"/webhooks/{path_part(webhook_id)}/rotate-secret"))


def as_fields(options: Mapping[str, Option]) -> dict[str, str]:
    """Options as a form has them. Raises MisuseError for one that would take the file's place."""
    if "file" in options:
        raise MisuseError("'file' is no option.")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in options.items()
        if value is not None
    }


def _said_by_s3(answer: requests.Response) -> str:
    try:
        said = ET.fromstring(answer.content).findtext("Message")  # noqa: S314 - S3 answered, at the address that the API gave; expat bounds what entities may grow to
    except ET.ParseError:
        said = None
    return f"S3 has not taken the file: {said or f'HTTP {answer.status_code}'}. Submit it again."
