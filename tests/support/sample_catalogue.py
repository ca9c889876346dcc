"""The sample catalogue, read."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlsplit

from local.origin import CATALOGUE, IMAGES

IMAGE_FILES = sorted(IMAGES.iterdir())


def products() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(CATALOGUE.read_text(encoding="utf-8"), newline="")))


def paths_of(product: dict[str, str]) -> list[str]:
    return [urlsplit(url).path for url in product["Input Image Urls"].split(",")]


ALL_PATHS = [path for product in products() for path in paths_of(product)]
