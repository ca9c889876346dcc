"""More images that are cheap to send and dear to read: animations, grids, profiles, chunks, tiles, runs and views."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

from PIL import Image

from tests.support.image_files import cmyk_profile, photo, png_chunk, saved

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def jpeg_of_costly_scans() -> bytes:
    """19 MP, refined 96 times: as many scans and pixels as are let through."""
    base = saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    first_scan, end = base.index(b"\xff\xda"), base.rindex(b"\xff\xd9")
    frame = base.index(b"\xff\xc2")
    head = bytearray(base[:first_scan])
    head[frame + 5 : frame + 9] = struct.pack(">HH", 4_500, 4_500)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10" + b"\x00" * 8
    own = base[first_scan:end].count(b"\xff\xda")
    return bytes(head) + base[first_scan:end] + scan * (98 - own) + b"\xff\xd9"


def jpeg_of_segments_behind_its_scan() -> bytes:
    """1 MB of segments of four bytes behind the only scan."""
    base = saved(photo(64, 64), "JPEG", quality=95)
    return base[:-2] + b"\xff\xfe\0\2" * 249_000 + base[-2:]


def jpeg_of_views() -> bytes:
    """A multi-picture file of 1,000 views."""
    views = [photo(16, 16)] * 1_000
    return saved(views[0], "MPO", save_all=True, append_images=views[1:])


def jpeg_of_ink_with_table() -> bytes:
    """89 MP of CMYK in 700 kB, with a profile that has to be applied."""
    return saved(Image.new("CMYK", (9_400, 9_400), (10, 200, 30, 4)), "JPEG", quality=20, icc_profile=cmyk_profile())


def png_of_compressed_texts() -> bytes:
    """3,000 compressed texts of 1 MB each."""
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 1_000_000, 9))
    base = saved(Image.new("L", (8, 8)), "PNG")
    return base[:33] + text * 3_000 + base[33:]


def png_in_seven_passes() -> bytes:
    """89 MP of an indexed picture with a transparent colour, interlaced, in 100 kB."""
    side = 9_400
    header = struct.pack(">LLBBBBB", side, side, 8, 3, 0, 0, 1)
    passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
    packer, pixels = zlib.compressobj(9), b""
    for left, across, top, down in passes:
        row = b"\0" + b"\1" * len(range(left, side, across))
        for _ in range(top, side, down):
            pixels += packer.compress(row)
    pixels += packer.flush()
    chunks = (b"IHDR", header), (b"PLTE", bytes(range(6))), (b"tRNS", b"\0\x80"), (b"IDAT", pixels), (b"IEND", b"")
    return SIGNATURE + b"".join(png_chunk(name, content) for name, content in chunks)


def png_of_frames() -> bytes:
    """1,000 frames of 298², each over the one before: all the pixels that an animation may have."""
    frames = [Image.new("RGBA", (298, 298), (number % 256, number // 4, 0, 128)) for number in range(1_000)]
    return saved(frames[0], "PNG", save_all=True, append_images=frames[1:], blend=1, compress_level=1)


def png_deep_giant() -> bytes:
    """44 MP of 16 bits a channel, with transparency."""
    side = 6_633
    packer, row = zlib.compressobj(9), b"\0" + b"\x80" * (side * 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">LLBBBBB", side, side, 16, 6, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")
    return SIGNATURE + b"".join(png_chunk(name, content) for name, content in chunks)


def webp_of_wide_frames() -> bytes:
    """500 frames of one pixel on a canvas of 9,400²: each is decoded onto all of it."""
    frames = [Image.new("RGB", (4, 4), (number, 0, 0)) for number in (0, 255)]
    base = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=10)
    canvas = (9_399).to_bytes(3, "little")
    at = base.index(b"VP8X") + 12
    head = base[:at] + canvas + canvas + base[at + 6 :]
    frame = head.index(b"ANMF")
    length = 8 + int.from_bytes(head[frame + 4 : frame + 8], "little")
    body = head[:frame] + head[frame : frame + length] * 500
    return body[:4] + struct.pack("<L", len(body) - 8) + body[8:]


def webp_of_chunks() -> bytes:
    """500,000 chunks that nobody knows."""
    base = saved(photo(64, 64), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    body = base + b"junk\0\0\0\0" * 500_000
    return body[:4] + struct.pack("<L", len(body) - 8) + body[8:]


def gif_giant() -> bytes:
    """89 MP in one frame of 150 kB, with a transparent colour."""
    return saved(Image.new("P", (9_400, 9_400), 1), "GIF", transparency=0)


def gif_of_restored_frames() -> bytes:
    """1,000 frames of 298², each of which puts back what was there before."""
    frames = [Image.new("P", (298, 298), number % 2) for number in range(2)]
    data = saved(frames[0], "GIF", save_all=True, append_images=[frames[1]], duration=[10, 20], disposal=3)
    begin = data.rindex(b"\x21\xf9")
    return data[:begin] + data[begin:-1] * 990 + b";"


def gif_of_clear_codes() -> bytes:
    """10 MB of codes that clear the table and show nothing."""
    head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    # Three bits a code: 4 clears, of which eight are three bytes.
    block = b"\xff" + (b"\x24\x49\x92" * 85)
    return head + b"," + struct.pack("<HHHHB", 0, 0, 8, 8, 0) + b"\x02" + block * 40_000 + b"\0;"


def bmp_of_runs() -> bytes:
    """89 MP in runs of 255 pixels."""
    side = 9_400
    runs = b"\xff\x01" * (side // 255) + bytes((side % 255, 1)) + b"\0\0"
    pixels = runs * side + b"\0\1"
    palette = b"".join(bytes((number, number, number, 0)) for number in range(256))
    head = struct.pack("<LLLHHLLLLLL", 40, side, side, 1, 8, 1, len(pixels), 2_835, 2_835, 256, 0)
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<LHHL", offset + len(pixels), 0, 0, offset) + head + palette + pixels


def tiff_of_packed_tiles() -> bytes:
    """89 MP in as many tiles as are let through, all of them the same bytes."""
    side, tile = 9_408, 48
    count = (side // tile) ** 2
    content = zlib.compress(b"\x80" * (tile * tile * 4), 9)
    long = struct.Struct("<L").pack
    entries = [
        *((256, 4, 1, long(side)), (257, 4, 1, long(side)), (258, 3, 4, struct.pack("<4H", 8, 8, 8, 8))),
        *(
            (tag, 3, 1, long(value))
            for tag, value in ((259, 8), (262, 2), (277, 4), (322, tile), (323, tile), (338, 2))
        ),
    ]
    place = 8 + len(content)
    values = entries[2][3]
    offsets, sizes = long(8) * count, long(len(content)) * count
    entries[2] = (258, 3, 4, long(place))
    entries.append((324, 4, count, long(place + 8)))
    entries.append((325, 4, count, long(place + 8 + len(offsets))))
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHL", tag, kind, number) + value for tag, kind, number, value in sorted(entries)
    )
    at = place + 8 + 2 * len(offsets)
    return b"II*\0" + long(at) + content + values + offsets + sizes + directory + long(0)


def jpeg_of_45_megapixels() -> bytes:
    """As much noise as may become an AVIF."""
    small = Image.effect_noise((663, 663), 90).resize((6_630, 6_630), Image.Resampling.NEAREST)
    return saved(Image.merge("RGB", (small, small.transpose(Image.Transpose.ROTATE_90), small)), "JPEG", quality=30)


def png_cut_out() -> bytes:
    """50 MP of a product on a transparent ground."""
    image = Image.radial_gradient("L").resize((7_070, 7_070)).convert("RGB").convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 7_070, 2_000))
    return saved(image, "PNG", compress_level=1)


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">L", 8 + len(body)) + name + body


def _full(name: bytes, version: int, *parts: bytes) -> bytes:
    return _box(name, bytes((version, 0, 0, 0)), *parts)


def grid(tile: bytes, columns: int, rows: int) -> bytes:
    """A still AVIF or HEIC of Pillow's or libheif's, shown columns × rows times, each by an item of its own."""
    codec, brand = (b"av01", b"avif") if b"av01" in tile else (b"hvc1", b"heic")
    found = {}
    for name in (b"ispe", b"av1C" if codec == b"av01" else b"hvcC"):
        at = tile.index(name)
        found[name] = tile[at - 4 : at - 4 + int.from_bytes(tile[at - 4 : at], "big")]
    side_box = found.pop(b"ispe")
    width, height = struct.unpack_from(">LL", side_box, 12)
    data = tile[tile.index(b"mdat") + 4 :]
    count = columns * rows
    items = range(2, count + 2)
    infe = [_full(b"infe", 2, struct.pack(">HH", 1, 0), b"grid", b"\0")]
    infe += [_full(b"infe", 2, struct.pack(">HH", number, 0), codec, b"\0") for number in items]
    layout = struct.pack(">BBBBLL", 0, 1, rows - 1, columns - 1, columns * width, rows * height)
    whole = _full(b"ispe", 0, struct.pack(">LL", columns * width, rows * height))
    shared = (1, 2, 0x83)
    associations = struct.pack(">L", count + 1) + struct.pack(">HBB", 1, 1, 1)
    associations += b"".join(struct.pack(">HBBB", number, 2, shared[1], shared[2]) for number in items)
    properties = _box(b"iprp", _box(b"ipco", whole, side_box, *found.values()), _full(b"ipma", 0, associations))
    head = _box(b"ftyp", brand, b"\0\0\0\0", b"mif1", brand, b"miaf")

    def meta(begin: int) -> bytes:
        places = struct.pack(">HHHHLL", 1, 1, 0, 1, 0, len(layout))
        places += b"".join(struct.pack(">HHHHLL", number, 0, 0, 1, begin, len(data)) for number in items)
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, b"\0\0\0\0pict", b"\0" * 12, b"\0"),
            _full(b"pitm", 0, struct.pack(">H", 1)),
            _full(b"iloc", 1, b"\x44\0", struct.pack(">H", count + 1), places),
            _full(b"iinf", 0, struct.pack(">H", count + 1), *infe),
            _full(b"iref", 0, _box(b"dimg", struct.pack(">HH", 1, count), struct.pack(f">{count}H", *items))),
            properties,
            _box(b"idat", layout),
        )

    begin = len(head) + len(meta(0)) + 8
    return head + meta(begin) + _box(b"mdat", data)


def avif_of_tiles() -> bytes:
    """A grid of 9,600 items of 64²: 39 MP, each tile with a decoder of its own."""
    return grid(saved(Image.new("RGB", (64, 64), (10, 200, 30)), "AVIF"), 100, 96)


def avif_of_frames() -> bytes:
    """1,000 frames of 298²."""
    frames = [Image.new("RGB", (298, 298), (number % 256, number // 4, 0)) for number in range(1_000)]
    return saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10, quality=10)


FURTHER_BOMBS: Mapping[str, Callable[[], bytes]] = {
    bomb.__name__: bomb
    for bomb in (
        jpeg_of_costly_scans,
        jpeg_of_segments_behind_its_scan,
        jpeg_of_views,
        jpeg_of_ink_with_table,
        png_of_compressed_texts,
        png_in_seven_passes,
        png_of_frames,
        png_deep_giant,
        webp_of_wide_frames,
        webp_of_chunks,
        gif_giant,
        gif_of_restored_frames,
        gif_of_clear_codes,
        bmp_of_runs,
        tiff_of_packed_tiles,
        avif_of_tiles,
        avif_of_frames,
        jpeg_of_45_megapixels,
        png_cut_out,
    )
}
