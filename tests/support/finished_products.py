"""A catalogue whose products have all been tried, and what they came to."""

from imagemill.adapters.store.jobs import get_job
from imagemill.domain.codes import ImageCode, ImageStatus, RowCode
from imagemill.domain.job import Job
from imagemill.domain.product import ImageResult, row_fault, settled
from tests.support.account import JOB_ID
from tests.support.results import put_result

CSV = (
    b"S. No.,Product Name,Input Image Urls,Note\r\n"
    b'1,A,"https://a/1.jpg,https://a/2.jpg",one\r\n'
    b'2,"B, large",https://a/3.jpg,two\r\n'
    b"3,,https://a/4.jpg,three\r\n"
)


def completed(position: int) -> ImageResult:
    return ImageResult(
        position, ImageStatus.COMPLETED, key=f"images/00/{position}.jpg", input_bytes=1000, output_bytes=300, kept=False
    )


def finish_products() -> None:
    put_result(JOB_ID, 1, settled(1, 1, [completed(1), ImageResult.failed(2, ImageCode.HTTP_STATUS, 404)]))
    put_result(JOB_ID, 1, settled(2, 2, [completed(1)]))
    put_result(JOB_ID, 1, row_fault(3, RowCode.MISSING_NAME))


def job_of() -> Job:
    job = get_job(JOB_ID)
    assert job
    return job
