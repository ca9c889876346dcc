"""Boxes of AVIF and HEIF (ISO/IEC 14496-12 and 23008-12): what Pillow's decoder does not tell, and metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

#: Boxes nested deeper, or more of them, than any camera writes.
_MAX_BOXES = 4_096
_METADATA_ITEMS = frozenset({b"Exif", b"mime", b"uri "})
#: Boxes that a file begins with or goes on with.
_TOP_BOXES = frozenset(
    {b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"wide", b"moof", b"sidx", b"styp"}
)
_TO_CHUNKS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
#: A type that no reader knows, so that it passes over the item.
_NO_ITEM = b"skip"


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Extent:
    begin: int
    end: int


def clean_aperture(data: bytes, width: int, height: int) -> tuple[int, int, int, int] | None:
    """What of the stored `width` × `height` pixels is the picture: left, top, right, bottom; None for all.

    Pillow 13 shows the rest, too, since libavif leaves `clap` to its callers (avif.h, avifCropRect). Damage
    here means no crop (23000-22, 7.3.6.7 lets a reader ignore it).
    """
    try:
        meta = _meta(data)
        primary = _primary(data, meta)
        properties = _properties(data, meta, primary)
        clap = next((box for box in properties if box.name == b"clap"), None)
        return _crop(struct.unpack_from(">IIIIiIiI", data, clap.begin), width, height) if clap else None
    except (struct.error, StopIteration, LookupError, ZeroDivisionError):
        return None


def item_types(data: bytes) -> frozenset[bytes]:
    """Codings of the items in a file, empty where they cannot be read."""
    try:
        return frozenset(data[place : place + 4] for _, place in _item_entries(data, _meta(data)))
    except (struct.error, StopIteration, LookupError):
        return frozenset()


def stripped_avif(data: bytes, *, keep_profile: bool) -> bytes:
    """The same pixels with EXIF, XMP and other items of metadata blanked where they stand.

    They keep their bytes, as zeros, since every offset behind them would have to change. Thumbnails are
    pictures of their own, and the decoder's only where it asks for them: they are blanked, too.

    Raises:
        ValueError, struct.error, LookupError: where items cannot be told apart, or lie behind what is known.
    """
    blanked = bytearray(data[: _end(data)])
    if any(place >= len(blanked) for place in _chunks(data, len(blanked))):
        raise LookupError("frames lie behind the last box")
    for box in _boxes(data, 0, len(blanked)):
        if box.name == b"uuid":
            blanked[box.begin : box.end] = bytes(box.end - box.begin)
    for meta in _metas(data):
        thumbnails = _thumbnails(data, meta)
        for item, place in _item_entries(data, meta):
            if data[place : place + 4] in _METADATA_ITEMS or item in thumbnails:
                for extent in _extents(data, meta, item):
                    blanked[extent.begin : extent.end] = bytes(extent.end - extent.begin)
                blanked[place : place + 4] = _NO_ITEM
            elif any(extent.end > len(blanked) for extent in _extents(data, meta, item)):
                raise LookupError("an item lies behind the last box")
        for colour in [] if keep_profile else _colours(data, meta):
            blanked[colour.begin - 4 : colour.end] = _NO_ITEM + bytes(colour.end - colour.begin)
    return bytes(blanked)


def _metas(data: bytes) -> Iterator[_Box]:
    """The file's box of items, and those of the tracks that an animation has."""
    end = _end(data)
    for box in _boxes(data, 0, end):
        if box.name == b"meta":
            yield _Box(box.name, box.begin + 4, box.end)
        elif box.name == b"moov":
            for track in _boxes(data, box.begin, box.end):
                if track.name == b"trak":
                    for inner in _boxes(data, track.begin, track.end):
                        if inner.name == b"meta":
                            yield _Box(inner.name, inner.begin + 4, inner.end)


def _chunks(data: bytes, end: int) -> Iterator[int]:
    """Where the frames of an animation stand in the file, some of them together (14496-12, 8.7.5)."""
    holders = [_Box(b"", 0, end)]
    for name in _TO_CHUNKS:
        holders = [box for holder in holders for box in _boxes(data, holder.begin, holder.end) if box.name == name]
    for holder in holders:
        for box in _boxes(data, holder.begin, holder.end):
            if box.name in {b"stco", b"co64"}:
                (count,) = struct.unpack_from(">I", data, box.begin + 4)
                yield from struct.unpack_from(f">{count}{'I' if box.name == b'stco' else 'Q'}", data, box.begin + 8)


def _boxes(data: bytes, begin: int, end: int) -> Iterator[_Box]:
    for _ in range(_MAX_BOXES):
        if begin + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, begin)
        content = begin + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = end if size == 0 else begin + size
        if not content <= stop <= end:
            raise LookupError("a box is longer than what holds it")
        yield _Box(name, content, stop)
        begin = stop


def _end(data: bytes) -> int:
    """Where the last box of the file ends, before bytes that are none."""
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if name not in _TOP_BOXES:
            break
        if size == 1 and place + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, place + 8)
        if size < 8 or place + size > len(data):
            # To the end of the file, or beyond, which readers put up with.
            return len(data)
        place += size
    return place


