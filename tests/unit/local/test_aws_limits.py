"""What AWS refuses, as the embedded AWS measures it."""

import pytest

from local.aws_limits import (
    EXECUTION_NAME,
    FUNCTION_NAME,
    QUEUE_NAME,
    event_bytes,
    head_bytes,
    json_bytes,
    metadata_bytes,
)


def test_sizes_are_of_utf_8():
    assert json_bytes({"a": "ü"}) == len('{"a":"ü"}'.encode()) == 10
    assert json_bytes("\ud800") == 5


def test_metadata_is_names_without_their_prefix_and_values():
    assert metadata_bytes({"x-amz-meta-quality": "50", "X-Amz-Meta-a": "ü", "content-type": "text/csv"}) == 12


def test_an_event_is_its_texts_and_its_resources():
    assert event_bytes({"Source": "abc", "DetailType": "de", "Detail": "{}", "Resources": ["x"], "Time": 1}) == 22


def test_a_head_is_its_line_and_its_values():
    assert head_bytes("GET", "/jobs", {"x-api-key": "12345"}) == len("GET /jobs HTTP/1.1") + 5


@pytest.mark.parametrize(
    ("pattern", "taken", "refused"),
    [
        (QUEUE_NAME, ["q" * 80, "a-b_C1"], ["", "q" * 81, "a.b", "ü"]),
        (FUNCTION_NAME, ["f" * 64], ["", "f" * 65, "a b"]),
        (EXECUTION_NAME, ["01K0B3T5Q8ZC4V7XW2N9M6R1DF-1", "n" * 80], ["", "n" * 81, "a b", "a/b", "a:b"]),
    ],
)
def test_names(pattern, taken, refused):
    assert all(map(pattern.fullmatch, taken))
    assert not any(map(pattern.fullmatch, refused))
