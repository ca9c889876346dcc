"""Memory that a worker and its codec process share: an image goes in by it, its result comes out."""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile

#: What is no longer than this goes through memory that both have mapped: a copy into it costs a quarter of one by the
#: system, and its pages stay for the next one.
WINDOW_BYTES = 2_097_152


class SharedFile:
    """One end. Whoever puts a file in says to the other side how long it is.

    window, rest: descriptors of two files, for what is small and for what is not.
    """

    def __init__(self, window: int, rest: int) -> None:
        self.descriptors: tuple[int, ...] = (window, rest)
        self._window = mmap.mmap(window, WINDOW_BYTES)
        self._rest = rest

    @classmethod
    def new(cls) -> SharedFile:
        """The first end; the other one is made of its `descriptors`.

        Nobody can cut the window short: who reads what is mapped and not there is ended by the system.
        """
        window, rest = _memory_file(), _memory_file()
        os.ftruncate(window, WINDOW_BYTES)
        if hasattr(os, "memfd_create"):
            fcntl.fcntl(window, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return cls(window, rest)

    def put(self, data: bytes) -> None:
        if len(data) <= WINDOW_BYTES:
            self._window[: len(data)] = data
            return
        view, written = memoryview(data), 0
        while written < len(data):
            written += os.pwrite(self._rest, view[written:], written)

    def take(self, length: int) -> bytes:
        """The first `length` bytes; the memory of what was large is free again.

        Raises:
            ValueError: when there are fewer.
        """
        if length <= WINDOW_BYTES:
            return self._window[:length]
        data = os.pread(self._rest, length, 0)
        while len(data) < length:
            piece = os.pread(self._rest, length - len(data), len(data))
            if not piece:
                raise ValueError("the shared file is shorter than was said")
            data += piece
        os.ftruncate(self._rest, 0)
        return data

    def close(self) -> None:
        """Safe to repeat."""
        descriptors, self.descriptors = self.descriptors, ()
        for descriptor in descriptors:
            os.close(descriptor)
        self._window.close()


def _memory_file() -> int:
    """A descriptor of a file without a name: in memory where the system can, on the disk elsewhere (macOS)."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