def _child(data: bytes, begin: int, end: int, name: bytes) -> _Box:
    return next(box for box in _boxes(data, begin, end) if box.name == name)


def _meta(data: bytes) -> _Box:
    """The file's own. Raises StopIteration."""
    return next(_metas(data))


def _primary(data: bytes, meta: _Box) -> int:
    box = _child(data, meta.begin, meta.end, b"pitm")
    item: int = struct.unpack_from(">H" if data[box.begin] == 0 else ">I", data, box.begin + 4)[0]
    return item


def _item_entries(data: bytes, meta: _Box) -> Iterator[tuple[int, int]]:
    """Each item's id, and where its type stands."""
    box = next((box for box in _boxes(data, meta.begin, meta.end) if box.name == b"iinf"), None)
    if box is None:
        return
    begin = box.begin + (6 if data[box.begin] == 0 else 8)
    for entry in _boxes(data, begin, box.end):
        version = data[entry.begin]
        if entry.name == b"infe" and version in {2, 3}:
            id_bytes = 2 if version == 2 else 4
            item = int.from_bytes(data[entry.begin + 4 : entry.begin + 4 + id_bytes], "big")
            yield item, entry.begin + 4 + id_bytes + 2


def _thumbnails(data: bytes, meta: _Box) -> frozenset[int]:
    box = next((box for box in _boxes(data, meta.begin, meta.end) if box.name == b"iref"), None)
    if box is None:
        return frozenset()
    id_format = ">H" if data[box.begin] == 0 else ">I"
    return frozenset(
        struct.unpack_from(id_format, data, reference.begin)[0]
        for reference in _boxes(data, box.begin + 4, box.end)
        if reference.name == b"thmb"
    )


def _properties(data: bytes, meta: _Box, item: int) -> Iterator[_Box]:
    """The properties of an item, in its order."""
    holder = _child(data, meta.begin, meta.end, b"iprp")
    container = _child(data, holder.begin, holder.end, b"ipco")
    properties = list(_boxes(data, container.begin, container.end))
    for box in _boxes(data, holder.begin, holder.end):
        if box.name != b"ipma":
            continue
        version, is_wide = data[box.begin], data[box.begin + 3] & 1
        (entries,) = struct.unpack_from(">I", data, box.begin + 4)
        place = box.begin + 8
        for _ in range(min(entries, _MAX_BOXES)):
            owner = int.from_bytes(data[place : place + (2 if version == 0 else 4)], "big")
            place += 2 if version == 0 else 4
            number = data[place]
            place += 1
            for _ in range(number):
                size = 2 if is_wide else 1
                index = int.from_bytes(data[place : place + size], "big") & (0x7FFF if is_wide else 0x7F)
                place += size
                if owner == item and index:
                    yield properties[index - 1]


def _colours(data: bytes, meta: _Box) -> list[_Box]:
    """The ICC profiles among the properties."""
    holders = (box for box in _boxes(data, meta.begin, meta.end) if box.name == b"iprp")
    containers = (box for holder in holders for box in _boxes(data, holder.begin, holder.end) if box.name == b"ipco")
    return [
        box
        for container in containers
        for box in _boxes(data, container.begin, container.end)
        if box.name == b"colr" and data[box.begin : box.begin + 4] in {b"prof", b"rICC"}
    ]


def _extents(data: bytes, meta: _Box, item: int) -> Iterator[_Extent]:
    """Where an item's bytes stand in the file (14496-12, 8.11.3)."""
    box = _child(data, meta.begin, meta.end, b"iloc")
    version = data[box.begin]
    sizes = data[box.begin + 4 : box.begin + 6]
    offset_bytes, length_bytes, base_bytes = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_bytes = sizes[1] & 15 if version else 0
    reader = _Reader(data, box.begin + 6)
    for _ in range(min(reader.take(2 if version < 2 else 4), _MAX_BOXES)):
        owner = reader.take(2 if version < 2 else 4)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)
        base = reader.take(base_bytes)
        for _ in range(reader.take(2)):
            reader.take(index_bytes)
            offset, length = reader.take(offset_bytes), reader.take(length_bytes)
            if owner != item:
                continue
            begin = base + offset
            if method == 1:
                begin += _child(data, meta.begin, meta.end, b"idat").begin
            if method > 1 or begin + length > len(data):
                raise LookupError("an item lies outside of the file")
            yield _Extent(begin, begin + length if length else len(data))


@dataclass(slots=True)
class _Reader:
    data: bytes
    place: int

    def take(self, size: int) -> int:
        if self.place + size > len(self.data):
            raise LookupError("a box is cut short")
        number = int.from_bytes(self.data[self.place : self.place + size], "big")
        self.place += size
        return number


def _crop(clap: tuple[int, ...], width: int, height: int) -> tuple[int, int, int, int] | None:
    """A clean aperture in whole pixels (14496-12, 12.1.4): fractions around the picture's centre."""
    wide, tall, right, down = (top / bottom for top, bottom in zip(clap[::2], clap[1::2], strict=True))
    left, top = (width - wide) / 2 + right, (height - tall) / 2 + down
    box = (round(left), round(top), round(left + wide), round(top + tall))
    is_inside = 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    return box if is_inside and box != (0, 0, width, height) else None
