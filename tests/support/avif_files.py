"""AVIF files with properties that Pillow does not write."""

import struct

from PIL import Image

from tests.support.image_files import saved


def with_clean_aperture(image: Image.Image, *numbers: int) -> bytes:
    """`image` as AVIF, of which `clap` shows a part (ISO/IEC 14496-12, 12.1.4).

    numbers: of width, height, and the offsets of the centre, each over its denominator.
    """
    data = saved(image, "AVIF", quality=95)
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", *numbers)
    index = _properties(data) + 1
    # The new property's number, marked as essential, in the list of the first item.
    grown = {b"meta": 41, b"iprp": 41, b"ipco": 40, b"ipma": 1}
    for name, size in grown.items():
        place = data.index(name) - 4
        data = data[:place] + struct.pack(">I", struct.unpack_from(">I", data, place)[0] + size) + data[place + 4 :]
    end_of_ipco = data.index(b"ipma") - 4
    count = data.index(b"ipma") + 4 + 4 + 4 + 2
    associations = data[count]
    end = count + 1 + associations
    data = (
        data[:end_of_ipco]
        + clap
        + data[end_of_ipco:count]
        + bytes((associations + 1,))
        + data[count + 1 : end]
        + bytes((0x80 | index,))
        + data[end:]
    )
    # The pixels have moved: the offset of the first and only extent.
    place = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2
    (offset,) = struct.unpack_from(">I", data, place)
    return data[:place] + struct.pack(">I", offset + 41) + data[place + 4 :]


def _properties(data: bytes) -> int:
    begin = data.index(b"ipco") - 4
    end = begin + struct.unpack_from(">I", data, begin)[0]
    place, number = begin + 8, 0
    while place < end:
        place += struct.unpack_from(">I", data, place)[0]
        number += 1
    return number
