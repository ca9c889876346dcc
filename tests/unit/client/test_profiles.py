"""Which stack is meant, and where its key is kept."""

import json
import stat
from pathlib import Path

import pytest

from imagemill_client import Client, NoStackError
from imagemill_client.cli.app import main
from imagemill_client.profiles import find_stack, profiles_file
from tests.support.small_mill import KEY, small_mill


@pytest.fixture
def mill():
    with small_mill() as running:
        yield running


def write_stack(name: str, url: str, key: str = KEY) -> None:
    Path(".local").mkdir(exist_ok=True)
    Path(".local", name).write_text(json.dumps({"api_url": url, "api_key": key}))


def test_login_keeps_what_works_for_its_owner_alone(mill, capsys):
    assert main(["login", "--url", f"{mill.url}/", "--key", KEY]) == 0
    assert KEY not in "".join(capsys.readouterr())

    assert stat.S_IMODE(profiles_file().stat().st_mode) == 0o600
    assert (find_stack().url, find_stack().key) == (mill.url, KEY)
    assert main(["jobs"]) == 0
    assert main(["logout"]) == 0
    assert main(["jobs"]) == 2


@pytest.mark.parametrize(("key", "code"), [("a-key-that-nobody-knows-now", 3), ("", 2)])
def test_login_keeps_nothing_that_does_not_work(mill, key, code):
    assert main(["login", "--url", mill.url, "--key", key]) == code

    assert not profiles_file().exists()


def test_an_expired_profile_is_named(mill, capsys):
    main(["login", "--profile", "shop", "--url", mill.url, "--key", KEY])
    document = json.loads(profiles_file().read_text())
    document["shop"]["key"] = "a-key-that-was-taken-away"
    profiles_file().write_text(json.dumps(document))
    capsys.readouterr()

    assert main(["jobs", "--profile", "shop"]) == 3
    assert "(profile 'shop'); `imagemill login" in capsys.readouterr().err


def test_a_spoilt_file_of_profiles_is_one_line(capsys):
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text("{")

    assert main(["jobs"]) == 2
    assert "Mend it or remove it" in capsys.readouterr().err


def test_a_running_local_stack_is_found_from_a_folder_below(mill, monkeypatch):
    write_stack("stack.json", mill.url)
    below = Path("a/b")
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    assert Client().url == mill.url
    assert find_stack("local").key == KEY


def test_a_stack_that_is_gone_is_passed_over_for_another_of_the_checkout(mill):
    write_stack("stack.json", "http://127.0.0.1:9/v1")
    write_stack("stack-9.json", "http://127.0.0.1:9/v1")
    write_stack("stack-10.json", mill.url)

    assert find_stack().url == mill.url


def test_what_is_given_goes_before_what_is_found(mill, monkeypatch):
    write_stack("stack.json", mill.url)
    main(["login", "--url", mill.url, "--key", KEY])
    monkeypatch.setenv("IMAGEMILL_URL", "http://a.example/v1")
    monkeypatch.setenv("IMAGEMILL_KEY", "k")

    assert find_stack().url == "http://a.example/v1"
    assert find_stack("local").url == mill.url
    assert find_stack(url="http://b.example/v1").url == "http://b.example/v1"
    monkeypatch.delenv("IMAGEMILL_KEY")
    with pytest.raises(NoStackError, match="There is no key for"):
        find_stack()


def test_keys_go_into_a_keyring_where_there_is_one(mill, monkeypatch):
    class Ring:
        class errors:  # noqa: N801 - the module's name
            KeyringError = RuntimeError

        def __init__(self) -> None:
            self.kept: dict[tuple[str, str], str] = {}

        def set_password(self, service, name, key):
            self.kept[service, name] = key

        def get_password(self, service, name):
            return self.kept.get((service, name))

    ring = Ring()
    monkeypatch.setattr("imagemill_client.profiles._keyring", lambda: ring)
    main(["login", "--url", mill.url, "--key", KEY])

    assert KEY not in profiles_file().read_text()
    assert find_stack().key == KEY
    ring.kept.clear()
    with pytest.raises(NoStackError, match="gone from the keyring"):
        find_stack()
