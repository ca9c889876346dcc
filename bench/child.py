"""Child processes that measure, and the environment they get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

PROJECT = Path(__file__).resolve().parent.parent
CHILDREN = Path(__file__).resolve().parent / "children"
#: A child ends when its input does; one that has not by then is killed.
STOP_SECONDS = 10.0


class ChildFailedError(Exception):
    """A child process ended before it had answered; what it said is on the terminal."""


class Child:
    """A process that answers each line of JSON with one. Ended on leaving its context.

    environment: on top of PATH and PYTHONPATH, nothing else reaches it.
    """

    def __init__(self, *command: str | Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = [str(part) for part in command]
        self._environment = {**_base_environment(), **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ChildFailedError when the process has ended instead."""
        standard_input, standard_output = self._pipes()
        try:
            standard_input.write(json.dumps(request) + "\n")
            standard_input.flush()
        except BrokenPipeError as fault:
            raise ChildFailedError(" ".join(self._command)) from fault
        answer = standard_output.readline()
        if not answer:
            raise ChildFailedError(" ".join(self._command))
        document: dict[str, Any] = json.loads(answer)
        return document

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._running()
        for pipe in self._pipes():
            pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("The child runs only while its context is open.")
        return self._process

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The child was started without pipes.")
        return process.stdin, process.stdout


def python_child(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
    """A module of `bench.children` in this interpreter."""
    return Child(sys.executable, "-m", f"bench.children.{module}", *arguments, environment=environment)


@cache
def template_malloc() -> Mapping[str, str]:
    """The allocator's settings that template.yaml gives the process function."""
    template = yaml.load((PROJECT / "template.yaml").read_text(encoding="utf-8"), _CloudFormationLoader)
    variables = template["Resources"]["ProcessFunction"]["Properties"]["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if name.startswith(("MALLOC_", "PILLOW_"))}


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Children that are started inside stay on one processor, the last, with all their threads."""
    with _on(lambda processors: {max(processors)}):
        yield


@contextmanager
def on_other_processors() -> Iterator[None]:
    """This process and children that are started inside stay off that one, where there are others."""
    with _on(lambda processors: processors - {max(processors)} or processors):
        yield


@contextmanager
def _on(choose: Callable[[set[int]], set[int]]) -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, choose(allowed))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class _CloudFormationLoader(yaml.SafeLoader):
    """Reads !Ref and its like as nothing: only plain values are wanted."""


_CloudFormationLoader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def _base_environment() -> dict[str, str]:
    paths = (PROJECT / "layers" / "core", PROJECT / "functions", PROJECT)
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/tmp"),
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
        "LANG": "C.UTF-8",
    }
