"""The command: exit codes, one line for each fault, lines of JSON; in processes of their own where signals matter."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagemill_client.cli.app import main
from tests.support.account import PROJECT
from tests.support.small_mill import DROP, KEY, LOSE, small_mill

CSV = b"S. No.,Product Name,Input Image Urls\r\n1,A,http://shop.example/1.jpg\r\n"
#: The command as a terminal starts it, also where the tests run in the background of a shell, which has Ctrl-C ignored.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("imagemill_client", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def mill(monkeypatch):
    with small_mill() as running:
        monkeypatch.setenv("IMAGEMILL_URL", running.url)
        monkeypatch.setenv("IMAGEMILL_KEY", KEY)
        Path("a.csv").write_bytes(CSV)
        yield running


def process(*arguments: str, **given: Any) -> subprocess.Popen[str]:
    # Without coverage's tracing: it would write its own files, and say so where it cannot.
    given_environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**given_environment, "PYTHONPATH": str(PROJECT / "client" / "src")}
    command = [sys.executable, "-c", INTERRUPTIBLE, *arguments]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **given,
    )


def test_submit_wait_and_download_is_one_document_and_all_files(mill, capsys):
    assert main(["submit", "a.csv", "-o", "quality=60", "--wait", "--download", "out", "--json"]) == 0

    [document] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (document["status"], document["download"]) == ("COMPLETED", {"path": "out", "fetched": 4, "kept": 0})
    assert mill.forms[0]["quality"] == "60"
    assert sorted(path.name for path in Path("out").rglob("*.*")) == [
        "1-1.jpg", "2-1.jpg", "3-1.jpg", "job.json", "output.csv",
    ]  # fmt: skip


def test_the_job_is_told_though_a_file_is_missing(mill, capsys):
    mill.fault = lambda _number, line: (404, {}) if line == "GET /images/1.jpg" else None

    assert main(["submit", "a.csv", "--download", "out", "--json"]) == 1

    said = capsys.readouterr()
    assert json.loads(said.out)["status"] == "COMPLETED"
    assert "1 of 4 files could not be fetched" in said.err


def test_an_address_is_fetched_by_the_stack(mill, capsys):
    assert main(["submit", "https://shop.example/feed.csv?a=1", "-o", "quality=60", "--wait", "--json"]) == 0
    assert main(["submit", "https://shop.example/feed.csv", "--dry-run"]) == 2

    assert mill.forms == [{"source_url": "https://shop.example/feed.csv?a=1", "quality": "60"}]


def test_standard_input_is_a_catalogue(mill):
    running = process("submit", "-", "--json", stdin=subprocess.PIPE)
    said, _ = running.communicate(CSV.decode())

    assert running.returncode == 0
    assert json.loads(said)["filename"] == "stdin.csv"
    assert mill.forms[0]["file"] == CSV


@pytest.mark.parametrize(
    ("status", "code"), [("COMPLETED", 0), ("PARTIAL", 1), ("FAILED", 1), ("CANCELLED", 1), ("REJECTED", 3)]
)
def test_the_exit_code_is_how_the_job_ended(mill, status, code):
    job = mill.make_job("a.csv", status=status)

    assert main(["wait", job["job_id"]]) == code


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["submit", "missing.csv"], 2, "There is no file missing.csv."),
        (["submit", "."], 2, "is a folder"),
        (["submit", "a.csv", "-o", "quality"], 2, "not name=value"),
        (["frobnicate"], 2, "No such command"),
        (["show", "../jobs"], 2, "is no id"),
        (["show", "01M"], 3, "JOB_NOT_FOUND"),
        (["show", "01M", "--profile", "nobody"], 2, "no profile 'nobody'"),
        (["show", "01M", "--profile", "local"], 2, "make dev"),
    ],
)
def test_what_is_wrong_is_one_line(mill, capsys, arguments, code, words):
    assert main(arguments) == code

    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        (None, "another-key-of-20-characters", (3, "does not know this key")),
        ("http://127.0.0.1:9/v1", KEY, (4, "it refuses the connection. Is the stack up (`make dev`)?")),
        ("http://nowhere.invalid/v1", KEY, (4, "its name is not known")),
        ("ftp://x", KEY, (2, "is no http(s) address")),
        ("http://127.0.0.1:1/v1", "a key\nwith blanks", (2, "no key has")),
    ],
)
def test_a_wrong_key_or_address_is_one_line_without_the_key(mill, monkeypatch, capsys, url, key, said):
    monkeypatch.setenv("IMAGEMILL_URL", url or mill.url)
    monkeypatch.setenv("IMAGEMILL_KEY", key)
    code, words = said

    assert main(["jobs"]) == code

    line = capsys.readouterr().err
    assert words in line
    assert len(line.splitlines()) == 1
    assert key not in line


def test_errors_are_grouped_in_words_and_each_is_a_line_of_csv(mill, capsys):
    job = mill.make_job("a.csv", status="PARTIAL")
    failed = {"status": "FAILED", "error": "HTTP_STATUS", "http_status": 404, "output_url": None, "sha256": None}
    products = mill.products()
    for product in products:
        product["status"] = "PARTIAL"
        product["images"][0] |= failed
    products[0]["name"] = "\x1b[2Jcleared"
    mill.products = lambda: products

    assert main(["errors", job["job_id"]]) == 1
    said = capsys.readouterr().out
    assert said.startswith("3 × HTTP_STATUS 404\n  an answer without the image. To be mended by whoever writes")
    assert said.count("http://shop.example/images/") == 3

    assert main(["errors", job["job_id"], "--csv"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["errors", job["job_id"], "--json"]) == 1
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["row"] for document in documents] == [1, 2, 3]
    main(["products", job["job_id"]])
    assert "\x1b" not in capsys.readouterr().out


def test_a_full_disk_is_one_line_and_leaves_no_half_file(mill):
    job = mill.make_job("a.csv")
    size = 20_000
    running = process(
        "download", job["job_id"], "out", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    _, said = running.communicate()

    assert (running.returncode, len(said.splitlines())) == (1, 1)
    assert "Make room and run it again" in said
    assert list(Path("out").rglob("*.jpg")) == []
    assert main(["download", job["job_id"], "out"]) == 0


@pytest.mark.parametrize(
    ("arguments", "fault", "words"),
    [
        (["submit", "a.csv"], "POST /v1/jobs", "There may be a job"),
        (["submit", "a.csv", "--wait"], "GET /v1/jobs/", "goes on. `imagemill wait 01M"),
        (["submit", "a.csv", "--download", "out"], "GET /images/", "all files that are there are whole"),
    ],
)
def test_ctrl_c_says_what_next_in_every_phase(mill, arguments, fault, words):
    running = process(*arguments)
    pressed: list[str] = []

    def interrupt(_number, line):
        if line.startswith(fault) and not pressed:
            pressed.append(line)
            running.send_signal(signal.SIGINT)
            return LOSE
        return None

    mill.fault = interrupt
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert words in said
    assert "Traceback" not in said


def test_a_reader_that_leaves_early_is_no_fault(mill):
    job = mill.make_job("a.csv")
    mill.serials = tuple(map(str, range(2000)))
    with process("products", job["job_id"], "--json") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()

    assert (running.returncode, said) == (0, "")


def test_a_stack_that_goes_away_in_mid_job_is_said(mill, monkeypatch, capsys):
    monkeypatch.setattr("imagemill_client.job.WAIT_PATIENCE_SECONDS", 0.0)
    job = mill.make_job("a.csv", ended_at=None, status="PROCESSING")
    looks = iter([None, None])
    mill.fault = lambda *_: next(looks, DROP)

    assert main(["wait", job["job_id"]]) == 4
    assert "is not reached" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "_IMAGEMILL_COMPLETE" in capsys.readouterr().out
