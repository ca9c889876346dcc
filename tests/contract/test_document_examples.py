"""What README and how-tos tell a reader to type and to copy does what they say, as far as it can without a stack."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks import Webhook

from api.app import app
from api.openapi.document import openapi_document
from tests.support.account import PROJECT
from tests.support.documents import Document, document, documents

BY_NAME = pytest.mark.parametrize("doc", documents(), ids=lambda doc: doc.name)
WITH_CURL = pytest.mark.parametrize("name", ["README.md", "docs/howto/submit.md", "docs/howto/webhooks.md"])
API = "https://api.example/v1"
JOB = "01K0B3T5Q8ZC4V7XW2N9M6R1DF"
UPLOAD = {"upload": {"url": "https://s3.example/catalogue", "fields": {"key": "uploads/t/j.csv", "policy": "p"}}}
#: Stands in curl's place: notes its arguments, and answers as the routes would whose answers are used.
CURL = f"""\
#!{sys.executable}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
url = next(word for word in sys.argv if word.startswith("https://"))
if url.endswith("/uploads"):
    print({json.dumps(UPLOAD)!r})
if "%{{redirect_url}}" in sys.argv:
    print("https://s3.example/output.csv", end="")
"""


@pytest.fixture(scope="module")
def api():
    return openapi_document(app.routes(), API)


@pytest.fixture
def folder(tmp_path):
    """A reader's folder while `make dev` runs."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps({"api_url": API, "api_key": "key-of-mine"}))
    curl = tmp_path / "bin/curl"
    curl.parent.mkdir()
    curl.write_text(CURL)
    curl.chmod(0o700)
    return tmp_path


def typed(commands: list[str], folder: Path) -> tuple[str, list[list[str]]]:
    """What a shell says to these commands, and the arguments of each curl."""
    calls = folder / "calls"
    calls.touch()
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "CALLS": str(calls),
    }
    script = "\n".join([f"API={API} KEY=key-of-mine JOB={JOB}", *commands, 'echo "$API $KEY"'])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [json.loads(line) for line in calls.read_text().splitlines()]


def session(doc: Document) -> list[str]:
    """The lines of a document that speak to the API, in order, and those whose values they use."""
    return [command for command in doc.commands if re.match(r"curl|API=|KEY=|python3 -c", command)]


def options_of(call: list[str], *names: str) -> list[str]:
    return [value for name, value in pairwise(call) if name in names]


def operation_of(call: list[str], api: Any) -> tuple[Any, dict[str, list[str]]]:
    """The method, operation and query of a call, by the OpenAPI document."""
    [url] = [word for word in call if word.startswith("https://")]
    sends = options_of(call, "-d", "-F", "--data-binary")
    method = (options_of(call, "-X") or ["POST" if sends else "GET"])[0]
    parts = urlsplit(url.removeprefix(API))
    path = re.sub(r"/01[^/]+", "/{id}", parts.path)
    by_path = {re.sub(r"{.*?}", "{id}", path): operations for path, operations in api["paths"].items()}
    assert path in by_path, url
    assert method.lower() in by_path[path], (method, url)
    return by_path[path][method.lower()], parse_qs(parts.query)


def refuted(call: list[str], api: Any) -> dict[str, set[str]]:
    """What in a call is not as the OpenAPI document has it."""
    operation, query = operation_of(call, api)
    headers = {name.lower() for name in (header.partition(":")[0] for header in options_of(call, "-H"))}
    parameters = {(parameter["in"], parameter["name"].lower()) for parameter in operation["parameters"]}
    content = operation.get("requestBody", {}).get("content", {})
    form = content.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
    fields = content.get("application/json", {}).get("schema", {}).get("properties", {})
    given = {
        "header": headers - {"content-type"} - {name for place, name in parameters if place == "header"},
        "query": {name for name in query if ("query", name) not in parameters},
        "form": {value.partition("=")[0] for value in options_of(call, "-F")} - set(form),
        "field": {name for value in options_of(call, "-d") for name in json.loads(value)} - set(fields),
    }
    expected_headers = {"x-api-key"} if operation.get("security") != [] else set()
    return {**given, "header": given["header"] ^ expected_headers}


@WITH_CURL
def test_every_curl_is_a_call_that_the_api_describes(name, folder, api):
    _, calls = typed(session(document(name)), folder)

    ours = [call for call in calls if any(word.startswith(API) for word in call)]
    assert len(ours) >= 3
    for call in ours:
        assert not any(refuted(call, api).values()), (call, refuted(call, api))
        assert options_of(call, "-H")[0] == "x-api-key: key-of-mine"


def test_the_readmes_session_finds_the_stack_and_downloads_the_output(folder):
    said, calls = typed(session(document("README.md")), folder)

    assert said.splitlines()[-1] == f"{API} key-of-mine"
    assert calls[-1] == ["-sSo", "output.csv", "https://s3.example/output.csv"]


