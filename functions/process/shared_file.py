"""A file in memory that a worker and its codec process have both open: an image goes in by it, its result comes out."""

from __future__ import annotations

import os

#: Of the memory of a file that has been taken, this much stays with it for the next one: taking pages from the system
#: and giving them back costs four times what copying into them does.
KEPT_BYTES = 2_000_000


class SharedFile:
    """One end. Whoever puts a file in says to the other side how long it is."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def put(self, data: bytes) -> None:
        view, written = memoryview(data), 0
        while written < len(data):
            written += os.pwrite(self.descriptor, view[written:], written)

    def take(self, length: int) -> bytes:
        """The first `length` bytes, whose memory is free again.

        Raises:
            ValueError: when there are fewer.
        """
        data = os.pread(self.descriptor, length, 0)
        while len(data) < length:
            piece = os.pread(self.descriptor, length - len(data), len(data))
            if not piece:
                raise ValueError("the shared file is shorter than was said")
            data += piece
        if length > KEPT_BYTES:
            self.clear()
        return data

    def clear(self) -> None:
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Safe to repeat."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
