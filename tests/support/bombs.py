"""Images that are cheap to send and dear to read: each a kind of attack on whoever decodes strangers' bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image

from tests.support.image_files import photo, saved


def jpeg_of_scans() -> bytes:
    """9,400² grey pixels, refined 1,000 times over by scans without data; 796 bytes once gzipped."""
    base = saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    first_scan, end = base.index(b"\xff\xda"), base.rindex(b"\xff\xd9")
    frame = base.index(b"\xff\xc2")
    head = bytearray(base[:first_scan])
    head[frame + 5 : frame + 9] = struct.pack(">HH", 9_400, 9_400)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10" + b"\x00" * 8
    return bytes(head) + base[first_scan:end] + scan * 1_000 + b"\xff\xd9"


def jpeg_of_exif_segments() -> bytes:
    """3 MB of EXIF segments of 20 bytes: joining them takes time with their square."""
    base = saved(photo(64, 64), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0" + b"x" * 10
    return base[:2] + segment * 150_000 + base[2:]


def tiff(entries: list[tuple[int, int, int, bytes]], tail: bytes = b"") -> bytes:
    """Entries (tag, type, count, value): of a value over four bytes a place behind the directory is made."""
    place = 8 + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, count, value in sorted(entries):
        if len(value) <= 4:
            directory += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")
        else:
            directory += struct.pack("<HHLL", tag, kind, count, place + len(values))
            values += value
    return b"II*\0" + struct.pack("<L", 8) + directory + b"\0\0\0\0" + values + tail


def _tiff_of_strips(rows: int) -> bytes:
    long = struct.Struct("<L").pack
    strips = [struct.pack("<L", 8) * rows, struct.pack("<L", 1) * rows]
    return tiff(
        [
            *((tag, 4, 1, long(value)) for tag, value in ((256, 1), (257, rows), (258, 8), (259, 1), (262, 1))),
            (273, 4, rows, strips[0]),
            (277, 4, 1, long(1)),
            (278, 4, 1, long(1)),
            (279, 4, rows, strips[1]),
        ]
    )


def tiff_of_strips() -> bytes:
    """One pixel wide, a strip a row: 1,000,000 strips, each an object in the reader's memory."""
    return _tiff_of_strips(1_000_000)


def tiff_of_lying_tags() -> bytes:
    """65,535 tags that all point behind the end of the file."""
    return tiff([(1_000 + number % 60_000, 2, 100, b"\xff\xff\xff\x7f") for number in range(65_535)])


def tiff_of_tiles() -> bytes:
    """8 × 1 pixels a tile, and 1,000,000 of them."""
    long = struct.Struct("<L").pack
    count = 1_000_000
    sizes = ((256, 8_000), (257, 1_000), (258, 8), (259, 1), (262, 1), (277, 1), (322, 16), (323, 16))
    return tiff(
        [
            *((tag, 4, 1, long(value)) for tag, value in sizes),
            (324, 4, count, long(8) * count),
            (325, 4, count, long(1) * count),
        ]
    )


