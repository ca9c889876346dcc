"""POST /jobs: what is taken for a catalogue, and what is answered (contract A4)."""

import base64

import pytest

from imagemill.adapters.store.jobs import get_job
from imagemill.domain.options import ImageOptions, JobOptions, OutputFormat
from tests.support.account import CATALOGUE_BUCKET, TENANT

HEADER = "S. No.,Product Name,Input Image Urls\r\n"
GOOD = f"{HEADER}1,A,https://a/1.jpg\r\n".encode()


def form(*parts: tuple[str, str], boundary: str = "boundary") -> bytes:
    """Parts of a form: the rest of the Content-Disposition, and the content."""
    text = "".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n" for name, value in parts
    )
    return f"{text}--{boundary}--\r\n".encode()


def test_a_raw_csv_is_accepted_as_a_job(aws, caller, event):
    job = caller.send(event("api_post_jobs_csv"))

    assert caller.status == 202
    assert (job["status"], job["source"], job["filename"]) == ("QUEUED", "api", "products.csv")
    assert job["products"] == {
        "total": 2,
        "pending": 2,
        "completed": 0,
        "partial": 0,
        "failed": 0,
        "cancelled": 0,
        "skipped": 0,
    }
    assert (job["options"]["quality"], job["client_reference"]) == (60, "order-2025-07-18")
    assert (job["images"], job["bytes"], job["progress"], job["links"]["output"]) == (None, None, 0.0, None)
    link = f"https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1/jobs/{job['job_id']}"
    assert caller.headers["Location"] == [link]
    assert job["links"]["self"] == link


def test_the_csv_is_kept_as_it_came(aws, caller, event):
    posted = event("api_post_jobs_csv")

    job = caller.send(posted)

    assert aws.objects(CATALOGUE_BUCKET) == {f"uploads/{TENANT}/{job['job_id']}.csv": base64.b64decode(posted["body"])}


def test_a_form_is_accepted_with_its_file_name_and_options(aws, caller, event):
    job = caller.send(event("api_post_jobs_form"))

    assert caller.status == 202
    assert job["filename"] == "summer.csv"
    stored = get_job(job["job_id"])
    assert stored
    assert stored.options == JobOptions(ImageOptions(quality=60, format=OutputFormat.WEBP))


def test_an_invalid_parameter_is_refused_also_where_a_form_field_goes_before_it(caller, event):
    posted = event("api_post_jobs_form")
    posted |= {"queryStringParameters": {"quality": "96"}, "multiValueQueryStringParameters": {"quality": ["96"]}}

    assert caller.problem(caller.send(posted)) == (422, "INVALID_OPTION")


def test_a_body_that_the_gateway_did_not_encode_is_read_as_text(caller, event):
    posted = event("api_post_jobs_csv")
    posted |= {"body": GOOD.decode(), "isBase64Encoded": False}

    assert caller.send(posted)["products"]["total"] == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (r"C:\\catalogues\\summer.csv", "summer.csv"),
        ("../../etc/passwd", "passwd"),
        ("", "products.csv"),
        ("a\tb.csv", "ab.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_a_file_name_is_kept_without_path_and_bounded(caller, given, kept):
    body = form((f'name="file"; filename="{given}"', GOOD.decode()))

    job = caller.post(body, content_type="multipart/form-data; boundary=boundary")

    assert job["filename"] == kept


@pytest.mark.parametrize(
    ("csv", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"\x00\x01\x02\x03", "NOT_TEXT"),
        (b"a,b\r\n1,2\r\n", "MISSING_COLUMNS"),
        (HEADER.encode(), "NO_ROWS"),
        (GOOD + b'2,"A"b,x\r\n', "MALFORMED_CSV"),
    ],
)
def test_a_refused_catalogue_says_why_and_starts_nothing(aws, caller, csv, code):
    document = caller.post(csv)

    assert caller.problem(document) == (422, code)
    assert [error["code"] for error in document["errors"]] == [code]
    assert document["total_errors"] == 1
    assert (aws.items(), aws.objects(CATALOGUE_BUCKET)) == ([], {})


def test_an_unknown_option_is_named_with_those_that_are_known(caller):
    document = caller.post(GOOD, {"colour": "red"})

    assert caller.problem(document) == (422, "INVALID_OPTION")
    assert "colour" in document["detail"]
    assert "max_width" in document["detail"]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b"{}", (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("", GOOD, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("multipart/form-data; boundary=boundary", form(('name="quality"', "60")), (400, "MISSING_FILE")),
        ("multipart/form-data", form(('name="quality"', "60")), (400, "MALFORMED_REQUEST")),
        ("multipart/form-data; boundary=other", form(('name="quality"', "60")), (400, "MALFORMED_REQUEST")),
        (
            "multipart/form-data; boundary=boundary",
            form(('name="file"; filename="a.csv"', "x"), ('name="file"; filename="b.csv"', "x")),
            (400, "MISSING_FILE"),
        ),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(caller, content_type, body, expected):
    document = caller.post(body, content_type=content_type)

    assert caller.problem(document) == expected


def test_a_body_that_is_not_base64_is_refused(caller, event):
    posted = event("api_post_jobs_csv") | {"body": "not base64!"}

    assert caller.problem(caller.send(posted)) == (400, "MALFORMED_REQUEST")


def test_a_csv_over_four_mebibytes_is_sent_elsewhere(caller):
    document = caller.post(GOOD + b"\n" * 4 * 1024 * 1024)

    assert caller.problem(document) == (413, "FILE_TOO_LARGE")
    assert "POST /uploads" in document["detail"]


def test_a_csv_of_exactly_four_mebibytes_is_taken(caller):
    full_row = b"2,A,https://a/2.jpg?" + b"x" * 2000 + b"\r\n"
    full_rows, left = divmod(4 * 1024 * 1024 - len(GOOD), len(full_row))

    caller.post(GOOD + full_row * full_rows + b" " * left)

    assert caller.status == 202


def test_a_dry_run_lists_every_fault_and_starts_nothing(aws, caller):
    rows = ",A,https://a/1.jpg\r\n2,,\r\n3,C,ftp://a/3.jpg\r\n4,D,https://a/4.jpg\r\n"

    report = caller.post(f"{HEADER}{rows}".encode(), {"dry_run": "true"})

    assert caller.status == 200
    assert (report["valid"], report["rows"], report["row_errors"], report["total_errors"]) == (False, 4, 3, 4)
    assert [(error["row"], error["code"]) for error in report["errors"]] == [
        (1, "MISSING_SERIAL"),
        (2, "MISSING_NAME"),
        (2, "NO_IMAGE_URLS"),
        (3, "INVALID_URL"),
    ]
    assert (aws.items(), aws.objects(CATALOGUE_BUCKET)) == ([], {})


def test_a_dry_run_lists_the_first_hundred_faults_and_counts_all(caller):
    report = caller.post((HEADER + ",A,https://a/1.jpg\r\n" * 150).encode(), {"dry_run": "TRUE"})

    assert (len(report["errors"]), report["total_errors"], report["row_errors"]) == (100, 150, 150)


def test_a_dry_run_of_a_faultless_catalogue_is_valid(caller):
    assert caller.post(GOOD, {"dry_run": "true"})["valid"] is True


def test_dry_run_is_true_or_false(caller):
    assert caller.problem(caller.post(GOOD, {"dry_run": "yes"})) == (400, "INVALID_PARAMETER")
