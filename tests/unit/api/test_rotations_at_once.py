"""Many rotations of one secret at once: each is told a secret that was current, or to send it again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import api.app
from imagemill.adapters.store import secrets
from imagemill.adapters.store.secrets import signing_secrets
from tests.support.account import TENANT

AT_ONCE = 20


def rotation(event: Any) -> dict[str, Any]:
    asked: dict[str, Any] = event("api_get_job")
    asked |= {"path": "/signing-secret/rotate", "resource": "/signing-secret/rotate", "httpMethod": "POST"}
    asked["requestContext"]["identity"]["apiKeyId"] = TENANT
    return asked


@pytest.mark.parametrize("attempts", [1, 5])
def test_of_twenty_rotations_at_once_none_is_our_fault(aws, event, context, monkeypatch, attempts):
    monkeypatch.setattr(secrets, "ROTATION_ATTEMPTS", attempts)
    signing_secrets(TENANT)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: api.app.handler(rotation(event), context), range(AT_ONCE)))

    statuses = Counter(answer["statusCode"] for answer in answers)
    assert set(statuses) <= {200, 409}
    assert statuses[200] >= 1
    assert all("ROTATION_CONFLICT" in answer["body"] for answer in answers if answer["statusCode"] == 409)


def test_one_that_others_always_precede_is_told_so(aws, event, context, monkeypatch):
    monkeypatch.setattr(secrets, "ROTATION_PAUSE_SECONDS", 0)
    known = secrets.secrets_of

    def precede(values: Any) -> Any:
        """What was read is never what stands when the new secret is written."""
        return known({**values, "secret": "whsec_b2xk"})

    monkeypatch.setattr(secrets, "secrets_of", precede)

    answer = api.app.handler(rotation(event), context)

    assert (answer["statusCode"], "ROTATION_CONFLICT" in answer["body"]) == (409, True)
