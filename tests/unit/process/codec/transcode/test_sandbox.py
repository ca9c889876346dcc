"""The module runs within bounds, whatever it does; and where it cannot run, that is an answer, too."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import wasmtime

from imagemill.kept import forget
from process.codec.transcode import sandbox
from process.codec.transcode.jpeg import transcode
from process.codec.transcode.refusal import STATUSES, NotTranscodableError, Refusal
from tests.support.account import PROJECT
from tests.support.image_files import photo, saved

DATA = saved(photo(), "JPEG", quality=90)
PIXELS = 320 * 240
#: A module that has the same exports and does what `transcode` here says.
WAT = """(module (memory (export "memory") 1)
  (func (export "reserve") (param i32) (result i32) i32.const 64)
  (func (export "transcode") (param i32 i32 i32 i32 i32) (result i32) {body}))"""

#: As `process.codec_process` does with an image.
RUN_AWAY = """
import signal, sys
from pathlib import Path
from process.codec.transcode import sandbox
sandbox.MODULE = Path(sys.argv[1])
running = sandbox.sandbox()
assert running
print(end="begun", flush=True)
signal.setitimer(signal.ITIMER_PROF, 0.2)
running.call(sys.stdin.buffer.read(), 76_800, 50, 1, 0)
"""


@pytest.fixture
def fresh():
    """A sandbox that is made anew, and is not there any more for the tests that follow."""
    forget()
    yield
    forget()


def reason() -> Refusal:
    with pytest.raises(NotTranscodableError) as refused:
        transcode(DATA, 50, pixels=PIXELS)
    return refused.value.reason


def module_that(body: str, tmp_path, monkeypatch) -> None:
    path = tmp_path / "transcoder.wasm"
    path.write_bytes(wasmtime.wat2wasm(WAT.format(body=body)))
    monkeypatch.setattr(sandbox, "MODULE", path)


def test_the_module_imports_nothing():
    assert list(wasmtime.Module.from_file(wasmtime.Engine(), str(sandbox.MODULE)).imports) == []


def test_threads_get_the_same_answers_each_with_an_instance_of_its_own(fresh):
    sources = [saved(photo(width, 200), "JPEG", quality=90) for width in range(200, 216)]
    alone = [transcode(data, 50, pixels=PIXELS) for data in sources]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda data: transcode(data, 50, pixels=PIXELS), sources * 4))

    assert together == alone * 4


def test_a_call_leaves_nothing_behind_for_the_next():
    large = saved(photo(900, 700), "JPEG", quality=95, subsampling="4:4:4", progressive=True)
    before = transcode(DATA, 50, pixels=PIXELS)
    transcode(large, 50, pixels=630_000, progressive=True)
    with pytest.raises(NotTranscodableError):
        transcode(large[:-2000], 50, pixels=630_000)

    assert transcode(DATA, 50, pixels=PIXELS) == before


def test_a_call_that_runs_away_is_ended_with_its_process(fresh, tmp_path, monkeypatch):
    """By the timer that a codec process sets for each image: a call into a module never comes back to Python."""
    module_that("(loop br 0) unreachable", tmp_path, monkeypatch)
    run = subprocess.run(
        [sys.executable, "-c", RUN_AWAY, str(sandbox.MODULE)],
        env={"PYTHONPATH": ":".join(str(PROJECT / folder) for folder in ("layers/core", "functions"))},
        input=DATA,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert run.stdout == b"begun"
    assert run.returncode == -signal.SIGPROF


def test_a_trap_ends_the_call_and_not_the_process(fresh, tmp_path, monkeypatch):
    module_that("unreachable", tmp_path, monkeypatch)
    assert reason() is Refusal.TRAP
    assert reason() is Refusal.TRAP


@pytest.mark.parametrize("address", [65_530, -16])
def test_an_address_outside_of_the_memory_is_not_followed(fresh, tmp_path, monkeypatch, address):
    module_that(f"i32.const {address}", tmp_path, monkeypatch)
    assert reason() is Refusal.TRAP


def test_memory_is_limited(fresh, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_MEMORY_BYTES", 4 << 20)
    assert transcode(DATA, 50, pixels=PIXELS)
    noise = saved(photo(1_600, 1_200), "JPEG", quality=100, subsampling="4:4:4")
    with pytest.raises(NotTranscodableError) as refused:
        transcode(noise, 95, pixels=1_600 * 1_200)
    assert refused.value.reason is Refusal.MEMORY


def test_an_instance_that_has_grown_is_not_kept(fresh, monkeypatch):
    monkeypatch.setattr(sandbox, "KEPT_MEMORY_BYTES", 1)
    transcode(DATA, 50, pixels=PIXELS)
    running = sandbox.sandbox()
    assert running
    assert not running._idle


def test_without_wasmtime_it_is_unavailable(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    assert reason() is Refusal.UNAVAILABLE


def test_with_a_module_that_is_none_it_is_unavailable(fresh, tmp_path, monkeypatch):
    path = tmp_path / "transcoder.wasm"
    path.write_bytes(b"\0asm\xff\xff\xff\xff")
    monkeypatch.setattr(sandbox, "MODULE", path)
    assert reason() is Refusal.UNAVAILABLE


def test_the_reasons_are_numbered_as_in_the_source():
    source = (PROJECT / "transcoder/src/jpeg.h").read_text()
    names = [line.split(",")[0].strip() for line in source.split("OK = 0,")[1].split("};")[0].splitlines()]

    assert [name for name in names if name] == [reason.name for reason in STATUSES]
