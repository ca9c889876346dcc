"""ICC profiles: whether one says sRGB, and one made of what a PNG says of its colours."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

#: Primaries of sRGB as profiles hold them, adapted to D50 (IEC 61966-2-1; the values of the ICC's own profile).
_SRGB_COLORANTS = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
#: Chromaticities of white, red, green and blue of sRGB (ITU-R BT.709) and of Display P3 (SMPTE EG 432-1).
SRGB_CHROMATICITIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3_CHROMATICITIES = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
#: Beyond these no pixel of eight bits differs by more than one.
_COLORANT_TOLERANCE, _CURVE_TOLERANCE = 0.002, 0.004
_SAMPLES = tuple(step / 32 for step in range(33))
#: Coefficients of sRGB's curve as a parametric one of type 3 (ICC.1:2022, 10.18).
_SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_D50 = (0.9642, 1.0, 0.8249)
#: Bradford's cone responses (ICC.1:2022, annex E).
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


@lru_cache(maxsize=64)
def says_srgb(profile: bytes) -> bool:
    """Whether colours through the profile are those of sRGB, which need not be said.

    Told by its primaries and its curve, since names are free: Adobe RGB has been called sRGB, and sRGB much
    else. A profile with tables of colours (A2B0) says more than these, and is not sRGB. Grey counts by its
    curve.
    """
    try:
        tags = _tags(profile)
        space = profile[16:20]
        if b"A2B0" in tags or space not in {b"RGB ", b"GRAY"}:
            return False
        if space == b"GRAY":
            return _is_srgb_curve(tags[b"kTRC"])
        return all(_is_near(_xyz(tags[name]), colorant) for name, colorant in _SRGB_COLORANTS.items()) and all(
            _is_srgb_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")
        )
    except (struct.error, LookupError, ArithmeticError, ValueError):
        return False


def linear_of_srgb(value: float) -> float:
    """Light, 0–1, of an sRGB value, 0–1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def srgb_of_linear(light: float) -> float:
    """sRGB value, 0–1, of light, 0–1."""
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def rgb_profile(chromaticities: Sequence[float], gamma: float | None = None) -> bytes:
    """A display profile. chromaticities: x and y of white, red, green, blue. gamma: of the curve; None for sRGB's.

    Raises:
        ArithmeticError: where the primaries span no space.
    """
    colorants = _adapted_colorants(chromaticities)
    tags = {
        name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)
    }
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if profile[36:40] != b"acsp":
        raise ValueError("no profile")
    (number,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(min(number, 100)))
    return {name: profile[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes) -> Vector:
    x, y, z = struct.unpack_from(">iii", tag, 8)
    return x / 65_536, y / 65_536, z / 65_536


def _is_near(xyz: Vector, colorant: Vector) -> bool:
    return all(abs(one - other) <= _COLORANT_TOLERANCE for one, other in zip(xyz, colorant, strict=True))


def _is_srgb_curve(tag: bytes) -> bool:
    curve = _read_curve(tag)
    return all(abs(curve(value) - linear_of_srgb(value)) <= _CURVE_TOLERANCE for value in _SAMPLES) and all(
        # In the dark a small difference of light is a large one of the value: the curve begins with a straight line.
        abs(srgb_of_linear(max(curve(value), 0.0)) - value) <= 2 * _CURVE_TOLERANCE
        for value in _SAMPLES
    )


def _read_curve(tag: bytes) -> Callable[[float], float]:
    """A curve of light over value, both 0–1 (ICC.1:2022, 10.6 and 10.18)."""
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        table = struct.unpack_from(f">{count}H", tag, 12)
        if not table:
            return lambda value: value
        if len(table) == 1:
            return lambda value: value ** (table[0] / 256)
        return lambda value: _interpolated(table, value)
    if kind != b"para":
        raise ValueError("no curve")
    (function,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[function]
    given = [number / 65_536 for number in struct.unpack_from(f">{count}i", tag, 12)]
    # Functions 1 and 2 put the break where the power begins, and the constant into both parts.
    match given:
        case [g]:
            return _parametric((g, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        case [g, a, b, *constant] if function < 3:
            add = constant[0] if constant else 0.0
            return _parametric((g, a, b, 0.0, -b / a, add, add))
        case _:
            return _parametric((*given, 0.0, 0.0)[:7])


def _parametric(parameters: Sequence[float]) -> Callable[[float], float]:
    """The standard's function 4, of which the others are cases; its letters (ICC.1:2022, table 68)."""
    g, a, b, c, d, e, f = parameters
    return lambda value: (a * value + b) ** g + e if value >= d else c * value + f


def _interpolated(table: Sequence[int], value: float) -> float:
    place = value * (len(table) - 1)
    below = min(int(place), len(table) - 2)
    return (table[below] + (table[below + 1] - table[below]) * (place - below)) / 65_535


def _adapted_colorants(chromaticities: Sequence[float]) -> tuple[Vector, ...]:
    """XYZ of red, green and blue, adapted from their white to D50, whose sum is D50."""
    white, *primaries = [
        (x / y, 1.0, (1 - x - y) / y) for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    ]
    columns = (primaries[0], primaries[1], primaries[2])
    amounts = _solved(_transposed(columns), white)
    there, here = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    adapted = []
    for primary, amount in zip(primaries, amounts, strict=True):
        cones = _times(_BRADFORD, tuple(value * amount for value in primary))
        scaled = tuple(value * new / old for value, new, old in zip(cones, here, there, strict=True))
        adapted.append(_solved(_BRADFORD, scaled))
    return tuple(adapted)


def _transposed(rows: Matrix) -> Matrix:
    first, second, third = zip(*rows, strict=True)
    return first, second, third


def _times(matrix: Matrix, vector: Sequence[float]) -> Vector:
    x, y, z = (sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _solved(matrix: Matrix, vector: Sequence[float]) -> Vector:
    """x of matrix · x = vector, by Cramer's rule."""
    whole = _determinant(matrix)
    first, second, third = _transposed(matrix)
    target: Vector = (vector[0], vector[1], vector[2])
    x = _determinant((target, second, third))
    y = _determinant((first, target, third))
    z = _determinant((first, second, target))
    return x / whole, y / whole, z / whole


def _determinant(matrix: Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)


def _curve(gamma: float | None) -> bytes:
    if gamma is None:
        return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*_SRGB_PARAMETERS)
    return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(gamma)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A display profile of version 4 (ICC.1:2022, 7.2 and 7.3): header, table of tags, tags."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50)} | tags
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"\0" * 4, 0x04200000, b"mntr", space, b"XYZ ")
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + _fixed(*_D50)
    return header.ljust(128, b"\0") + table + body
