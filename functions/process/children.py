"""The codec in processes of its own: an image may end the one that it is in, never the worker.

A fresh interpreter rather than a fork of the worker: it has no threads whose locks would stay taken, no connections
and, above all, none of the credentials; it starts on every system; and a lost one is replaced in a tenth of a second,
without a template process that would have to be kept alive itself. Bytes go through files in memory that both have
open (there is no /dev/shm on Lambda), words over a socket. Two encoders do not share an interpreter's lock.

What is done for each image is done by caches that its codec has filled with other things: each statement counts.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagemill.domain.codes import ImageCode
from imagemill.errors import ImagemillError

from .shared_file import SharedFile

#: Of an answer: a line of numbers.
MAX_ANSWER_BYTES = 4_096
#: What the allocators and Pillow are told about the child's memory, and the interpreter's own. No credentials.
_HANDED_DOWN = ("MALLOC_", "PILLOW_", "LD_LIBRARY_PATH", "LANG", "LC_")
#: Signals by which the system ends a process that has used up its processor time.
_OUT_OF_TIME = frozenset({signal.SIGPROF, signal.SIGXCPU})
#: Of a child while others wait for the processor (0 to 19): it goes on with a tenth of what they have.
SLOW_NICENESS = 10
#: How long a process whose socket has been closed may take to be gone.
END_SECONDS = 1.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PACKAGES = str(Path(__file__).resolve().parent.parent)


class ChildLostError(ImagemillError):
    """The child has ended instead of answering. code: what that says about its image."""

    def __init__(self, code: ImageCode) -> None:
        super().__init__(code.value)
        self.code = code


class CodecChild:
    """One process, and what it shares with this one. Used by one thread at a time.

    is_fresh: no image has been in it yet, so that what it does is the next one's doing.
    """

    def __init__(self) -> None:
        self.is_fresh = True
        #: Whether others go first at the processor, from now on: there is no way back without privileges.
        self.is_slow = False
        #: Whether it has been ended.
        self.is_ended = False
        self._shared = SharedFile.new()
        self._control, theirs = socket.socketpair()
        with theirs:
            descriptors = (theirs.fileno(), *self._shared.descriptors)
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-S", "-P", "-m", "process.codec_process", *map(str, descriptors)],
                env=_environment(),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        #: Asked after each image: it stays open.
        self._statm = _opened(f"/proc/{self._process.pid}/statm")

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def hand_in(self, data: bytes) -> None:
        """Put an image where the child finds it, in place of what was there."""
        self._shared.put(data)

    def take_out(self, length: int) -> bytes:
        """What the child has put there.

        Raises:
            ChildLostError: when there is less than it said.
        """
        try:
            return self._shared.take(length)
        except ValueError as fault:
            raise ChildLostError(ImageCode.PROCESSING_CRASHED) from fault

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send a request, to be followed by `answer`. A child that is gone says so there."""
        with suppress(OSError):
            self._control.sendall(json.dumps(request).encode() + b"\n")

    def answer(self, deadline: float) -> dict[str, Any]:
        """The answer to the request.

        deadline: monotonic seconds. Once it is over, the answer may still be waited for again.

        Raises:
            TimeoutError: when there is none by then.
            ChildLostError: when there will be none.
        """
        line = b""
        while not line.endswith(b"\n"):
            self._control.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                piece = self._control.recv(MAX_ANSWER_BYTES)
            except ConnectionError:
                piece = b""
            line += piece
            if not piece or len(line) > MAX_ANSWER_BYTES:
                raise self._lost()
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            self.kill()
            raise ChildLostError(ImageCode.PROCESSING_CRASHED)
        return document

    def let_others_go_first(self) -> None:
        self.is_slow = True
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process_id, SLOW_NICENESS)

    def resident_bytes(self) -> int:
        """Memory that the process holds, where the system tells (Linux), else 0."""
        try:
            pages = os.pread(self._statm, 64, 0).split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * _PAGE_BYTES

    def kill(self) -> None:
        """End the process and free what it held. Safe to repeat."""
        self.is_ended = True
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._shared.close()
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def _lost(self) -> ChildLostError:
        """What an image did that the process ended over. Its socket closes a moment before the system tells."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        number = -(self._process.poll() or 0)
        self.kill()
        if number in _OUT_OF_TIME:
            return ChildLostError(ImageCode.PROCESSING_TIMEOUT)
        # But for us nobody else kills it than the system that is short of memory.
        return ChildLostError(
            ImageCode.TOO_LARGE_TO_PROCESS if number == signal.SIGKILL else ImageCode.PROCESSING_CRASHED
        )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_HANDED_DOWN)}
    return kept | {"PYTHONPATH": os.pathsep.join([_PACKAGES, *filter(None, sys.path)]), "PYTHONDONTWRITEBYTECODE": "1"}


def _opened(path: str) -> int:
    """A descriptor to read by, or -1 where there is no such file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
