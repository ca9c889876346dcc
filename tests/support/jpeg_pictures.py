"""JPEGs of any kind that the transcoder takes, and what is to become of their coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sqrt
from random import Random

from hypothesis import strategies as st

from tests.support.jpeg_writer import EVEN_LENGTHS, LONG_LENGTHS, Picture, Plane, Scan

#: Sampling factors of luma and of both chroma; none for grey.
SAMPLINGS = (
    ((1, 1), None),
    ((2, 2), None),
    ((1, 1), (1, 1)),
    ((2, 1), (1, 1)),
    ((1, 2), (1, 1)),
    ((2, 2), (1, 1)),
    ((2, 2), (2, 1)),
    ((2, 2), (1, 2)),
    ((2, 1), (2, 1)),
    ((1, 2), (1, 2)),
)
#: Progressions, of each component's AC: (start, end, high, low).
BANDS = (
    ((1, 63, 0, 0),),
    ((1, 5, 0, 2), (6, 63, 0, 2), (1, 63, 2, 1), (1, 63, 1, 0)),
    ((1, 2, 0, 0), (3, 63, 0, 1), (3, 20, 1, 0), (21, 63, 1, 0)),
    ((1, 63, 0, 3), (1, 63, 3, 2), (1, 63, 2, 1), (1, 63, 1, 0)),
    ((6, 63, 0, 1), (1, 5, 0, 1), (6, 63, 1, 0), (1, 5, 1, 0)),
)

ZIGZAG = sorted(
    range(64),
    key=lambda n: (n // 8 + n % 8, (n // 8 if (n // 8 + n % 8) % 2 else n % 8)),
)
#: Row-major coefficients of a block.
Matrix = list[list[float]]
_BASIS = [[(sqrt(1 / 8) if u == 0 else 0.5) * cos((2 * x + 1) * u * pi / 16) for x in range(8)] for u in range(8)]


def _blocks_of(length: int, factor: int, largest: int) -> int:
    """That hold something of the picture (T.81, A.1.1)."""
    samples = -(-length * factor // largest)
    return -(-samples // 8)


def _blocks(random: Random, columns: int, rows: int, step: Sequence[int], density: float) -> list[list[list[int]]]:
    def block() -> list[int]:
        if random.random() < 0.3:
            return [random.randint(-100, 100) * 8 // step[0], *[0] * 63]
        values = [0] * 64
        values[0] = random.randint(-900, 900) // step[0]
        for k in range(1, 64):
            if random.random() < density:
                largest = 900 // step[k] if random.random() < 0.05 else min(900 // step[k], 3)
                values[k] = random.randint(-largest, largest)
        return values

    return [[block() for _ in range(columns)] for _ in range(rows)]


def _scans(draw: st.DrawFn, components: int, *, progressive: bool) -> list[Scan]:
    if not progressive:
        return [Scan((i,)) for i in range(components)] if draw(st.booleans()) else []
    together = tuple(range(components))
    low = draw(st.integers(0, 2))
    apart = draw(st.booleans())
    scans = [Scan((i,), 0, 0, 0, low) for i in together] if apart else [Scan(together, 0, 0, 0, low)]
    for i in together:
        scans += [Scan((i,), *band) for band in draw(st.sampled_from(BANDS))]
    return scans + [Scan(together, 0, 0, high, high - 1) for high in range(low, 0, -1)]


@st.composite
def pictures(draw: st.DrawFn, *, side: int = 1) -> Picture:
    """Any JPEG that is taken. side: what width and height are multiples of."""
    luma, chroma = draw(st.sampled_from(SAMPLINGS))
    random = Random(draw(st.integers(0, 2**32)))
    width, height = (draw(st.integers(1, 48 // side)) * side for _ in range(2))
    progressive = draw(st.booleans())
    density = draw(st.sampled_from((0.02, 0.2, 0.9)))
    coarsest = draw(st.sampled_from((1, 4, 40)))
    slots = (draw(st.integers(0, 3)), *[draw(st.integers(0, 3))] * 2)
    quantisers = {slot: [random.randint(1, coarsest) for _ in range(64)] for slot in slots}
    factors = [luma] if chroma is None else [luma, chroma, chroma]
    largest = (1, 1) if chroma is None else luma
    mcus = -(-width // (8 * largest[0])), -(-height // (8 * largest[1]))
    planes = []
    for index, (h, v) in enumerate(factors):
        used = (1, 1) if chroma is None else (h, v)
        real = (_blocks_of(width, used[0], largest[0]), _blocks_of(height, used[1], largest[1]))
        blocks = _blocks(random, mcus[0] * used[0], mcus[1] * used[1], quantisers[slots[index]], density)
        planes.append(Plane(h, v, blocks, real))
    symbols = list(range(256))
    random.shuffle(symbols)
    return Picture(
        width,
        height,
        planes,
        quantisers,
        slots,
        _scans(draw, len(planes), progressive=progressive),
        progressive,
        draw(st.sampled_from((0, 0, 1, 3))),
        draw(st.sampled_from((EVEN_LENGTHS, LONG_LENGTHS))),
        symbols,
        draw(st.integers(0, 3)),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """Unquantised coefficients of a component's blocks. is_exact: whole numbers, as nothing was halved."""

    blocks: list[list[Matrix]]
    is_exact: bool


