"""Compresses one file and says what that took: `once ours|naive FORMAT IMAGE [TIMES]`.

Prints the peak resident memory of the whole process, interpreter and libraries included, and the seconds of
each time; a refusal by its code.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

from PIL import Image

from bench.children.encoder import ENCODERS
from bench.children.peak import peak_bytes
from process.codec.image_fault import ImageError

QUALITY = 50


def measure(contender: str, image_format: str, path: Path, times: int) -> None:
    encode = ENCODERS[contender]
    base = peak_bytes()
    data = path.read_bytes()
    seconds = []
    refused = None
    for _ in range(times):
        begun = time.perf_counter()
        try:
            encode(data, image_format, QUALITY)
        except ImageError as fault:
            refused = fault.code.value
        seconds.append(time.perf_counter() - begun)
    answer = {"base_bytes": base, "peak_bytes": peak_bytes(), "seconds": seconds, "refused": refused}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    # Pillow's own, before the codec refuses: nothing that the reader of the table could act on.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    # Waits for a request like every child, though it needs no more than its arguments.
    sys.stdin.readline()
    measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
