"""What a process keeps: made once, and closed and made anew after `forget`."""

from collections.abc import Iterator

import pytest

from imagemill.adapters.aws.fast_lane import fast_lane
from imagemill.kept import forget, kept


class Connection:
    def __init__(self, host: str) -> None:
        self.host = host
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


@kept
def connection(host: str) -> Connection:
    return Connection(host)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    forget()
    yield
    forget()


def test_a_value_is_made_once_for_the_same_arguments():
    assert connection("a") is connection("a")
    assert connection("b") is not connection("a")


def test_what_is_forgotten_is_closed_and_made_anew():
    first = connection("a")

    forget()

    assert not first.is_open
    assert connection("a") is not first
    assert connection("a").is_open


def test_the_fast_lane_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("FAST_LANE", "off")

    assert fast_lane("https://sqs.us-east-1.amazonaws.com", "sqs", "us-east-1") is None