def expected(picture: Picture, orientation: int) -> list[Expected]:
    """Component by component, halved as the box filter does, and turned upright."""
    result = []
    luma = picture.planes[0]
    for index, plane in enumerate(picture.planes):
        steps = picture.quantisers[picture.slots[index]]
        columns, rows = plane.real
        blocks = [[_matrix(plane.blocks[y][x], steps) for x in range(columns)] for y in range(rows)]
        halve_h, halve_v = (index > 0 and own == most for own, most in ((plane.h, luma.h), (plane.v, luma.v)))
        if halve_v:
            blocks = _transposed([_halved(row) for row in _transposed(blocks)])
        if halve_h:
            blocks = [_halved(row) for row in blocks]
        result.append(Expected(_turned(blocks, orientation), not (halve_h or halve_v)))
    return result


def _matrix(block: Sequence[int], steps: Sequence[int]) -> Matrix:
    matrix = [[0.0] * 8 for _ in range(8)]
    for k, place in enumerate(ZIGZAG):
        matrix[place // 8][place % 8] = float(block[k] * steps[k])
    return matrix


def _transposed(blocks: list[list[Matrix]]) -> list[list[Matrix]]:
    """Rows of blocks for columns, and so within each block."""
    return [[[list(line) for line in zip(*block, strict=True)] for block in row] for row in zip(*blocks, strict=True)]


def _halved(row: list[Matrix]) -> list[Matrix]:
    """A row of blocks at half its width: the mean of two samples; beyond the last block its mirror image."""
    halves = []
    for left in range(0, len(row), 2):
        one = row[left]
        mirrored = [[-value if x % 2 else value for x, value in enumerate(line)] for line in one]
        other = row[left + 1] if left + 1 < len(row) else mirrored
        halves.append([_halved_line(a, b) for a, b in zip(one, other, strict=True)])
    return halves


def _halved_line(one: Sequence[float], other: Sequence[float]) -> list[float]:
    samples = [sum(_BASIS[u][x] * line[u] for u in range(8)) for line in (one, other) for x in range(8)]
    means = [(samples[2 * x] + samples[2 * x + 1]) / 2 for x in range(8)]
    return [sum(_BASIS[u][x] * means[x] for x in range(8)) for u in range(8)]


def _turned(blocks: list[list[Matrix]], orientation: int) -> list[list[Matrix]]:
    if orientation >= 5:
        blocks = _transposed(blocks)
    if orientation in {2, 3, 6, 7}:
        blocks = [
            [[[-v if x % 2 else v for x, v in enumerate(line)] for line in block] for block in reversed(row)]
            for row in blocks
        ]
    if orientation in {3, 4, 7, 8}:
        blocks = [
            [[[-v if y % 2 else v for v in line] for y, line in enumerate(block)] for block in row]
            for row in reversed(blocks)
        ]
    return blocks
