"""Contract A6: a replaced secret signs beside the new one for a while, and no longer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from imagemill.domain.webhooks.message import new_secret, signature
from imagemill.domain.webhooks.signing_secrets import MAX_RETIRED_SECRETS, SigningSecrets

OVERLAP = 86_400

moments = st.integers(1_700_000_000, 2_000_000_000)
#: Seconds from one rotation to the next.
gaps = st.lists(st.integers(0, 2 * OVERLAP), max_size=8)


@given(start=moments, gaps=gaps, later=st.integers(0, 2 * OVERLAP))
def test_a_secret_signs_from_its_making_until_a_day_after_it_was_replaced(start, gaps, later):
    secrets = SigningSecrets("secret-0")
    replaced_at: dict[str, int] = {}
    moment = start
    for number, gap in enumerate(gaps, 1):
        moment += gap
        replaced_at[secrets.current] = moment
        secrets = secrets.rotated(f"secret-{number}", moment, OVERLAP)
    moment += later

    due = [secret for secret, at in replaced_at.items() if moment < at + OVERLAP]
    newest_first = due[::-1][:MAX_RETIRED_SECRETS]
    assert secrets.valid_at(moment) == (f"secret-{len(gaps)}", *newest_first)


@given(moment=moments)
def test_the_old_secret_is_refused_from_the_very_second_on(moment):
    secrets = SigningSecrets("old").rotated("new", moment, OVERLAP)

    assert secrets.valid_at(moment + OVERLAP - 1) == ("new", "old")
    assert secrets.valid_at(moment + OVERLAP) == ("new",)


@given(data=st.data())
def test_a_receiver_verifies_with_a_secret_that_is_valid_and_with_no_other(data):
    known = [new_secret() for _ in range(4)]
    moment, body = int(time.time()), b'{"a":1}'
    secrets = SigningSecrets(known[0])
    for replacement in known[1 : data.draw(st.integers(1, len(known)))]:
        age = data.draw(st.integers(0, 2 * OVERLAP))
        secrets = secrets.rotated(replacement, moment - age, OVERLAP)
    valid = secrets.valid_at(moment)
    signatures = " ".join(signature(secret, "msg_1", moment, body) for secret in valid)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(moment), "webhook-signature": signatures}

    for secret in known:
        if secret in valid:
            assert Webhook(secret).verify(body, headers) == {"a": 1}
        else:
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(body, headers)
