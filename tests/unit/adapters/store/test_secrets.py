"""Tenants' signing secrets, as they are kept."""

from imagemill.adapters.store.secrets import signing_secrets
from tests.support.account import TENANT


def test_a_tenants_secret_is_made_once_and_is_its_own(aws):
    first = signing_secrets(TENANT)

    assert signing_secrets(TENANT) == first
    assert signing_secrets("another") != first


def test_secrets_are_in_no_text_of_their_values(aws):
    assert signing_secrets(TENANT).current not in repr(signing_secrets(TENANT))
