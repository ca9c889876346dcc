"""Fixtures of the API's tests."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.account import TENANT


@pytest.fixture
def send(caller, event) -> Callable[..., Any]:
    """Sends the event of a file, with another body if one is given."""

    def sending(name: str, body: Any = None, tenant: str = TENANT, **changes: Any) -> Any:
        loaded = event(name) | changes
        if body is not None:
            loaded["body"] = body if isinstance(body, str) else json.dumps(body)
        return caller.send(loaded, tenant)

    return sending
