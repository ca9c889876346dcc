"""The log of attempts."""

from imagemill.adapters.store.deliveries import Attempt, list_attempts, put_attempt
from tests.support.account import JOB_ID


def test_attempts_are_listed_in_the_order_in_which_they_were_made(aws):
    times = {1: "2026-11-23T00:00:00.000Z", 2: "2026-11-23T00:00:05.000Z", 10: "2026-11-25T00:00:00.000Z"}
    attempts = [
        Attempt(message_id, number, "job.failed", at, 5, delivered=False, status=500)
        for number, at in times.items()
        for message_id in ("msg_1", "msg_2")
    ]
    for attempt in reversed(attempts):
        put_attempt(JOB_ID, attempt)

    assert list_attempts(JOB_ID) == attempts


def test_of_two_attempts_at_once_the_log_keeps_the_one_that_came_through(aws):
    message_id, at = f"msg_{JOB_ID}_1", "2026-11-23T00:00:00.000Z"
    delivered = Attempt(message_id, 1, "job.completed", at, 5, delivered=True, status=204)
    failed = Attempt(message_id, 1, "job.completed", at, 5, delivered=False, error="TIMEOUT")

    assert put_attempt(JOB_ID, failed) == failed
    assert put_attempt(JOB_ID, delivered) == delivered
    assert put_attempt(JOB_ID, failed) == delivered
    assert list_attempts(JOB_ID) == [delivered]
