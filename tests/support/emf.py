"""Reads lines in CloudWatch's embedded metric format, and holds them to its specification.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

UNITS = {unit.value for unit in MetricUnit}


@dataclass(frozen=True)
class Line:
    """One directive: its dimensions with their values, and its metrics with theirs."""

    namespace: str
    dimensions: Mapping[str, str]
    values: Mapping[str, list[float]]
    units: Mapping[str, str]
    request_id: str


def emf_lines(output: str) -> list[Line]:
    """The lines among `output` that CloudWatch would take, each by the specification."""
    return [_line(json.loads(text)) for text in output.splitlines() if '"_aws"' in text]


def _line(root: dict[str, Any]) -> Line:
    metadata = root["_aws"]
    assert isinstance(metadata["Timestamp"], int)
    assert abs(metadata["Timestamp"] / 1000 - time.time()) < 3600  # older than 14 days is not taken
    [directive] = metadata["CloudWatchMetrics"]
    assert re.fullmatch(r"[^:].{0,254}", directive["Namespace"])
    assert not directive["Namespace"].startswith("AWS/")
    [names] = directive["Dimensions"]
    assert len(names) <= 30
    dimensions = {name: root[name] for name in names}
    assert all(isinstance(value, str) and 1 <= len(value) <= 1024 for value in dimensions.values())
    assert 1 <= len(directive["Metrics"]) <= 100
    values: dict[str, list[float]] = {}
    for definition in directive["Metrics"]:
        assert 1 <= len(definition["Name"]) <= 1024
        assert definition["Unit"] in UNITS
        assert definition.get("StorageResolution", 60) in {1, 60}
        target = root[definition["Name"]]
        values[definition["Name"]] = target if isinstance(target, list) else [target]
    for numbers in values.values():
        assert 1 <= len(numbers) <= 100
        assert all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    units = {definition["Name"]: definition["Unit"] for definition in directive["Metrics"]}
    return Line(directive["Namespace"], dimensions, values, units, root["function_request_id"])
