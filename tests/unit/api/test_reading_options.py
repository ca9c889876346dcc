"""How a CSV was read, as the API tells it, and what it says when the options do not fit the file (contract A3, A4)."""

import json

import pytest

from imagemill.adapters.store.jobs import get_job
from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.job import options_as_dict, options_from_dict
from imagemill.domain.options import JobOptions, OutputMode, parse_options
from imagemill.errors import InvalidOptionError

FILE = "SKU;Titel;Foto 1;Foto 2\r\n1;Käse;https://a/1.jpg;\r\n2;Brot;;\r\n"
MAPPING = {"serial_column": "SKU", "name_column": "Titel", "urls_column": "Foto *"}


def test_a_job_says_how_its_csv_was_read(aws, caller):
    job = caller.post(FILE.encode(), MAPPING)

    assert caller.status == 202
    assert job["csv"] == {
        "encoding": "utf-8",
        "delimiter": ";",
        "feed": "mapped",
        "columns": {"serial": "SKU", "name": "Titel", "urls": ["Foto 1", "Foto 2"]},
    }
    assert job["options"]["urls_column"] == "Foto *"
    stored = get_job(job["job_id"])
    assert stored
    assert stored.options.reading.urls_column == "Foto *"


def test_a_dry_run_says_it_too_with_how_many_images_there_are(aws, caller):
    answer = caller.post(FILE.encode(), {"dry_run": "true", **MAPPING})

    assert {name: answer[name] for name in ("valid", "rows", "row_errors", "skipped", "images")} == {
        "valid": True,
        "rows": 2,
        "row_errors": 0,
        "skipped": 1,
        "images": 1,
    }
    assert answer["csv"]["feed"] == "mapped"


def test_a_mapping_that_names_no_column_is_refused_with_the_headers_found(aws, caller):
    answer = caller.post(FILE.encode(), {"urls_column": "Bild"})

    assert caller.problem(answer) == (422, "INVALID_OPTION")
    assert "SKU, Titel, Foto 1, Foto 2" in answer["detail"]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("encoding", "klingon", "gb18030"),
        ("feed", "myspace", "shopify"),
        ("output", "both", "replace"),
        ("base_url", "shop.example/media", "http"),
        ("base_url", "https://user@shop.example/", "http"),
        ("base_url", "https://[::1/", "http"),
        ("urls_column", "x" * 3_000, "2,048"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(name, value, allowed):
    with pytest.raises(InvalidOptionError) as refused:
        parse_options({name: value}, allow_http_webhook=False)

    assert refused.value.name == name
    assert allowed in refused.value.allowed


def test_options_come_back_as_they_are_kept():
    reading = ReadingOptions(Feed.MAGENTO, "sku", "name", "image*", "https://shop.example/media", Encoding.GB18030)
    options = JobOptions(reading=reading, output=OutputMode.REPLACE)

    assert options_from_dict(json.loads(json.dumps(options_as_dict(options)))) == options


def test_defaults_are_kept_as_release_0_1_kept_them():
    """The hash of a request that an idempotency key stands for is of them."""
    assert set(options_as_dict(JobOptions())) == {"image", "webhook_url", "client_reference"}
