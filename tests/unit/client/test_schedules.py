"""`imagemill schedules …`, and the same in Python."""

import json

import pytest

from imagemill_client import Client, RefusedError
from imagemill_client.cli.app import main
from tests.support.small_mill import DROP, KEY, LOSE, SCHEDULE_ID, pauses_of, small_mill

URL = "https://shop.example/feed.csv?a=1"
DAILY = ["--every", "0 3 * * *", "--timezone", "Europe/Berlin"]


@pytest.fixture
def mill(monkeypatch):
    with small_mill() as running:
        monkeypatch.setenv("IMAGEMILL_URL", running.url)
        monkeypatch.setenv("IMAGEMILL_KEY", KEY)
        yield running


def test_a_schedule_is_made_listed_stopped_and_removed(mill, capsys):
    assert main(["schedules", "add", URL, *DAILY, "-o", "quality=60", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["source_url"], made["every"], made["timezone"]) == (URL, "0 3 * * *", "Europe/Berlin")
    assert (made["options"], made["enabled"]) == ({"quality": "60"}, True)

    mill.schedules[SCHEDULE_ID]["runs"] = [
        {"scheduled_at": "2026-11-25T02:00:00Z", "job_id": "01M1", "status": "REJECTED", "ended_at": None}
        | {"unchanged_since": None, "errors": ["HTTP_STATUS"]}
    ]
    assert main(["schedules", "list"]) == 0
    listed = capsys.readouterr().out
    assert "0 3 * * * Europe/Berlin" in listed
    assert "REJECTED" in listed
    assert main(["schedules", "show", SCHEDULE_ID]) == 0
    assert "2026-11-25T02:00:00Z  01M1  REJECTED  HTTP_STATUS" in capsys.readouterr().out

    assert main(["schedules", "disable", SCHEDULE_ID]) == 0
    assert mill.schedules[SCHEDULE_ID]["enabled"] is False
    assert main(["schedules", "enable", SCHEDULE_ID]) == 0
    assert mill.schedules[SCHEDULE_ID]["enabled"] is True
    assert main(["schedules", "remove", SCHEDULE_ID]) == 0
    assert main(["schedules", "list"]) == 0
    assert "schedules add" in capsys.readouterr().err
    assert main(["schedules", "show", SCHEDULE_ID]) == 3


def test_how_often_has_to_be_said(mill, capsys):
    assert main(["schedules", "add", URL]) == 2
    assert "--every" in capsys.readouterr().err
    assert mill.schedules == {}


def test_in_python(mill):
    client = Client(mill.url, KEY)

    made = client.add_schedule(URL, "P1D", options={"progressive": True, "quality": None}, enabled=False)

    assert mill.schedules[made["id"]]["options"] == {"progressive": "true"}
    assert made["timezone"] is None
    assert client.change_schedule(made["id"], every="PT6H")["every"] == "PT6H"
    client.remove_schedule(made["id"])
    with pytest.raises(RefusedError):
        client.remove_schedule(made["id"])


def test_making_one_is_sent_again_by_the_same_key(mill):
    lost = iter([LOSE, DROP, None])
    mill.fault = lambda _number, line: next(lost) if line.startswith("POST") else None
    client = Client(mill.url, KEY)
    pauses_of(client.transport)

    assert client.add_schedule(URL, "P1D")["source_url"] == URL
    assert mill.seen.count("POST /v1/schedules") == 3
    assert len(mill.by_key) == 1


def test_a_key_of_ones_own(mill):
    Client(mill.url, KEY).add_schedule(URL, "P1D", idempotency_key="feed-1")

    assert list(mill.by_key) == ["feed-1"]
