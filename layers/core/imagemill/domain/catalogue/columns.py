"""Which columns of a shop's CSV are the serial, the name and the image URLs (contract A1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum


class Column(StrEnum):
    SERIAL = "serial"
    NAME = "name"
    URLS = "urls"


#: Headers by preference: the first that a file has is its column, wherever it stands.
ACCEPTED_HEADERS = {
    Column.SERIAL: ("S. No.", "S.No", "Serial Number", "Sr No", "No"),
    Column.NAME: ("Product Name", "Product", "Name"),
    Column.URLS: ("Input Image Urls", "Input Image URL", "Image Urls", "Images"),
}

#: What people type differently. `\s` holds the non-breaking space; U+FEFF is a byte order mark in the text.
IGNORED_IN_HEADERS = re.compile(r"[\s._\ufeff]+")


def find_columns(header: Sequence[str]) -> dict[Column, int]:
    """Index of each column that the header has. No column serves twice: the accepted headers are distinct."""
    indexes: dict[str, int] = {}
    for index, name in enumerate(header):
        indexes.setdefault(_folded(name), index)
    found: dict[Column, int] = {}
    for column, accepted in ACCEPTED_HEADERS.items():
        present = [indexes[_folded(name)] for name in accepted if _folded(name) in indexes]
        if present:
            found[column] = present[0]
    return found


def _folded(header: str) -> str:
    return IGNORED_IN_HEADERS.sub("", header).lower()
