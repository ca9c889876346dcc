"""`.local`: two stacks of one checkout, one that was killed, and keys that stay."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.keys import api_key, write_once
from local.stack import Stack
from local.stack_files import stack_file


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/_ministack/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def running() -> Iterator[Stack]:
    """A stack that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield stack_at(server.server_port)
        server.shutdown()


def stack_at(port: int) -> Stack:
    endpoint = f"http://127.0.0.1:{port}"
    return Stack(f"{endpoint}/v1", "first", "other", endpoint, "catalogue", "images", "table")


def ports(folder: Path) -> dict[str, str]:
    return {path.name: json.loads(path.read_text())["aws_endpoint_url"] for path in folder.glob("*.json")}


def test_a_second_stack_leaves_the_firsts_file_alone(tmp_path):
    with running() as first, running() as second:
        with stack_file(first, tmp_path) as told:
            with stack_file(second, tmp_path) as told_second:
                assert told.name == "stack.json"
                assert told_second.name == f"stack-{second.aws_endpoint_url.rsplit(':', 1)[1]}.json"
                assert ports(tmp_path)["stack.json"] == first.aws_endpoint_url
                assert len(ports(tmp_path)) == 3
                assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.json")} == {0o600}
            assert set(ports(tmp_path).values()) == {first.aws_endpoint_url}
        assert ports(tmp_path) == {}


@pytest.mark.parametrize("left", ['{"aws_endpoint_url": "http://127.0.0.1:9"}', "{", "[]", '{"aws_endpoint_url": 1}'])
def test_the_file_of_a_stack_that_is_gone_is_taken_over(tmp_path, left):
    (tmp_path / "stack.json").write_text(left)
    with running() as stack, stack_file(stack, tmp_path) as told:
        assert ports(tmp_path)["stack.json"] == stack.aws_endpoint_url
        assert told.name == "stack.json"


def test_a_file_that_another_has_taken_over_is_left_to_it(tmp_path):
    with running() as stack, stack_file(stack, tmp_path) as told:
        told.write_text("{}")

    assert told.read_text() == "{}"


def test_keys_stay_and_differ(tmp_path):
    key = api_key(tmp_path, 4566, "first")

    assert api_key(tmp_path, 4566, "first") == key
    others = {
        api_key(tmp_path, 4566, "other"),
        api_key(tmp_path, 4567, "first"),
        api_key(tmp_path / "b", 4566, "first"),
    }
    assert len({key, *others}) == 4
    assert len(key) >= 20
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_of_two_writers_one_wins(tmp_path):
    assert write_once(tmp_path / "a", "1")
    assert not write_once(tmp_path / "a", "2")
    assert (tmp_path / "a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
