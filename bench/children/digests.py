"""Digests of what the codec makes of the samples and of JPEGs of every kind: `digests`, a line each.

On two kinds of processor the lines must be the same (`bench/arm64.sh`).
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "images"
OPTIONS = {
    "quality 50": ImageOptions(quality=50),
    "quality 80, progressive": ImageOptions(quality=80, progressive=True),
    "200 wide": ImageOptions(max_width=200),
    "WebP, 333 wide": ImageOptions(max_width=333, format=OutputFormat.WEBP),
    "original": ImageOptions(format=OutputFormat.ORIGINAL),
}


def sources() -> Iterator[tuple[str, bytes]]:
    for path in sorted(SAMPLES.iterdir()):
        data = path.read_bytes()
        yield path.name, data
        with Image.open(BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        for sampling in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                file = BytesIO()
                picture.save(file, "JPEG", quality=90, subsampling=sampling, progressive=progressive)
                yield f"{path.name} {sampling} {progressive}", file.getvalue()
        for mode in ("L", "RGB", "RGBA"):
            file = BytesIO()
            picture.convert(mode).save(file, "PNG", compress_level=1)
            yield f"{path.name} PNG {mode}", file.getvalue()


def main() -> None:
    for name, data in sources():
        for options_name, options in OPTIONS.items():
            made = compress(data, options)
            print(name, options_name, made.way, hashlib.sha256(made.data).hexdigest()[:16], sep=", ")
    print(platform.machine(), file=sys.stderr)


if __name__ == "__main__":
    main()
