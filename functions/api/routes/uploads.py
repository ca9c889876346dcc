"""`POST /uploads`: a job whose CSV the caller sends straight to S3, with a presigned POST (contract A4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from imagemill.adapters.aws.objects import presigned_upload
from imagemill.logs import logger
from imagemill.settings import settings

from ..caller import api_url_of, tenant_of
from ..uploads import await_upload, read_upload_request

router = APIGatewayRouter()


@router.post("/uploads")
def post_upload() -> Response[Any]:
    event = router.current_event.raw_event
    request = read_upload_request(event, allow_http_webhook=settings().is_local)
    key = router.current_event.headers.get("idempotency-key")
    job = await_upload(request, tenant_of(event), api_url_of(event), key)
    logger.info("Upload announced", extra={"job_id": job.job_id})
    document = {"job_id": job.job_id, "upload": presigned_upload(job.catalogue_key)}
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type="application/json",
        body=document,
        # The form is a permission to write: it belongs in no cache.
        headers={"Location": f"{job.api_url}/jobs/{job.job_id}", "Cache-Control": "no-store"},
    )
