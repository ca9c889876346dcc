"""WebP's chunks (RFC 9649): a file without its metadata, its pixels bit by bit."""

from __future__ import annotations

import struct

#: Of an extended file's header: what it has (RFC 9649, 2.7.1).
_HAS_PROFILE, _HAS_EXIF, _HAS_XMP = 0x20, 0x08, 0x04
_PIXELS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})


def stripped_webp(data: bytes, *, keep_profile: bool) -> bytes:
    """Without EXIF, XMP, chunks of others, and what follows the file.

    Raises:
        ValueError: where the chunks do not fill the file.
    """
    kept = _PIXELS | {b"ICCP"} if keep_profile else _PIXELS
    (size,) = struct.unpack_from("<I", data, 4)
    end = min(8 + size, len(data))
    body, place = b"", 12
    while place + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, place)
        content = data[place + 8 : place + 8 + length]
        if len(content) < length:
            raise ValueError("a chunk is cut short")
        if name == b"VP8X":
            lost = _HAS_EXIF | _HAS_XMP | (0 if keep_profile else _HAS_PROFILE)
            content = bytes((content[0] & ~lost,)) + content[1:]
        if name in kept:
            body += struct.pack("<4sI", name, length) + content + b"\0" * (length % 2)
        place += 8 + length + length % 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
