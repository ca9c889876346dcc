"""Catalogues by address: `TENANT#<tenant>` / `CATALOGUE#<SHA-256 of URL and options>`, what was last found there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from imagemill.adapters.aws.clients import dynamodb
from imagemill.adapters.store.items import expires_at, from_item, key, to_item
from imagemill.adapters.store.secrets import tenant_partition
from imagemill.domain.job import Job, options_as_dict
from imagemill.domain.source import Validators
from imagemill.settings import settings

#: Options that say who is told, and nothing of what is made.
TELLING = ("webhook_url", "client_reference")


@dataclass(frozen=True, slots=True)
class RemoteCatalogue:
    """What an address held when it was last fetched. sha256: of the CSV, in hex.

    job_id: the job made of it, where it reads what that fetch has stored: the object says so by `fetch_id`.
    """

    validators: Validators
    sha256: str
    job_id: str
    fetch_id: str


def get_remote_catalogue(job: Job) -> RemoteCatalogue | None:
    """What the address of a job held for an earlier one of the same tenant and options."""
    found = dynamodb().get_item(TableName=settings().table, Key=_place(job), ConsistentRead=True).get("Item")
    if not found:
        return None
    item = from_item(found)
    return RemoteCatalogue(Validators.from_dict(item), item["sha256"], item["job_id"], item.get("fetch_id", ""))


def put_remote_catalogue(job: Job, found: RemoteCatalogue) -> None:
    """Repeating writes the same; of two jobs that fetch at once, either may be the one that is remembered."""
    values = {
        **found.validators._asdict(),
        "sha256": found.sha256,
        "job_id": found.job_id,
        "fetch_id": found.fetch_id,
        "expires_at": expires_at(found.job_id),
    }
    dynamodb().put_item(TableName=settings().table, Item={**_place(job), **to_item(values)})


def _place(job: Job) -> dict[str, dict[str, str]]:
    options = {name: value for name, value in options_as_dict(job.options).items() if name not in TELLING}
    asked = json.dumps({"url": job.source_url, "options": options}, sort_keys=True)
    return key(tenant_partition(job.tenant), f"CATALOGUE#{sha256(asked.encode()).hexdigest()}")
