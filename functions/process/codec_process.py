"""The codec as a program: decodes what strangers sent, one image at a time, in a process that may be lost.

`python -m process.codec_process CONTROL WINDOW REST`: three descriptors. Over CONTROL, a stream socket, each request
and answer is a line of JSON; WINDOW and REST are files in memory that hold the image on the way in and the result on
the way out. The process has no credentials, no connections and no threads, and is ended by the system when an image
takes more processor time than it was given.
"""

from __future__ import annotations

import gc
import json
import logging
import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions

from .codec.bounds import check_structure, cpu_seconds
from .codec.compress import Compressed, ImageError, OpenedImage, open_image
from .codec.formats import ImageFormat, identify
from .codec.peak import Sketch
from .codec.transcode.sandbox import sandbox
from .shared_file import SharedFile

MAX_REQUEST_BYTES = 4_096
#: How Pillow's codecs say that memory is short, where they do not raise MemoryError.
_OUT_OF_MEMORY = ("memory", "alloc")


class Codec:
    """What stands between two requests: the file that was handed in, and why it was not transcoded."""

    def __init__(self, shared: SharedFile) -> None:
        self._shared = shared
        self._data = b""
        self._image: OpenedImage | None = None
        self._refusal: str | None = None
        self._steps: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "open": self.open,
            "compress": self.compress,
        }

    def open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Read the header of the image in the shared file, and say what compressing it takes at the most.

        What takes no more than was granted is compressed at once, and answered as by `compress`.
        """
        # Before its successor is read: two may be more than is allowed.
        self.forget()
        _limit(request["data_bytes"], request["cpu_seconds"])
        data = self._data = self._shared.take(request["bytes"])
        check_structure(data)
        if identify(data) is ImageFormat.WEBP:
            sketch = Sketch.of_webp(data)
        else:
            self._image = open_image(data)
            sketch = Sketch.of_header(self._image.header)
        options = _options(request["options"])
        pixels_bytes = sketch.peak_bytes(options)
        longest_side = max(self._image.header.image.size) if self._image else 0
        transcoding_bytes = sketch.transcoding_bytes(options, longest_side, len(data)) or pixels_bytes
        sizes = {
            "peak_bytes": min(transcoding_bytes, pixels_bytes),
            "pixels_bytes": pixels_bytes,
            "cpu_seconds": cpu_seconds(sketch),
            # What an animation takes does not follow from the pixels of a frame.
            "pixels": 0 if sketch.is_animated else sketch.pixels,
        }
        while sizes["peak_bytes"] <= request["granted_bytes"]:
            made = self.compress({**request, **sizes})
            if "needs_pixels" not in made:
                return made
            sizes["peak_bytes"] = pixels_bytes
        return sizes

    def compress(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Compress the opened image, and leave it in the shared file unless it is the input itself.

        With less memory than pixels take it is only transcoded; where that cannot be, nothing is done yet.
        """
        _limit(request["data_bytes"], request["cpu_seconds"])
        image = self._image or open_image(self._data)
        options = _options(request["options"])
        if request["peak_bytes"] < request["pixels_bytes"]:
            made = image.transcode(options)
            if not isinstance(made, Compressed):
                self._refusal = made
                return {"needs_pixels": True}
            compressed = made
        else:
            compressed = image.compress(options, self._refusal)
        self.forget()
        is_input = compressed.data is image.data
        if not is_input:
            self._shared.put(compressed.data)
        return {
            "format": compressed.format.value,
            "width": compressed.width,
            "height": compressed.height,
            "kept": compressed.kept,
            "way": compressed.way,
            "bytes": None if is_input else len(compressed.data),
        }

    def forget(self) -> None:
        self._data, self._image, self._refusal = b"", None, None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Every fault is an answer; the next image is not the worse for it."""
        try:
            return self._steps[request["step"]](request)
        except ImageError as fault:
            code = ImageCode.TOO_LARGE_TO_PROCESS if _is_out_of_memory(fault) else fault.code
            return {"code": code.value, "reason": fault.reason if fault.code is code else None}
        except MemoryError:
            return {"code": ImageCode.TOO_LARGE_TO_PROCESS.value}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


@lru_cache(maxsize=64)
def _options(text: str) -> ImageOptions:
    return ImageOptions.from_dict(json.loads(text))


def _limit(data_bytes: int, cpu_seconds: float) -> None:
    """Bound private writable memory, and processor time from now on.

    The timer is the system's own: it ends the process whatever a decoder is doing, and whether or not the worker lives.
    """
    _limit_memory(data_bytes)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def _is_out_of_memory(fault: ImageError) -> bool:
    cause = fault.__cause__
    return isinstance(cause, MemoryError) or (
        isinstance(cause, (OSError, ValueError, RuntimeError))
        and any(word in str(cause).lower() for word in _OUT_OF_MEMORY)
    )


def _limit_memory(data_bytes: int) -> None:
    """Of private writable memory, where the system counts it (Linux): who wants more is told that there is none."""
    former, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = data_bytes if hard == resource.RLIM_INFINITY else min(data_bytes, hard)
    if soft != former:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def serve(control: socket.socket, shared: SharedFile) -> None:
    """Answer requests until the other side is gone.

    A fault that nobody foresaw is the last answer: its kind and its place, none of its text, which may be a
    stranger's. No state is trusted after it.
    """
    codec = Codec(shared)
    with control:
        while line := _received(control):
            try:
                answer = codec.answer(json.loads(line))
            except Exception as fault:  # noqa: BLE001 - told to the worker, which logs it
                place = traceback.extract_tb(fault.__traceback__)[-1]
                unforeseen = f"{type(fault).__name__} at {Path(place.filename).name}:{place.lineno}"
                control.sendall(json.dumps({"unforeseen": unforeseen}).encode() + b"\n")
                return
            control.sendall(json.dumps(answer).encode() + b"\n")


def _received(control: socket.socket) -> bytes:
    """A line; nothing at the other side's end."""
    line = control.recv(MAX_REQUEST_BYTES)
    while line and not line.endswith(b"\n"):
        piece = control.recv(MAX_REQUEST_BYTES)
        if not piece:
            return b""
        line += piece
    return line


def main() -> None:
    """Set the process up, and serve."""
    # A damaged file can make Pillow write a line for each of its tags.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM):
        # Both reach the whole process group; the worker ends its children itself, when it is through with them.
        signal.signal(number, signal.SIG_IGN)
    # It takes longer to compile than an image does: better now than in the first one's time.
    sandbox()
    control, window, rest = map(int, sys.argv[1:])
    # What has been imported is here to stay: it is not looked through for garbage again and again.
    gc.freeze()
    serve(socket.socket(fileno=control), SharedFile(window, rest))


if __name__ == "__main__":
    main()
