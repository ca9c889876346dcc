"""Compresses a batch of images on several threads: `batch ours|naive THREADS AT_ONCE IMAGE…`.

AT_ONCE of the THREADS compress at the same time, as in the process function's pipeline, which has a thread for
each image in work and lets as many of them compress as there are processors. A request says how many images;
all are read beforehand.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from bench.children.encoder import ENCODERS, Encode
from bench.children.peak import peak_bytes

QUALITY = 50


def serve(encode: Encode, threads: int, at_once: int, images: Sequence[bytes]) -> None:
    slots = BoundedSemaphore(at_once)

    def compress_one(number: int) -> None:
        with slots:
            encode(images[number % len(images)], "jpeg", QUALITY)

    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            numbers = range(json.loads(line)["images"])
            cpu_begun, begun = time.process_time(), time.perf_counter()
            list(pool.map(compress_one, numbers))
            answer = {
                "seconds": time.perf_counter() - begun,
                "cpu_seconds": time.process_time() - cpu_begun,
                "peak_bytes": peak_bytes(),
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    contender, thread_count, slot_count, *paths = sys.argv[1:]
    serve(ENCODERS[contender], int(thread_count), int(slot_count), [Path(path).read_bytes() for path in paths])
