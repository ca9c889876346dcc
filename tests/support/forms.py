"""Forms of `POST /uploads`, as a browser uses them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.shop import Shop


def announce(shop: Shop, **given: Any) -> Any:
    answer = shop.call("POST", "/uploads", {"content-type": "application/json"}, body=json.dumps(given))
    assert answer.status == 201, answer.data
    return json.loads(answer.data)


def send(shop: Shop, upload: Any, csv: bytes, **changed: str) -> Any:
    """POST the form as a browser would: the fields, then the file."""
    fields = {**upload["fields"], **changed, "file": ("any name.csv", csv, "text/csv")}
    return shop.http.request("POST", upload["url"], fields=fields)
