from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No pauses, and nothing of whoever runs the tests: no profile, no stack of this checkout."""
    monkeypatch.setattr("imagemill_client.transport.FIRST_PAUSE_SECONDS", 0.001)
    for name in ("URL", "KEY", "PROFILE"):
        monkeypatch.delenv(f"IMAGEMILL_{name}", raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setattr("imagemill_client.profiles._keyring", lambda: None)
    monkeypatch.chdir(home)
