"""API keys that are the same at every start on the same port, and known to nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path


def api_key(folder: Path, port: int, tenant: str) -> str:
    """The key of a tenant's on the stack at a port.

    It is derived from a secret of this checkout, made when it is first asked for and kept in `folder`: a page in a
    browser could otherwise call the stack, which may fetch from this machine.
    """
    digest = hmac.digest(_secret(folder / "secret"), f"{port}/{tenant}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:30]).decode()


def _secret(path: Path) -> bytes:
    if not path.is_file():
        write_once(path, secrets.token_hex(32))
    return path.read_bytes()


def write_once(path: Path, text: str) -> bool:
    """Write a file that only this user may read, whole; whether it was not there before. Of two writers one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 600
    part = Path(name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        path.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True
