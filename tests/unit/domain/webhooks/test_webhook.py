"""Contract A6: signatures and the schedule of attempts."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from imagemill.domain.webhooks.message import (
    JITTER,
    MAX_RETRY_AFTER_SECONDS,
    SECRET_BYTES,
    SECRET_PREFIX,
    delay_before,
    new_secret,
    signature,
)

SCHEDULE = (0, 5, 300, 1800)


def headers(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, "msg_1", timestamp, body),
    }


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def test_a_receiver_verifies_what_we_sign():
    secret, body = new_secret(), '{"name":"Grün"}'.encode()

    assert Webhook(secret).verify(body, headers(secret, body, now())) == {"name": "Grün"}


@pytest.mark.parametrize("changed", ["body", "secret", "id", "timestamp"])
def test_a_receiver_notices_any_change(changed):
    secret, body = new_secret(), b'{"a":1}'
    sent = headers(secret, body, now())
    match changed:
        case "body":
            body = b'{"a":2}'
        case "secret":
            secret = new_secret()
        case "id":
            sent["webhook-id"] = "msg_2"
        case _:
            sent["webhook-timestamp"] = str(now() - 60)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, sent)


def test_the_signature_is_that_of_the_specifications_example():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_thirty_two_random_bytes():
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(secret.startswith(SECRET_PREFIX) for secret in secrets)
    assert {len(base64.b64decode(secret.removeprefix(SECRET_PREFIX))) for secret in secrets} == {SECRET_BYTES}


@given(attempt=st.integers(1, len(SCHEDULE)))
def test_a_delay_is_the_scheduled_one_and_at_most_a_tenth_more(attempt):
    delay = delay_before(attempt, SCHEDULE, None)

    assert delay is not None
    assert SCHEDULE[attempt - 1] <= delay <= SCHEDULE[attempt - 1] * (1 + JITTER)


def test_delays_differ_so_that_receivers_are_not_called_together():
    assert len({delay_before(4, SCHEDULE, None) for _ in range(20)}) > 1


def test_after_the_schedule_there_is_no_attempt():
    assert delay_before(len(SCHEDULE) + 1, SCHEDULE, 10) is None


def test_the_first_attempt_is_made_at_once():
    assert delay_before(1, SCHEDULE, None) == 0


@pytest.mark.parametrize(("asked", "delay"), [(900, 900), (0, 300), (10, 300), (999_999, MAX_RETRY_AFTER_SECONDS)])
def test_a_receiver_may_ask_for_more_time_up_to_a_day_and_never_for_less(asked, delay):
    planned = delay_before(3, SCHEDULE, asked)

    assert planned is not None
    assert delay <= planned <= delay * (1 + JITTER)


@given(
    schedule=st.lists(st.integers(0, 100_000), min_size=1, max_size=12),
    attempt=st.integers(1, 15),
    asked=st.none() | st.floats(min_value=0, allow_infinity=True, allow_nan=False),
)
def test_a_delay_is_what_was_planned_or_asked_for_within_a_day(schedule, attempt, asked):
    delay = delay_before(attempt, schedule, asked)

    if attempt > len(schedule):
        assert delay is None
        return
    planned = schedule[attempt - 1]
    assert delay is not None
    assert planned <= delay <= max(planned * (1 + JITTER), min(asked or 0, MAX_RETRY_AFTER_SECONDS))
    assert delay >= min(asked or 0, MAX_RETRY_AFTER_SECONDS)
