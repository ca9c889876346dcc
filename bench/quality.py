"""SSIMULACRA2 of an encoded image against its source, by the Python package of that name.

Scale: 100 is the original, 90 indistinguishable side by side, 70 high, 50 medium quality. Images of more than
one megapixel are scored by their middle 1,024 × 1,024 pixels: the metric takes 2.5 s for these alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image
from ssimulacra2 import compute_ssimulacra2

MIDDLE_PIXELS = 1_024
#: Scored side by side; nothing is being timed meanwhile.
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Pair:
    source: Path
    encoded: Path


def scores(pairs: Iterable[Pair]) -> dict[Pair, float]:
    """The score of each pair. Encoders that give the same pixels share one computation."""
    middles = {pair: (_middle(pair.source), _middle(pair.encoded)) for pair in pairs}
    distinct = {_digest(middle): middle for middle in middles.values()}
    with ProcessPoolExecutor(PROCESSES) as pool:
        by_digest = dict(zip(distinct, pool.map(_score, distinct.values()), strict=True))
    return {pair: by_digest[_digest(middle)] for pair, middle in middles.items()}


def _middle(path: Path) -> Image.Image:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width * picture.height <= MIDDLE_PIXELS**2:
        return picture
    width, height = min(MIDDLE_PIXELS, picture.width), min(MIDDLE_PIXELS, picture.height)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _digest(pictures: tuple[Image.Image, Image.Image]) -> bytes:
    return sha256(b"".join(picture.tobytes() for picture in pictures)).digest()


def _score(pictures: tuple[Image.Image, Image.Image]) -> float:
    source, encoded = (_as_file(picture) for picture in pictures)
    return float(compute_ssimulacra2(source, encoded))


def _as_file(picture: Image.Image) -> BytesIO:
    """The metric reads files."""
    file = BytesIO()
    picture.save(file, "PNG", compress_level=0)
    file.seek(0)
    return file