def tiff_of_pages() -> bytes:
    """20,000 directories, each the next one's: who counts the pages walks through all."""
    file = BytesIO()
    first = saved(Image.new("L", (8, 8)), "TIFF")
    file.write(first)
    (at,) = struct.unpack_from("<L", first, 4)
    (count,) = struct.unpack_from("<H", first, at)
    end = at + 2 + 12 * count
    body = first[at:end]
    data = bytearray(first[:end])
    for _ in range(20_000):
        data += struct.pack("<L", len(data) + 4) + body
    return bytes(data + b"\0\0\0\0")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _png(width: int, height: int, colour: int, *chunks: bytes) -> bytes:
    header = struct.pack(">LLBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _flat(width: int, height: int, channels: int) -> bytes:
    packer, row = zlib.compressobj(9), b"\0" + b"\x80" * (width * channels)
    return _chunk(b"IDAT", b"".join(packer.compress(row) for _ in range(height)) + packer.flush())


def png_of_text_chunks() -> bytes:
    """400,000 text chunks before the pixels."""
    return _png(8, 8, 0, _chunk(b"tEXt", b"a\0b") * 400_000, _flat(8, 8, 1))


def png_of_empty_chunks() -> bytes:
    """800,000 chunks of pixels without any."""
    return _png(8, 8, 0, _chunk(b"IDAT", b"") * 800_000, _flat(8, 8, 1))


def png_transparent_giant() -> bytes:
    """89 MP of grey with alpha in 180 kB: to WebP it takes 3.4 GB."""
    return _png(9_400, 9_400, 4, _flat(9_400, 9_400, 2))


def png_with_large_profile() -> bytes:
    """40 MB of ICC profile in 40 kB."""
    profile = zlib.compress(b"\0" * 36 + b"acsp" + b"\0" * 40_000_000, 9)
    return _png(64, 64, 2, _chunk(b"iCCP", b"p\0\0" + profile), _flat(64, 64, 3))


def webp_transparent_giant() -> bytes:
    """50 MP with a transparent corner."""
    image = Image.new("RGBA", (7_071, 7_071), (10, 20, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 100, 100))
    return saved(image, "WEBP", lossless=True, method=0, quality=0)


def webp_of_frames() -> bytes:
    """700 frames of 350², told as what they are: within the pixels that an animation may have."""
    frames = [Image.new("RGB", (350, 350), (number % 256, number // 3 % 256, 0)) for number in range(700)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0, quality=10)


def gif_of_frames() -> bytes:
    """1,000 frames of one pixel on a canvas of 298²."""
    frames = [Image.new("P", (298, 298), number % 2) for number in range(2)]
    data = bytearray(saved(frames[0], "GIF", save_all=True, append_images=[frames[1]], duration=[10, 20]))
    begin = data.rindex(b"\x21\xf9")
    return bytes(data[:begin]) + bytes(data[begin:-1]) * 990 + b";"


def gif_of_comments() -> bytes:
    """5 MB of comment blocks of one byte each."""
    base = saved(Image.new("P", (8, 8)), "GIF")
    return base[:-1] + (b"\x21\xfe" + b"\x01x" * 2_000_000 + b"\0") + b";"


def avif_of_pixels() -> bytes:
    """44 MP of noise, the most that may become an AVIF."""
    small = Image.effect_noise((663, 663), 90).resize((6_633, 6_633), Image.Resampling.NEAREST).convert("RGB")
    return saved(small, "AVIF", speed=10, quality=30, max_threads=2)


BOMBS: Mapping[str, Callable[[], bytes]] = {
    bomb.__name__: bomb
    for bomb in (
        jpeg_of_scans,
        jpeg_of_exif_segments,
        tiff_of_strips,
        tiff_of_lying_tags,
        tiff_of_tiles,
        tiff_of_pages,
        png_of_text_chunks,
        png_of_empty_chunks,
        png_transparent_giant,
        png_with_large_profile,
        webp_transparent_giant,
        webp_of_frames,
        gif_of_frames,
        gif_of_comments,
        avif_of_pixels,
    )
}

#: Of those that are refused; what becomes of the others is no matter of codes.
CODES = {
    "jpeg_of_scans": "PROCESSING_TIMEOUT",
    "jpeg_of_exif_segments": "PROCESSING_TIMEOUT",
    "tiff_of_strips": "TOO_LARGE_TO_PROCESS",
    "tiff_of_tiles": "TOO_LARGE_TO_PROCESS",
    "tiff_of_lying_tags": "PROCESSING_TIMEOUT",
    "png_of_text_chunks": "PROCESSING_TIMEOUT",
    "png_of_empty_chunks": "PROCESSING_TIMEOUT",
    "png_transparent_giant": "TOO_LARGE_TO_PROCESS",
    "webp_transparent_giant": "TOO_LARGE_TO_PROCESS",
}
