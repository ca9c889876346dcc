"""What failed, in words: each row and image at fault, and who can mend it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagemill_client.codes import explain


@dataclass(frozen=True, slots=True)
class Failure:
    """A row at fault (position 0), or one of its images.

    detail: what the code leaves open, such as an HTTP status; empty where there is nothing.
    """

    row: int
    serial: str
    name: str
    position: int
    url: str
    code: str
    detail: str

    @property
    def means(self) -> str:
        return explain(self.code).means

    @property
    def mended_by(self) -> str:
        return explain(self.code).mended_by(self.detail)

    @property
    def title(self) -> str:
        return f"{self.code} {self.detail}".strip()

    def document(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "serial": self.serial,
            "name": self.name,
            "position": self.position or None,
            "input_url": self.url or None,
            "code": self.code,
            "detail": self.detail or None,
            "means": self.means,
            "mended_by": self.mended_by,
        }


def of_products(*listings: Iterable[Mapping[str, Any]]) -> Iterator[Failure]:
    """The failures of products, each listing in row order, in row order."""
    for product in heapq.merge(*listings, key=lambda product: int(product["row"])):
        yield from _of_product(product)


def _of_product(product: Mapping[str, Any]) -> Iterator[Failure]:
    whose = int(product["row"]), str(product.get("serial") or ""), str(product.get("name") or "")
    if product.get("error"):
        yield Failure(*whose, 0, "", str(product["error"]), "")
    for image in product.get("images") or []:
        if image.get("error"):
            detail = image.get("http_status") or image.get("reason") or ""
            yield Failure(*whose, image["position"], str(image.get("input_url") or ""), image["error"], str(detail))


def grouped(failures: Iterable[Failure]) -> list[list[Failure]]:
    """Those of one code and detail together, the largest group first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.code, failure.detail), []).append(failure)
    return sorted(groups.values(), key=lambda group: -len(group))
