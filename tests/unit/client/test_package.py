"""The package says itself what it needs, and what is pinned for it is that."""

import re
import tomllib

from tests.support.account import PROJECT


def test_what_is_pinned_for_the_client_is_what_it_needs():
    project = tomllib.loads((PROJECT / "client" / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = (PROJECT / "requirements" / "client.in").read_text("utf-8").splitlines()

    needed = [re.split(r"[^\w-]", dependency)[0] for dependency in project["dependencies"]]
    assert needed == [line for line in pinned if not line.startswith("#")]
