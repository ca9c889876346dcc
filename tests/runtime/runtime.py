"""Lambda's runtime without Docker: aws-lambda-rie of the SAM CLI, awslambdaric, layers as /opt has them.

`.local/runtime/opt/python` holds both layers' packages, locked, for this machine; `.local/runtime/task` the functions.
Neither may be written to. The Python is 3.13, the template's, or the one at hand where there is none.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from local.stack import EMULATOR_PYTHON, LOCAL, _emulator_environment, _stop, _wait_until_ready, free_port
from tests.support.account import CREDENTIALS, ENVIRONMENT, PROJECT

RUNTIME = PROJECT / ".local" / "runtime"
TASK = RUNTIME / "task"
MACHINE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
#: The account's id is the access key: the emulator reads it so.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "testing"}
#: Lambda gives a function of this size one processor, and so does `invoke`.
MEMORY_MIB = 1_769
SECONDS = 60


class MissingError(Exception):
    """A tool is not there. The message says which, and how to get it."""


class NoLinuxError(MissingError):
    """Lambda's init is a program for Linux on x86-64 or arm64: nothing can be installed to run it here."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """cold_ms: from the call that starts the process to its answer. peak_mib: of all its processes together."""

    answer: Any
    cold_ms: float
    peak_mib: float


def emulator_of_lambda() -> Path:
    """aws-lambda-rie of this machine's kind, from the SAM CLI."""
    kind = MACHINE.get(platform.machine().lower(), "none")
    if platform.system() != "Linux" or kind == "none":
        raise NoLinuxError("Lambda's init runs on Linux alone, on x86-64 or arm64.")
    found = sorted((PROJECT / ".venv-sam").glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{kind}"))
    if not found:
        raise MissingError("aws-lambda-rie is not here, it comes with the SAM CLI: make .venv-sam/.installed")
    RUNTIME.mkdir(parents=True, exist_ok=True)
    target = RUNTIME / "aws-lambda-rie"
    shutil.copy(found[0], target)
    target.chmod(0o755)
    return target


def python() -> Path:
    """A Python with awslambdaric."""
    found = PROJECT / ".venv-runtime" / "bin" / "python"
    if not found.exists():
        raise MissingError("awslambdaric is not here: make .local/runtime/.installed")
    return found


def python_version() -> str:
    """Of the runtime's Python, as in `3.13.0`."""
    asked = [str(python()), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def lay_out() -> None:
    """Put the code as it is now beside the packages, compiled, and let nobody write to it."""
    packages = RUNTIME / "opt" / "python"
    if not packages.exists():
        raise MissingError("The layers' packages are not here: make .local/runtime/.installed")
    for source, target in ((PROJECT / "layers/core/imagemill", packages / "imagemill"), (PROJECT / "functions", TASK)):
        subprocess.run(["chmod", "-Rf", "u+w", target], check=False)
        shutil.rmtree(target, ignore_errors=True)
        packages.chmod(0o755)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        compiled = [str(python()), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(target)]
        subprocess.run(compiled, check=True)
        subprocess.run(["chmod", "-R", "a-w", target], check=True)


@contextmanager
def emulated_aws() -> Iterator[str]:
    """An emulated account without a stack; gives its address."""
    port = free_port(0)
    endpoint = f"http://127.0.0.1:{port}"
    folder = RUNTIME / f"emulator-{port}"
    folder.mkdir(parents=True)
    environment = _emulator_environment(port, endpoint, str(folder)) | {"AUTH": "false"}
    log = folder / "log"
    with log.open("wb") as output:
        emulator = subprocess.Popen(
            [EMULATOR_PYTHON, "-m", "local.emulator"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(emulator, endpoint, log)
            yield endpoint
        finally:
            _stop(emulator)
            shutil.rmtree(folder, ignore_errors=True)


def processes_of(pid: int) -> list[int]:
    """A process and all below it."""
    below: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below += map(int, children.read_text().split())
        except OSError:
            continue
    return [pid, *(each for child in below for each in processes_of(child))]


def peak_mib(pid: int) -> float:
    """The peaks of all processes' resident memory, added up; of the runtime, without its init."""
    kilobytes = 0
    for process in processes_of(pid)[1:]:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return kilobytes / 1024


def invoke(function: str, event: Any, endpoint: str) -> Invocation:
    """Start a function's runtime on one processor, send it an event, end it."""
    port, inner = free_port(0), free_port(0)
    environment = {
        **ENVIRONMENT,
        **CREDENTIALS,
        **ACCOUNT,
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": f"imagemill-prod-{function}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MIB),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(SECONDS),
        "AWS_LAMBDA_RIE_MAX_PAYLOAD": "6291556",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_TASK_ROOT": str(TASK),
        "PYTHONPATH": f"{RUNTIME / 'task'}:{RUNTIME / 'opt' / 'python'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "FAST_LANE": "off",
    }
    outer = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    rie = [str(emulator_of_lambda()), "--log-level", "error", *outer, "--runtime-api-address", f"127.0.0.1:{inner}"]
    command = [*rie, str(python()), "-m", "awslambdaric", f"{function}.app.handler"]
    with (LOCAL / "runtime" / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=TASK, env=environment, stdout=log, stderr=log, start_new_session=True)
    # Before the runtime starts, which is with the first call.
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        web = urllib3.PoolManager(retries=urllib3.Retry(connect=50, backoff_factor=0.02, backoff_max=0.05))
        begun = time.monotonic()
        address = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        answer = web.request("POST", address, body=json.dumps(event).encode(), timeout=SECONDS)
        taken = (time.monotonic() - begun) * 1000
        return Invocation(json.loads(answer.data or b"null"), taken, peak_mib(process.pid))
    finally:
        _stop(process)
