"""Image files that the codec's tests are about, built from nothing so that each can be read here."""

import struct
import zlib
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, ImageStat

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


def saved(image: Image.Image, image_format: str, **settings) -> bytes:
    file = BytesIO()
    image.save(file, image_format, **settings)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def channels_at(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    """A pixel as a tuple, whatever the mode."""
    pixel = image.getpixel((x, y))
    if isinstance(pixel, tuple):
        return pixel
    assert isinstance(pixel, (int, float))
    return (int(pixel),)


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Of the channel that differs most, 0–255."""
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return max(ImageStat.Stat(difference).mean)


def photo(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """Soft shapes with some grain: compresses about as a photograph does, and is the same every time."""
    random = Random(7)
    shapes = Image.frombytes("RGB", (16, 12), random.randbytes(16 * 12 * 3))
    grain = Image.frombytes("L", (width // 2, height // 2), random.randbytes((width // 2) * (height // 2)))
    soft = shapes.resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(soft, grain.resize((width, height)).convert("RGB"), 0.15).convert(mode)


def corner_patch(size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Image.Image:
    """White, with a red patch in the upper left corner."""
    image = Image.new("RGB", size, WHITE)
    image.paste(RED, (0, 0, 32, 32))
    return image.convert(mode)


def oriented(image: Image.Image, orientation: int, image_format: str, **settings) -> bytes:
    """A file whose pixels, turned as its EXIF says, show `image`."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(stored, image_format, exif=exif, **settings)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with chunks behind its header."""
    header_end = 8 + 25
    return data[:header_end] + b"".join(chunks) + data[header_end:]


def png_header(width: int, height: int) -> bytes:
    """A grey PNG of that size, as far as its header says; there are next to no pixels in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)


def gif_of_one_pixel_frames(number: int) -> bytes:
    header = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + frame * number + b";"


def rgb_profile(gamma: float = 2.2) -> bytes:
    """ICC of a display with Adobe RGB's primaries: its red is redder than sRGB can say."""
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    tags = {name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in primaries.items()}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(gamma)))


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """ICC of a press whose cyan ink is in truth red: whoever ignores the profile gets another colour."""
    red_lab, white_lab, black_lab = (136, 208, 195), (255, 128, 128), (0, 128, 128)
    nodes = ((black_lab if ink & 0b0001 else red_lab if ink & 0b1000 else white_lab) for ink in range(16))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += ramp * 4 + bytes(value for node in nodes for value in node) + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 (ICC.1:2001-04): header, table of tags, tags."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249)} | tags
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"\0" * 4, 0x02400000, device, space, connection)
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + _fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + table + body
