"""Memory by which images go to a codec process and come back: whole, whatever their size, and never pulled away."""

import os
from collections.abc import Iterator

import pytest

from process.shared_file import WINDOW_BYTES, SharedFile


@pytest.fixture
def ends() -> Iterator[tuple[SharedFile, SharedFile]]:
    one = SharedFile.new()
    window, rest = one.descriptors
    other = SharedFile(os.dup(window), os.dup(rest))
    yield one, other
    one.close()
    other.close()


@pytest.mark.parametrize("length", [0, 1, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1, 3 * WINDOW_BYTES])
def test_what_is_put_in_comes_out_at_the_other_end_and_an_answer_comes_back(ends, length):
    one, other = ends
    data = os.urandom(length)

    one.put(data)
    assert other.take(length) == data
    other.put(data[::-1])
    assert one.take(length) == data[::-1]


def test_a_small_file_after_a_large_one_is_the_small_one(ends):
    one, other = ends
    one.put(bytes(2 * WINDOW_BYTES))
    other.take(2 * WINDOW_BYTES)

    one.put(b"small")

    assert other.take(5) == b"small"


def test_a_large_file_that_is_shorter_than_was_said_is_refused(ends):
    one, other = ends
    other.put(bytes(WINDOW_BYTES + 1))

    with pytest.raises(ValueError, match="shorter"):
        one.take(WINDOW_BYTES + 2)


@pytest.mark.parametrize("length", [0, WINDOW_BYTES - 1, WINDOW_BYTES + 1])
def test_nobody_changes_the_length_of_what_is_mapped(ends, length):
    """Whoever reads mapped memory behind a file's end is ended by the system: a decoder could end the worker."""
    _, other = ends
    window, _ = other.descriptors

    with pytest.raises(PermissionError):
        os.ftruncate(window, length)


def test_closing_twice_does_no_harm():
    one = SharedFile.new()

    one.close()
    one.close()
