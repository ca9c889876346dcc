"""Job items: partition `JOB#<job>`, sort key `JOB`; listed by tenant, newest first, through index `gsi1`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import takewhile
from typing import Any

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import dynamodb, error_code
from imagemill.adapters.store.items import expires_at, from_item, has_expired, key, to_item, unprocessed_keys
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.job import Job, ProductCounts, Totals, options_as_dict, options_from_dict
from imagemill.settings import settings

JOB = "JOB"
TENANT_INDEX = "gsi1"
#: Partition of the sweep's watch list in index `gsi2`; a job whose `gsi2sk` is 0 is looked at by the next sweep.
WATCHED = "WATCHED"
#: Job items read for one page of a list filtered by status; a page may be short, its cursor goes on.
MAX_SCANNED_JOBS = 1_000
#: Job items read at once when they are filtered: of rare ones few are found a page.
FILTERED_PAGE = 100


def job_partition(job_id: str) -> str:
    return f"JOB#{job_id}"


def create_job(job: Job) -> bool:
    """Write a new job. False, and nothing written, when it exists already: so it may be repeated."""
    values = {
        "job_id": job.job_id,
        "tenant": job.tenant,
        "status": job.status.value,
        "source": job.source.value,
        "filename": job.filename,
        "created_at": job.created_at,
        "api_url": job.api_url,
        "options": options_as_dict(job.options),
        "run": job.run,
        "products": job.products,
        "errors": [dict(error) for error in job.errors],
        "ended_at": job.ended_at,
        "drop_key": job.drop_key,
        "csv": job.csv,
        "source_url": job.source_url,
        "schedule_id": job.schedule_id,
        "gsi1pk": f"TENANT#{job.tenant}",
        "gsi1sk": job.job_id,
        "gsi2pk": WATCHED,
        "gsi2sk": 0,
        "expires_at": expires_at(job.job_id),
    }
    try:
        dynamodb().put_item(
            TableName=settings().table,
            Item={**key(job_partition(job.job_id), JOB), **to_item(values)},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ClientError as fault:
        if error_code(fault) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def get_job(job_id: str) -> Job | None:
    """The job, read consistently; None when there is none, or its retention is over."""
    item = (
        dynamodb()
        .get_item(TableName=settings().table, Key=key(job_partition(job_id), JOB), ConsistentRead=True)
        .get("Item")
    )
    return _job(from_item(item)) if item and not has_expired(job_id) else None


def get_jobs(job_ids: Collection[str]) -> dict[str, Job]:
    """Those of the jobs, a hundred at most, that are kept, by id."""
    keys: list[Any] = [key(job_partition(job_id), JOB) for job_id in set(job_ids)]
    found: list[Job] = []
    while keys:
        answer = dynamodb().batch_get_item(RequestItems={settings().table: {"Keys": keys, "ConsistentRead": True}})
        found += [_job(from_item(item)) for item in answer["Responses"].get(settings().table, [])]
        keys = unprocessed_keys(answer)
    return {job.job_id: job for job in found if not has_expired(job.job_id)}


def has_ended(job_id: str) -> bool:
    """Whether a job has ended, or is no longer kept."""
    job = get_job(job_id)
    return job is None or job.status.has_ended


def list_jobs(tenant: str, status: JobStatus | None, limit: int, before: str | None) -> tuple[list[Job], str | None]:
    """A page of a tenant's jobs, newest first, those older than the job id `before`.

    Returns the jobs and, when there may be more, the id to go on from.
    """
    jobs: list[Job] = []
    start = before
    scanned = 0
    while scanned < MAX_SCANNED_JOBS:
        page = dynamodb().query(**_tenant_query(tenant, limit + 1 if status is None else FILTERED_PAGE, start))
        found = [_job(from_item(item)) for item in page["Items"]]
        scanned += len(found)
        kept = list(takewhile(lambda job: not has_expired(job.job_id), found))
        jobs += [job for job in kept if status in {None, job.status}]
        if len(jobs) > limit:
            return jobs[:limit], jobs[limit - 1].job_id
        if len(kept) < len(found) or "LastEvaluatedKey" not in page:
            return jobs, None
        start = found[-1].job_id
    return jobs, start


def _tenant_query(tenant: str, limit: int, before: str | None) -> dict[str, Any]:
    condition = "gsi1pk = :tenant" + (" AND gsi1sk < :before" if before else "")
    values = {":tenant": f"TENANT#{tenant}", ":before": before}
    return {
        "TableName": settings().table,
        "IndexName": TENANT_INDEX,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(values),
        "ScanIndexForward": False,
        "Limit": limit,
    }


def start_job(job_id: str, products: int, run: int = 1, *, csv: Mapping[str, Any] | None = None) -> bool:
    """Move a run of a job to PROCESSING. False when it has started or ended before; repeating changes nothing.

    csv: how its catalogue was read (see `Layout.described`).
    """
    return change_job(
        job_id,
        "SET #status = :processing, started_at = :now, products = :products" + (", csv = :csv" if csv else ""),
        "#status IN (:queued, :awaiting) AND run = :run",
        {
            ":run": run,
            ":processing": JobStatus.PROCESSING.value,
            ":queued": JobStatus.QUEUED.value,
            ":awaiting": JobStatus.AWAITING_UPLOAD.value,
            ":now": now(),
            ":products": products,
            **({":csv": csv} if csv else {}),
        },
    )


def reject_job(job_id: str, errors: Sequence[Mapping[str, Any]]) -> bool:
    """End a job whose CSV was refused. False when it has started or ended before."""
    return change_job(
        job_id,
        "SET #status = :rejected, ended_at = :now, errors = :errors",
        "#status IN (:queued, :awaiting)",
        {
            ":rejected": JobStatus.REJECTED.value,
            ":queued": JobStatus.QUEUED.value,
            ":awaiting": JobStatus.AWAITING_UPLOAD.value,
            ":now": now(),
            ":errors": [dict(error) for error in errors],
        },
    )


def end_unchanged(job_id: str, earlier: Job, output_key: str) -> bool:
    """End a job whose catalogue is that of an earlier one, which did all there is to do: its images are reused.

    False when it has started or ended before.
    """
    totals = earlier.totals or Totals()
    return change_job(
        job_id,
        "SET #status = :completed, started_at = :now, ended_at = :now, counts = :counts, totals = :totals, "
        "products = :products, csv = :csv, output_key = :output, unchanged_since = :since",
        "#status = :queued",
        {
            ":completed": JobStatus.COMPLETED.value,
            ":queued": JobStatus.QUEUED.value,
            ":now": now(),
            ":counts": asdict(earlier.counts or ProductCounts()),
            ":totals": asdict(replace(totals, images_reused=totals.images_completed)),
            ":products": earlier.products,
            ":csv": earlier.csv or {},
            ":output": output_key,
            ":since": earlier.job_id,
        },
    )


def abandon_job(job_id: str, run: int, errors: Sequence[Mapping[str, Any]]) -> bool:
    """End a job as REJECTED, in whatever state it is stuck. False when it has ended, or another run has begun."""
    return change_job(
        job_id,
        "SET #status = :rejected, ended_at = :now, errors = :errors",
        "#status IN (:queued, :awaiting, :processing) AND run = :run",
        {
            ":rejected": JobStatus.REJECTED.value,
            ":queued": JobStatus.QUEUED.value,
            ":awaiting": JobStatus.AWAITING_UPLOAD.value,
            ":processing": JobStatus.PROCESSING.value,
            ":run": run,
            ":now": now(),
            ":errors": [dict(error) for error in errors],
        },
    )


def end_job(job_id: str, run: int, status: JobStatus, counts: ProductCounts, totals: Totals, output_key: str) -> bool:
    """Write how a run of a job ended. False when it was written before: the first word stands.

    False, too, when the run has been cancelled and `status` does not say so.
    """
    condition = "#status = :processing AND run = :run"
    if status is not JobStatus.CANCELLED:
        condition += " AND attribute_not_exists(cancelled_at)"
    return change_job(
        job_id,
        "SET #status = :status, ended_at = :now, counts = :counts, totals = :totals, output_key = :output",
        condition,
        {
            ":status": status.value,
            ":processing": JobStatus.PROCESSING.value,
            ":run": run,
            ":now": now(),
            ":counts": asdict(counts),
            ":totals": asdict(totals),
            ":output": output_key,
        },
    )


def cancel_run(job_id: str) -> Job | None:
    """Accept a cancellation: the job's run ends as CANCELLED, whatever becomes of its products from now on.

    Returns the job with the run that is cancelled; None, and nothing written, when it has ended. Repeating
    changes nothing.
    """
    try:
        answer = dynamodb().update_item(
            TableName=settings().table,
            Key=key(job_partition(job_id), JOB),
            UpdateExpression="SET cancelled_at = if_not_exists(cancelled_at, :now)",
            ConditionExpression="#status IN (:queued, :processing)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item(
                {":now": now(), ":queued": JobStatus.QUEUED.value, ":processing": JobStatus.PROCESSING.value}
            ),
            ReturnValues="ALL_NEW",
        )
    except ClientError as fault:
        if error_code(fault) == "ConditionalCheckFailedException":
            return None
        raise
    return _job(from_item(answer["Attributes"]))


def cancel_awaited(job_id: str) -> bool:
    """End a job whose CSV has not come. False when it came first, or when the job has ended."""
    return change_job(
        job_id,
        "SET #status = :cancelled, cancelled_at = :now, ended_at = :now, counts = :counts, totals = :totals",
        "#status = :awaiting",
        {
            ":cancelled": JobStatus.CANCELLED.value,
            ":awaiting": JobStatus.AWAITING_UPLOAD.value,
            ":now": now(),
            ":counts": asdict(ProductCounts()),
            ":totals": asdict(Totals()),
        },
    )


def queue_retry(job_id: str, run: int) -> bool:
    """Move an ended job whose last run was `run` to the queue for its next, and under the sweep's eyes again.

    False when another call was first.
    """
    return change_job(
        job_id,
        "SET #status = :queued, run = :next, gsi2pk = :watched, gsi2sk = :now "
        "REMOVE started_at, cancelled_at, ended_at, counts, totals, output_key",
        "#status IN (:partial, :failed, :cancelled) AND run = :run",
        {
            ":queued": JobStatus.QUEUED.value,
            ":partial": JobStatus.PARTIAL.value,
            ":failed": JobStatus.FAILED.value,
            ":cancelled": JobStatus.CANCELLED.value,
            ":run": run,
            ":next": run + 1,
            ":watched": WATCHED,
            ":now": 0,
        },
    )


def change_job(job_id: str, update: str, condition: str, values: Mapping[str, Any]) -> bool:
    """Update a job's item on a condition. False, and nothing written, when it does not hold.

    `#status` stands for the attribute of that name, one of DynamoDB's reserved words.
    """
    names: dict[str, Any] = (
        {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in update + condition else {}
    )
    try:
        dynamodb().update_item(
            TableName=settings().table,
            Key=key(job_partition(job_id), JOB),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            **names,
        )
    except ClientError as fault:
        if error_code(fault) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def outcome_from_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a job that are its run's: when it began and how it ended, as far as it has."""
    counts, totals = values.get("counts"), values.get("totals")
    return {
        "status": JobStatus(values["status"]),
        "started_at": values.get("started_at"),
        "cancelled_at": values.get("cancelled_at"),
        "ended_at": values.get("ended_at"),
        "counts": ProductCounts.from_dict(counts) if counts else None,
        "totals": Totals.from_dict(totals) if totals else None,
        "output_key": values.get("output_key"),
    }


def _job(values: Mapping[str, Any]) -> Job:
    return Job(
        job_id=values["job_id"],
        tenant=values["tenant"],
        source=JobSource(values["source"]),
        filename=values["filename"],
        created_at=values["created_at"],
        api_url=values["api_url"],
        options=options_from_dict({"webhook_url": None, "client_reference": None, **values["options"]}),
        run=values["run"],
        products=values["products"],
        errors=tuple(values["errors"]),
        drop_key=values.get("drop_key"),
        csv=values.get("csv"),
        source_url=values.get("source_url"),
        unchanged_since=values.get("unchanged_since"),
        schedule_id=values.get("schedule_id"),
        reported=values.get("reported", 0),
        **outcome_from_dict(values),
    )
