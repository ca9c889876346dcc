"""Signing secrets of endpoints and tenants: shown, rotated (contract A6)."""

import json

from imagemill.adapters.store.secrets import signing_secrets
from imagemill.adapters.store.webhooks import get_webhook_and_secrets
from tests.support.account import OTHER_TENANT, TENANT
from tests.support.endpoints import WEBHOOK_ID, register


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(aws, caller, send):
    _, old = register()

    answer = send("api_post_webhook_rotate_secret")

    assert (caller.status, caller.headers["Cache-Control"]) == (200, ["no-store"])
    assert answer["id"] == WEBHOOK_ID
    found = get_webhook_and_secrets(TENANT, WEBHOOK_ID)
    assert found
    assert found[1].valid_at(0) == (answer["secret"], old)
    assert answer["secret"] not in json.dumps(send("api_get_webhook"))


def test_the_signing_secret_is_rotated_for_its_tenant_alone(aws, caller, send):
    old = send("api_get_signing_secret")["secret"]
    theirs = send("api_get_signing_secret", tenant=OTHER_TENANT)

    new = send("api_post_signing_secret_rotate")["secret"]

    assert (caller.status, caller.headers["Cache-Control"]) == (200, ["no-store"])
    assert new != old
    assert send("api_get_signing_secret") == {"secret": new}
    assert signing_secrets(TENANT).valid_at(0) == (new, old)
    assert send("api_get_signing_secret", tenant=OTHER_TENANT) == theirs


def test_a_signing_secret_can_be_rotated_before_it_was_ever_asked_for(caller, send):
    new = send("api_post_signing_secret_rotate")["secret"]

    assert send("api_get_signing_secret") == {"secret": new}
