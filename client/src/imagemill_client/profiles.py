"""Which stack, and with which key: environment, profiles, a local stack that runs."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import requests

from imagemill_client.errors import ImagemillError, MisuseError, NoStackError

DEFAULT_PROFILE = "default"
#: A profile that nobody logs in to: the stack of `make dev` in this folder, or in one above.
LOCAL_PROFILE = "local"
KEYRING_SERVICE = "imagemill"
LOCAL_ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FoundStack:
    """source: where it was found, to tell people."""

    url: str
    key: str = field(repr=False)
    source: str


class ProfileError(ImagemillError):
    """Profiles cannot be read or kept."""

    exit_code = 2


def find_stack(profile: str | None = None, url: str | None = None, key: str | None = None) -> FoundStack:
    """The stack that is meant, the first of these that says it.

    1. `url` and `key` as given; what is missing of them comes from IMAGEMILL_URL and IMAGEMILL_KEY
    2. the profile as given, or IMAGEMILL_PROFILE
    3. IMAGEMILL_URL and IMAGEMILL_KEY
    4. the profile `default`
    5. a local stack that runs: `.local/stack.json` in this folder or one above

    Raises: NoStackError, ProfileError.
    """
    named = profile or (None if url else os.environ.get("IMAGEMILL_PROFILE"))
    if named == LOCAL_PROFILE and url is None:
        found = local_stack()
        if found is None:
            raise NoStackError("No local stack runs here. `make dev` starts one; run this in its folder.")
        return found
    if named is not None and url is None:
        kept = read_profile(named)
        if kept is None:
            known = ", ".join(sorted(read_profiles())) or "none"
            raise NoStackError(f"There is no profile '{named}' (there are: {known}). `imagemill login` makes one.")
        return FoundStack(kept.url, key or kept.key, kept.source)
    given_key, url = key, url or os.environ.get("IMAGEMILL_URL")
    key = key or os.environ.get("IMAGEMILL_KEY")
    if url and key:
        return FoundStack(url, key, "as given")
    if url:
        raise NoStackError(f"There is no key for {url}: set IMAGEMILL_KEY, or `imagemill login --url {url}`.")
    found = read_profile(DEFAULT_PROFILE) or local_stack()
    if found is None:
        raise NoStackError("No stack is known. `imagemill login --url …` names one; `make dev` starts one here.")
    # IMAGEMILL_KEY alone says nothing: it belongs to another address.
    return found if given_key is None else replace(found, key=given_key)


def local_stack(start: Path | None = None) -> FoundStack | None:
    """The stack of `make dev` in this folder, or in the nearest one above that has one running.

    Of several in one checkout that is the one of `stack.json`, else the one with the lowest port.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        for path in _stack_files(folder / ".local"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                document = json.loads(path.read_text("utf-8"))
                found = FoundStack(str(document["api_url"]), str(document["api_key"]), f"the local stack of {folder}")
                if _answers(found.url):
                    return found
    return None


def _stack_files(folder: Path) -> Iterator[Path]:
    yield folder / "stack.json"
    with suppress(OSError):
        numbered = ((re.fullmatch(r"stack-(\d+)\.json", path.name), path) for path in folder.iterdir())
        yield from (path for _, path in sorted((int(match[1]), path) for match, path in numbered if match))


def _answers(url: str) -> bool:
    with suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False
        return session.get(f"{url}/health", timeout=LOCAL_ANSWER_SECONDS).ok
    return False


def profiles_file() -> Path:
    return Path(click.get_app_dir("imagemill")) / "profiles.json"


def read_profiles() -> dict[str, dict[str, Any]]:
    path = profiles_file()
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path} cannot be read ({error}). Mend it or remove it.") from error
    if not isinstance(document, dict) or not all(isinstance(entry, dict) for entry in document.values()):
        raise ProfileError(f"{path} holds no profiles. Mend it or remove it.")
    return document


def read_profile(name: str) -> FoundStack | None:
    entry = read_profiles().get(name)
    if entry is None:
        return None
    key = entry.get("key") or _from_keyring(name)
    if not key:
        raise NoStackError(f"The key of profile '{name}' is gone from the keyring. `imagemill login --profile {name}`.")
    return FoundStack(str(entry.get("url")), str(key), f"profile '{name}'")


def keep_profile(name: str, url: str, key: str) -> str:
    """Keep an address and a key, the key in the system's keyring where there is one; returns where it went."""
    if name == LOCAL_PROFILE:
        raise MisuseError("'local' is the stack of `make dev`; give the profile another name.")
    entry: dict[str, Any] = {"url": url}
    where = "the system's keyring"
    if not _into_keyring(name, key):
        entry["key"] = key
        where = f"{profiles_file()} (only you may read it)"
    _write({**read_profiles(), name: entry})
    return where


def forget_profile(name: str) -> None:
    profiles = read_profiles()
    if name not in profiles:
        raise NoStackError(f"There is no profile '{name}'.")
    del profiles[name]
    _write(profiles)
    keyring = _keyring()
    if keyring is not None:
        with suppress(keyring.errors.KeyringError):
            keyring.delete_password(KEYRING_SERVICE, name)


def _write(profiles: Mapping[str, Mapping[str, Any]]) -> None:
    path = profiles_file()
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps(profiles, indent=2) + "\n", "utf-8")
        part.replace(path)
    except OSError as error:
        raise ProfileError(f"{path} cannot be written: {error.strerror}.") from error


def _keyring() -> ModuleType | None:
    """The optional package, which is slow to load."""
    try:
        importlib.import_module("keyring.errors")
        return importlib.import_module("keyring")
    except ImportError:
        return None


def _into_keyring(name: str, key: str) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    with suppress(keyring.errors.KeyringError, RuntimeError):
        keyring.set_password(KEYRING_SERVICE, name, key)
        return bool(keyring.get_password(KEYRING_SERVICE, name) == key)
    return False


def _from_keyring(name: str) -> str | None:
    keyring = _keyring()
    if keyring is None:
        return None
    with suppress(keyring.errors.KeyringError, RuntimeError):
        found: str | None = keyring.get_password(KEYRING_SERVICE, name)
        return found
    return None
