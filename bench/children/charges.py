"""Requests to AWS as they leave this process, by what they are charged as: the names are those of `bench.prices`."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from typing import Any
from unittest.mock import patch

import urllib3

from imagemill.adapters.aws.fast_lane import FastLane

KILOBYTE = 1024


class Charges:
    """Counted where boto3 passes, in urllib3, and on the fast lane."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = defaultdict(float)

    def taken(self) -> dict[str, float]:
        """Since the last time."""
        with self._lock:
            counts, self._counts = dict(self._counts), defaultdict(float)
        return counts

    def watch(self) -> None:
        charges = self
        urlopen, try_once, head_once = urllib3.HTTPConnectionPool.urlopen, FastLane.try_once, FastLane.head_once

        def urlopen_seen(pool: Any, method: str, url: str, body: Any = None, headers: Any = None, **rest: Any) -> Any:
            charges._see(method, body, {name.lower(): value for name, value in (headers or {}).items()})
            return urlopen(pool, method, url, body=body, headers=headers, **rest)

        def try_seen(lane: FastLane, method: str, path: str, body: bytes, headers: Any, *rest: Any) -> Any:
            charges._see(method, body, headers)
            return try_once(lane, method, path, body, headers, *rest)

        def head_seen(lane: FastLane, path: str) -> Any:
            charges._see("HEAD", b"", {})
            return head_once(lane, path)

        patch.object(urllib3.HTTPConnectionPool, "urlopen", urlopen_seen).start()
        patch.object(FastLane, "try_once", try_seen).start()
        patch.object(FastLane, "head_once", head_seen).start()

    def _see(self, method: str, body: Any, headers: dict[str, Any]) -> None:
        target = headers.get("x-amz-target", "")
        service, _, operation = (target.decode() if isinstance(target, bytes) else str(target)).partition(".")
        text = body if isinstance(body, bytes) else str(body or "").encode()
        with self._lock:
            if service.startswith("DynamoDB"):
                name, units = _units(operation, text)
                self._counts[name] += units
            elif service == "AmazonSQS":
                self._counts["SQS requests"] += 1
            elif not service:
                self._counts["GETs" if method == "HEAD" else "PUTs"] += 1


def _units(operation: str, body: bytes) -> tuple[str, int]:
    """Of DynamoDB's on demand: a write unit a KiB, a read unit an item of up to 4 KiB, read consistently."""
    if operation == "BatchGetItem":
        return "read units", body.count(b'"pk"')
    if operation == "BatchWriteItem":
        items = body.count(b'"PutRequest"')
        return "write units", items * math.ceil(len(body) / max(items, 1) / KILOBYTE)
    return "write units", math.ceil(len(body) / KILOBYTE)
