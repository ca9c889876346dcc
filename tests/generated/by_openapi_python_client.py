"""What somebody writes who has a client by openapi-python-client: runs without this repository, in its own venv."""

import sys
import time
from io import BytesIO
from pathlib import Path

from imagemill_api import AuthenticatedClient
from imagemill_api.api.jobs import get_job, get_products, post_job
from imagemill_api.models import Job, PostJobFilesBody, Problem, Products
from imagemill_api.types import File

url, key, path = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="x-api-key")


def submit(csv: bytes, **options: int) -> Job | Problem | None:
    body = PostJobFilesBody(file=File(BytesIO(csv), "catalogue.csv", "text/csv"), **options)
    return post_job.sync(client=client, body=body)


job = submit(Path(path).read_bytes(), quality=60)
assert isinstance(job, Job), job
deadline = time.monotonic() + 60
while not job.ended_at and time.monotonic() < deadline:
    time.sleep(0.2)  # between two looks at a job
    looked = get_job.sync(job_id=job.job_id, client=client)
    assert isinstance(looked, Job), looked
    job = looked
assert (job.status, job.options.quality) == ("PARTIAL", 60), job
products = get_products.sync(job_id=job.job_id, client=client)
assert isinstance(products, Products), products
assert len(products.products) == job.products.total

missing = get_job.sync(job_id="01M00000000000000000000000", client=client)
assert isinstance(missing, Problem), missing
assert (missing.status, missing.code) == (404, "JOB_NOT_FOUND"), missing

refused = submit(b"a,b\r\n1,2\r\n")
assert isinstance(refused, Problem), refused
assert (refused.status, refused.code) == (422, "MISSING_COLUMNS"), refused
assert "serial_column" in refused.detail

sys.stdout.write(f"A client by openapi-python-client: job {job.status}, {missing.code}, {refused.code}\n")
