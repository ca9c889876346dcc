"""The transcoder's WebAssembly module, run by wasmtime: strangers' bytes cannot write outside its memory."""

from __future__ import annotations

import atexit
import ctypes
import struct
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from imagemill.kept import kept

from .refusal import STATUSES, NotTranscodableError, Refusal
from .wasm import Module, WasmError

MODULE = Path(__file__).with_name("transcoder.wasm")

#: Most memory that one call may take: the largest progressive 4:4:4 that A7 lets through takes less.
MAX_MEMORY_BYTES = 1 << 30
#: What it may take of that: as it is, for each byte of the file, and for each pixel, of which photographs take a half
#: to two. What takes more goes through pixels.
LEAST_MEMORY_BYTES, MEMORY_BYTES_A_BYTE, MEMORY_BYTES_A_PIXEL = 4_000_000, 2, 3
#: An instance that has grown beyond this is not kept for the next image.
KEPT_MEMORY_BYTES = 48 << 20
#: What `transcode` returns the address of: status, data, size, width, height.
_ANSWER = struct.Struct("<5I")


def memory_bytes(length: int, pixels: int) -> int:
    """What transcoding a file of `length` bytes may take beside it."""
    return LEAST_MEMORY_BYTES + MEMORY_BYTES_A_BYTE * length + MEMORY_BYTES_A_PIXEL * pixels


@dataclass(frozen=True, slots=True)
class Answer:
    """data: from the quantisation tables to the end of image. width, height: upright, in pixels."""

    data: bytes
    width: int
    height: int


class _Instance:
    """One instance and its memory. Not to be used by two threads at once."""

    def __init__(self, module: Module) -> None:
        self._inside = module.instance(memory_bytes=MAX_MEMORY_BYTES)

    @property
    def memory_bytes(self) -> int:
        return self._inside.memory_bytes

    def close(self) -> None:
        self._inside.close()

    def call(self, data: bytes, memory_bytes: int, *request: int) -> Answer:
        self._inside.limit_memory(memory_bytes)
        place = self._inside.call("reserve", len(data))
        if place == 0:
            raise NotTranscodableError(Refusal.MEMORY)
        ctypes.memmove(self._address(place, len(data)), data, len(data))
        answer = self._inside.call("transcode", place, len(data), *request)
        status, start, size, width, height = _ANSWER.unpack(self._read(answer, _ANSWER.size))
        if status:
            raise NotTranscodableError(STATUSES[status - 1])
        return Answer(self._read(start, size), width, height)

    def _address(self, place: int, size: int) -> int:
        """Of `size` bytes at `place`, in this process. What the module says is checked, not believed."""
        if place + size > self.memory_bytes:
            raise NotTranscodableError(Refusal.TRAP)
        return self._inside.memory_address + place

    def _read(self, place: int, size: int) -> bytes:
        return ctypes.string_at(self._address(place, size), size)


class Sandbox:
    """The compiled module, and instances of it that wait for work: as many as have been in use at once.

    Raises whatever is raised where wasmtime is missing or knows no such processor.
    """

    def __init__(self) -> None:
        self.module = Module(MODULE.read_bytes())
        self._idle: deque[_Instance] = deque()
        # What wasmtime is left with when the interpreter has gone, it complains of.
        atexit.register(self.close)

    def close(self) -> None:
        """Give all back. Not to be called while an image is in work."""
        atexit.unregister(self.close)
        while self._idle:
            self._idle.pop().close()
        self.module.close()

    def call(self, data: bytes, pixels: int, *request: int) -> Answer:
        """Transcode. request: quality, orientation, progressive. pixels: as the header says; they bound
        memory. Time is bounded by the module's loops, and beyond them by the process that it is in (codec_process).

        Raises:
            NotTranscodableError.
        """
        try:
            instance = self._taken()
        except WasmError as fault:
            # No address space for a further instance, say.
            raise NotTranscodableError(Refusal.TRAP) from fault
        try:
            answer = instance.call(data, min(memory_bytes(len(data), pixels), MAX_MEMORY_BYTES), *request)
        except WasmError as fault:
            # Its memory is in an unknown state.
            instance.close()
            raise NotTranscodableError(Refusal.TRAP) from fault
        except NotTranscodableError:
            self._keep(instance)
            raise
        self._keep(instance)
        return answer

    def _taken(self) -> _Instance:
        try:
            return self._idle.pop()
        except IndexError:
            return _Instance(self.module)

    def _keep(self, instance: _Instance) -> None:
        if instance.memory_bytes <= KEPT_MEMORY_BYTES:
            self._idle.append(instance)
        else:
            instance.close()


@kept
def sandbox() -> Sandbox | None:
    """The process's own; None where there can be none, which is found out once."""
    try:
        return Sandbox()
    except Exception:  # noqa: BLE001 - whatever the reason, images go through pixels, and a metric warns
        return None
