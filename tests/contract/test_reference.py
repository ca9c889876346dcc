"""The reference lists what the code has: routes, statuses, codes, options, headers, metrics, limits."""

from __future__ import annotations

import re

import pytest

from api.app import app
from api.openapi.document import openapi_document, problem_codes
from imagemill.adapters.web.faults import FetchError, TlsReason, WebCode
from imagemill.adapters.web.policy import WebPolicy
from imagemill.domain.catalogue.columns import ACCEPTED_HEADERS
from imagemill.domain.catalogue.feeds import FEEDS
from imagemill.domain.catalogue.inspection import MAX_COLUMNS, MAX_ROWS
from imagemill.domain.codes import FileCode, ImageCode, JobStatus, ProductStatus, RowCode
from imagemill.domain.meanings import IMAGE_MEANINGS
from imagemill.domain.options import OPTION_NAMES
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS
from imagemill.metrics import Metric
from process.codec.decode import MAX_FRAMES, MAX_PIXELS
from process.codec.formats import NO_IMAGE_REASONS, ImageFormat
from tests.support.documents import codes, document, rows


def test_the_reference_lists_every_route_with_its_parameters():
    api = openapi_document(app.routes(), "https://api.example/v1")
    served = {
        f"{method.upper()} {re.sub(r'{.*?}', '{id}', path)}": {
            parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"
        }
        for path, operations in api["paths"].items()
        for method, operation in operations.items()
    }
    listed = {}
    for route, *_ in rows(document("docs/reference/api.md").text.partition("## Job")[0]):
        name, _, query = codes(route)[0].partition("?")
        listed[name] = set(re.findall(r"(\w+)=", query))

    assert set(listed) == set(served)
    assert {name: query for name, query in listed.items() if query and query != served[name]} == {}


def test_the_reference_lists_every_status():
    job, product = (
        [codes(row[0])[0] for row in rows(table)]
        for table in document("docs/reference/api.md").section("Statuses").strip().split("\n\n")[:2]
    )

    assert job == list(JobStatus)
    assert product == list(ProductStatus)


@pytest.mark.parametrize(
    ("heading", "column", "known"),
    [
        ("Files", 0, set(FileCode)),
        ("Rows", 0, set(RowCode)),
        ("Images", 0, set(ImageCode)),
        ("Requests", 1, set(problem_codes()) - set(FileCode)),
    ],
)
def test_the_reference_explains_every_code(heading, column, known):
    listed = [
        code for row in rows(document("docs/reference/errors.md").section(heading)) for code in codes(row[column])
    ]

    assert sorted(listed) == sorted(known)


def test_every_reason_that_is_given_has_its_words():
    assert list(IMAGE_MEANINGS[ImageCode.TLS_FAILURE].reasons) == list(TlsReason)
    assert set(IMAGE_MEANINGS[ImageCode.NOT_AN_IMAGE].reasons) == set(NO_IMAGE_REASONS)


def test_the_reference_marks_the_transient_codes():
    transient = {code.value for code in WebCode if FetchError(code, 503).is_transient}
    marked = {codes(row[0])[0] for row in rows(document("docs/reference/errors.md").section("Images")) if row[1]}

    assert marked == transient | {ImageCode.STORE_FAILED}


def test_the_reference_lists_every_option():
    listed = [code for row in rows(document("docs/reference/options.md").text) for code in codes(row[0])]

    assert listed == list(OPTION_NAMES)


def test_the_reference_lists_every_accepted_header():
    listed = [tuple(codes(headers)) for _, headers, _ in rows(document("docs/reference/csv.md").section("Columns"))]

    assert listed == list(ACCEPTED_HEADERS.values())


def test_the_reference_lists_every_metric():
    cells = [codes(row[0]) for row in rows(document("docs/reference/metrics.md").text)]
    listed = {name for cell in cells for name in cell if name[0].isupper()}

    assert listed == {*Metric, "MaxMemoryUsed-<function>"}


def test_the_limits_are_those_of_the_code():
    text = document("docs/reference/limits.md").text

    for limit in (MAX_ROWS, MAX_COLUMNS, MAX_PIXELS, MAX_FRAMES, MAX_WEBHOOKS):
        assert f"{limit:,}" in text, limit
    [formats] = [row[1] for row in rows(text) if row[0] == "image formats read"]
    assert {name.lower() for name in formats.split(", ")} == set(ImageFormat)
    assert f"{WebPolicy(allow_loopback=False).connect_timeout_seconds:.0f} s to connect" in text


def test_the_reference_has_the_table_of_exports():
    exports = document("docs/reference/csv.md").text.split("### Exports", 1)[1].split("\n## ", 1)[0]
    table = [line.strip("| ").split(" | ") for line in exports.splitlines() if line.startswith("| `")]

    assert table == [
        [
            f"`{export.feed}`",
            *(_listed(headers) for headers in (export.serial, export.name, export.urls)),
            export.source,
        ]
        for export in FEEDS
    ]


def _listed(headers: tuple[str, ...]) -> str:
    return ", ".join(f"`{header}`" for header in headers)