def test_a_large_csv_is_sent_as_s3_takes_it(folder):
    """The signed fields first, the file last."""
    _, calls = typed(session(document("docs/howto/submit.md")), folder)

    [sent] = [call for call in calls if UPLOAD["upload"]["url"] in call]
    assert options_of(sent, "-F") == ["key=uploads/t/j.csv", "policy=p", "file=@large.csv"]


@BY_NAME
def test_every_command_is_one_that_a_shell_reads(doc):
    script = "\n".join(re.sub(r"<[a-z][^<>]*>", "placeholder", command) for command in doc.commands)

    done = subprocess.run(["bash", "-n"], check=False, input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@BY_NAME
def test_every_make_command_is_a_target_with_its_variables(doc):
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    typed_in = [part for command in doc.commands for part in re.split(r"&&|#", command)]

    for command in [*typed_in, *doc.inline_code]:
        words = re.sub(r'"[^"]*"', "", command).split()
        if words[:1] == ["make"] and len(words) > 1:
            assert {word for word in words[1:] if "=" not in word} <= targets, command
            assert {word.partition("=")[0] for word in words[1:] if "=" in word} <= variables, command


@BY_NAME
def test_every_block_of_code_can_be_read(doc):
    for block in doc.blocks:
        if block.language == "python":
            compile(block.text, doc.name, "exec")
        if block.language == "json":
            json.loads(block.text)


def resolved(schema: Any, api: Any) -> Any:
    while "$ref" in schema or "anyOf" in schema:
        if "anyOf" in schema:
            schema = next(choice for choice in schema["anyOf"] if choice != {"type": "null"})
        else:
            schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def unlike(example: Any, schema: Any, api: Any, place: str = "$") -> Iterator[str]:
    """Where an example has other members than its schema. Null may stand for anything."""
    schema = resolved(schema, api)
    if isinstance(example, list):
        for number, item in enumerate(example):
            yield from unlike(item, schema["items"], api, f"{place}[{number}]")
    elif isinstance(example, dict):
        missing = set(schema["required"]) - set(example)
        yield from (f"{place}: {name}" for name in missing | (set(example) - set(schema["properties"])))
        for name, value in example.items():
            yield from unlike(value, schema["properties"].get(name, {}), api, f"{place}.{name}")
    elif "enum" in schema and example is not None and example not in schema["enum"]:
        yield f"{place}: {example}"


@pytest.mark.parametrize(
    ("name", "schemas"),
    [("docs/reference/api.md", ["Job", "Schedule", "Product"]), ("docs/reference/errors.md", ["Problem"])],
)
def test_the_references_examples_have_the_members_that_the_api_describes(name, schemas, api):
    examples = [json.loads(block.text) for block in document(name).blocks if block.language == "json"]

    assert len(examples) == len(schemas)
    for example, schema in zip(examples, schemas, strict=True):
        assert list(unlike(example, {"$ref": f"#/components/schemas/{schema}"}, api)) == []


@pytest.fixture
def receiver(tmp_path):
    """The how-to's receiver, started as its reader would, but for the port. Yields its port, secret and process."""
    [block] = [block for block in document("docs/howto/webhooks.md").blocks if block.language == "python"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = tmp_path / "receiver.py"
    program.write_text(block.text.replace("8000", str(port)))
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield port, secret, process
        finally:
            process.kill()


def posted(port: int, body: str, headers: dict[str, str]) -> int:
    """The status of the answer, as soon as the receiver listens."""
    deadline = time.monotonic() + 20
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/", body.encode(), headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            connection.close()


def test_the_python_receiver_takes_what_we_sign_and_refuses_what_was_changed(receiver):
    port, secret, process = receiver
    body = json.dumps({"type": "job.completed", "timestamp": "2026-11-25T08:00:00Z", "data": {"job_id": JOB}})
    moment = datetime.now(UTC)
    headers = {
        "webhook-id": f"msg_{JOB}_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(f"msg_{JOB}_1", moment, body),
    }

    assert posted(port, body, headers) == 204
    assert process.stdout.readline() == f"msg_{JOB}_1 job.completed {JOB}\n"
    assert posted(port, body.replace(JOB, JOB[::-1]), headers) == 400
    assert posted(port, body, {**headers, "webhook-signature": "v1,c2lnbmVk"}) == 400


def test_the_readmes_first_output_is_what_make_run_prints():
    """Its lines are those of `local/run.py`, figures aside."""
    source = textwrap.dedent((PROJECT / "local/run.py").read_text("utf-8"))
    [shown] = [block.text for block in document("README.md").blocks if block.text.startswith("$ make run\n")]

    labels = re.findall(r"^(Job|Products|Images|Bytes) ", shown, re.MULTILINE)
    assert labels == ["Job", "Products", "Images", "Bytes"]
    assert [label for label in labels if f'"{label}"' not in source] == []
