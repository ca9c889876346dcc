"""Encodes images in one Python process: `encoder ours|pixels|naive|simplejpeg|vips`.

A request a line on standard input, an answer a line on standard output, both JSON; `bench.contenders` is the
other end. Timed here, from bytes in memory to bytes in memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec import compress as codec
from process.codec.compress import compress


class Encode(Protocol):
    """From file to file. width: that the result may have, None for any."""

    def __call__(self, data: bytes, image_format: str, quality: int, width: int | None = None, /) -> bytes:
        """The encoded file."""


def ours(data: bytes, image_format: str, quality: int, width: int | None = None) -> bytes:
    return compress(data, ImageOptions(quality=quality, format=OutputFormat(image_format), max_width=width)).data


def pixels(data: bytes, image_format: str, quality: int, width: int | None = None) -> bytes:
    """Ours as it is without the transcoder."""
    with patch.object(codec, "attempt", return_value=None):
        return ours(data, image_format, quality, width)


def naive(data: bytes, image_format: str, quality: int, width: int | None = None) -> bytes:
    """What a first search for "Pillow compress image" leads to."""
    file = BytesIO()
    image = Image.open(BytesIO(data))
    if width:
        image.thumbnail((width, image.height), Image.Resampling.LANCZOS)
    image.save(file, image_format.upper(), quality=quality, optimize=True)
    return file.getvalue()


def vips(data: bytes, image_format: str, quality: int, width: int | None = None) -> bytes:
    """libvips by its own Python, on one thread."""
    import pyvips  # noqa: PLC0415 - its memory would count in the others'

    pyvips.cache_set_max(0)
    image = pyvips.Image.thumbnail_buffer(data, width) if width else pyvips.Image.new_from_buffer(data, "")
    settings = {"optimize_coding": True} if image_format == "jpeg" else {}
    encoded: bytes = image.write_to_buffer(f".{image_format}", Q=quality, keep="none", **settings)
    return encoded


def simplejpeg(data: bytes, _format: str, quality: int, _width: int | None = None) -> bytes:
    """libjpeg-turbo with next to nothing around it, and its default Huffman tables."""
    import simplejpeg  # noqa: PLC0415 - brings numpy, which would count in the others' memory

    pixels = simplejpeg.decode_jpeg(data, "RGB")
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="420")
    return encoded


ENCODERS: Mapping[str, Encode] = {
    "ours": ours,
    "pixels": pixels,
    "naive": naive,
    "simplejpeg": simplejpeg,
    "vips": vips,
}


def serve(encode: Encode) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        data = Path(request["source"]).read_bytes()
        cpu_begun, begun = time.process_time(), time.perf_counter()
        encoded = encode(data, request["format"], request["quality"], request.get("width"))
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
        if request["output"]:
            Path(request["output"]).write_bytes(encoded)
        print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "bytes": len(encoded)}), flush=True)


if __name__ == "__main__":
    serve(ENCODERS[sys.argv[1]])
