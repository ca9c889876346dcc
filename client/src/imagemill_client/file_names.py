"""What images are called in a folder: by their product's serial and their position in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

MAX_STEM_CHARACTERS = 60


class FileNames:
    """Names for the images of a job's products, which have to come in row order.

    The same products get the same names each time, so that a download can be gone on with. Serials need not be
    unique: of those that would be called the same, also where upper and lower case are one, the later ones have
    their row in the name. No name leads out of its folder, whatever the serial.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, product: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        """Each stored image with its name, `<serial>-<position>.<extension>`."""
        row = product["row"]
        stem = _stem(str(product.get("serial") or "")) or f"row{row}"
        if stem.casefold() in self._taken:
            stem = f"{stem}~{row}"
        else:
            self._taken.add(stem.casefold())
        return [
            (f"{stem}-{image['position']}.{_extension(image)}", image)
            for image in product.get("images") or []
            if image.get("output_url")
        ]


def _stem(serial: str) -> str:
    kept = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", serial))
    return kept.lstrip("._-")[:MAX_STEM_CHARACTERS].rstrip("._-")


def _extension(image: Mapping[str, Any]) -> str:
    suffix = PurePosixPath(urlsplit(image["output_url"]).path).suffix.removeprefix(".").lower()
    if re.fullmatch(r"[a-z0-9]{1,5}", suffix):
        return suffix
    said = str(image.get("format") or "")
    return said if re.fullmatch(r"[a-z0-9]{1,5}", said) else "bin"
