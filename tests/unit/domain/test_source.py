"""What an origin's words about versions are good for, and which images are the same."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from imagemill.domain.source import MAX_ETAG_CHARACTERS, Validators, read_validators, source_key

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
OLD = "Wed, 01 Jan 2020 00:00:00 GMT"


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("given_tag", "kept"),
    [
        ('"abc"', '"abc"'),
        ('W/"abc"', 'W/"abc"'),
        (' "abc" ', '"abc"'),
        ('""', '""'),
        ("abc", None),
        ('"a"b"', None),
        ('"a\r\nX: y"', None),
        ('w/"abc"', None),
        ("", None),
        (None, None),
        (f'"{"x" * 8_192}"', None),
        (f'"{"x" * (MAX_ETAG_CHARACTERS - 2)}"', f'"{"x" * (MAX_ETAG_CHARACTERS - 2)}"'),
    ],
)
def test_a_tag_is_kept_if_it_is_one_and_short(given_tag, kept):
    assert read_validators(given_tag, None, None, NOW) == Validators(kept, None)


@pytest.mark.parametrize(
    ("modified", "date", "is_kept"),
    [
        (NOW - timedelta(days=1), None, True),
        (NOW - timedelta(seconds=60), None, True),
        (NOW - timedelta(seconds=59), None, False),
        (NOW - timedelta(seconds=1), NOW, True),
        (NOW, NOW, False),
        (NOW + timedelta(days=1), NOW, False),
        # Of a clock that is days ahead, with its Date: what it calls past has yet to come.
        (NOW + timedelta(days=1), NOW + timedelta(days=2), False),
    ],
)
def test_a_date_is_kept_if_no_other_picture_can_have_the_same(modified, date, is_kept):
    text = http_date(modified)

    kept = read_validators(None, text, date and http_date(date), NOW)

    assert kept == Validators(None, text if is_kept else None)


@pytest.mark.parametrize("text", ["yesterday", "0", "2020-01-01", f"{OLD}\r\nX: y", OLD + " " * 40 + "x", ""])
def test_what_is_no_date_is_left_out(text):
    assert read_validators(None, text, None, NOW) == Validators()


@given(tag=st.text(max_size=40), modified=st.text(max_size=60), date=st.text(max_size=40))
def test_whatever_an_origin_writes_what_is_kept_fits_into_a_field(tag, modified, date):
    for value in read_validators(tag, modified, date, NOW):
        assert value is None or ("\r" not in value and "\n" not in value and len(value) <= MAX_ETAG_CHARACTERS)


def test_tenant_url_and_each_image_option_make_another_image():
    one = ImageOptions()
    others = [
        ImageOptions(quality=51),
        ImageOptions(format=OutputFormat.WEBP),
        ImageOptions(max_width=100),
        ImageOptions(max_height=100),
        ImageOptions(progressive=True),
        ImageOptions(metadata=Metadata.KEEP),
    ]
    keys = [source_key("shop", "https://a/1.jpg", options) for options in (one, *others)]
    keys += [source_key("shop", "https://a/2.jpg", one), source_key("other", "https://a/1.jpg", one)]

    assert len(set(keys)) == len(keys)
    assert source_key("shop", "https://a/1.jpg", ImageOptions()) == keys[0]
