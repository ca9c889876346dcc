"""GIF's blocks (GIF89a specification): a file without its comments, its pixels bit by bit."""

from __future__ import annotations

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
#: Applications whose blocks tell how often an animation is shown, or hold a profile.
_LOOPS, _PROFILE = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"}), b"ICCRGBG1012"
_TABLE_FLAG, _TABLE_SIZE = 0x80, 0x07


def stripped_gif(data: bytes, *, keep_profile: bool) -> bytes:
    """Without comments, XMP, texts, blocks of unknown applications, and what follows the trailer.

    A file that ends without a trailer gets one.

    Raises:
        ValueError, IndexError: where the blocks cannot be told apart.
    """
    place = 13 + _table_bytes(data[10])
    kept = [data[:place]]
    while place < len(data) and data[place] != _TRAILER:
        begin = place
        if data[place] == _IMAGE:
            place = _after_blocks(data, place + 11 + _table_bytes(data[place + 9]))
            kept.append(data[begin:place])
        elif data[place] == _EXTENSION:
            label = data[place + 1]
            place = _after_blocks(data, place + 2)
            is_kept = label == _GRAPHIC_CONTROL or (
                label == _APPLICATION and _is_needed(data[begin + 3 : begin + 14], keep_profile=keep_profile)
            )
            if is_kept:
                kept.append(data[begin:place])
        elif data[place] == 0:
            # A stray block terminator, which decoders step over.
            place += 1
        else:
            raise ValueError("no block begins here")
    return b"".join(kept) + bytes((_TRAILER,))


def _is_needed(application: bytes, *, keep_profile: bool) -> bool:
    return application in _LOOPS or (keep_profile and application == _PROFILE)


def _table_bytes(packed: int) -> int:
    return 3 << ((packed & _TABLE_SIZE) + 1) if packed & _TABLE_FLAG else 0


def _after_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1
