"""What somebody writes who has a client by openapi-generator: runs without this repository, in a venv of its own."""

import sys
import time
from pathlib import Path

from imagemill_openapi import ApiClient, Configuration, Job, JobsApi, JobStatus
from imagemill_openapi.exceptions import NotFoundException, UnprocessableEntityException

url, key, path = sys.argv[1:]
configuration = Configuration(host=url, api_key={"ApiKey": key})
jobs = JobsApi(ApiClient(configuration))


def submit(csv: bytes, **options: int) -> Job:
    # Of an operation's bodies this generator takes JSON unless it is told another.
    return jobs.post_job(file=("catalogue.csv", csv), **options, _content_type="multipart/form-data")


job = submit(Path(path).read_bytes(), quality=60)
deadline = time.monotonic() + 60
while not job.ended_at and time.monotonic() < deadline:
    time.sleep(0.2)  # between two looks at a job
    job = jobs.get_job(job.job_id)
assert (job.status, job.options.quality) == (JobStatus.PARTIAL, 60), job
assert len(jobs.get_products(job.job_id).products) == job.products.total

try:
    jobs.get_job("01M00000000000000000000000")
except NotFoundException as fault:
    missing = fault.data
assert (missing.status, missing.code) == (404, "JOB_NOT_FOUND"), missing

try:
    submit(b"a,b\r\n1,2\r\n")
except UnprocessableEntityException as fault:
    refused = fault.data
assert (refused.status, refused.code) == (422, "MISSING_COLUMNS"), refused
assert "serial_column" in refused.detail

sys.stdout.write(f"A client by openapi-generator: job {job.status.value}, {missing.code}, {refused.code}\n")
