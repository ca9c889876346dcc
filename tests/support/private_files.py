"""Image files full of what nobody should learn: GPS, comments, XMP, thumbnails, and bytes behind the end."""

import io
import struct

from PIL import ExifTags, Image, PngImagePlugin

from tests.support.image_files import corner_patch, png_chunk, png_with, saved

#: Stands in each piece of metadata, and in no picture.
SECRET = b"s3cr3t-place"
XMP = b"<x:xmpmeta><rdf:Description>" + SECRET + b"</rdf:Description></x:xmpmeta>"


def private_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = SECRET.decode()
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + SECRET
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    gps[ExifTags.GPS.GPSAreaInformation] = b"ASCII\0\0\0" + SECRET
    return exif


def exif_with_thumbnail(orientation: int, thumbnail: bytes) -> bytes:
    """Two directories, big-endian: the orientation, then JPEGInterchangeFormat and its length."""
    first = b"\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes((0, orientation)) + b"\0\0" + (26).to_bytes(4, "big")
    start, length = (56).to_bytes(4, "big"), len(thumbnail).to_bytes(4, "big")
    second = b"\0\x02\x02\x01\0\x04\0\0\0\x01" + start + b"\x02\x02\0\x04\0\0\0\x01" + length + b"\0\0\0\0"
    return b"Exif\0\0MM\0*\0\0\0\x08" + first + second + thumbnail


def with_secrets(image: Image.Image, image_format: str, **settings) -> bytes:
    """`image` in the format, with a secret in each place that the format has for one."""
    match image_format:
        case "JPEG":
            return _jpeg(image, **settings)
        case "PNG":
            return _png(image, **settings)
        case "GIF":
            return _gif(saved(image, "GIF", comment=SECRET, **settings))
        case "TIFF":
            exif = private_exif()
            exif[700] = XMP
            return saved(image, "TIFF", exif=exif, **settings) + SECRET
        case "BMP":
            return saved(image, "BMP", **settings) + SECRET
        case _:
            return saved(image, image_format, exif=private_exif(), xmp=XMP, **settings) + SECRET


def _jpeg(image: Image.Image, **settings) -> bytes:
    plain = saved(image, "JPEG", exif=private_exif(), xmp=XMP, comment=SECRET, **settings)
    thumbnail = saved(corner_patch((16, 16)), "JPEG", comment=SECRET)
    further = (
        (0xE0, b"JFXX\0\x10" + thumbnail),
        (0xE2, b"FPXR\0" + SECRET),
        (0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0" + SECRET),
        (0xEF, SECRET),
        (0xFE, SECRET),
    )
    segments = b"".join(b"\xff" + bytes((m,)) + struct.pack(">H", len(body) + 2) + body for m, body in further)
    return plain[:2] + segments + plain[2:] + thumbnail + SECRET


def _png(image: Image.Image, **settings) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = saved(image, "PNG", exif=private_exif(), pnginfo=text, **settings)
    return png_with(data, png_chunk(b"prVt", SECRET), png_chunk(b"tIME", b"\x07\xea\1\1\1\1\1")) + SECRET


def _gif(data: bytes) -> bytes:
    """With an extension of Adobe's that holds XMP, and a text."""
    colours = 3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    body = bytes((len(XMP[:255]),)) + XMP[:255] + b"\0"
    place = 13 + colours
    return data[:place] + b"\x21\xff\x0bXMP DataXMP" + body + data[place:] + SECRET


def secrets_in(data: bytes) -> set[str]:
    """What is left of metadata in a file made by `with_secrets`."""
    return private_parts_of(data) | ({"the secret"} if SECRET in data else set())


def private_parts_of(data: bytes) -> set[str]:
    """EXIF, GPS, XMP, comments, texts and, in a JPEG, further pictures in a file, as a reader finds them."""
    # A TIFF's tags are its layout, too.
    private = {ExifTags.IFD.GPSInfo, ExifTags.IFD.Exif, ExifTags.Base.Make, 700, ExifTags.Base.ImageDescription}
    names = {"exif", "xmp", "comment", "photoshop", "mp", "XML:com.adobe.xmp", "adobe_transform_comment"}
    with Image.open(io.BytesIO(data)) as image:
        tags = {f"tag {tag}" for tag in private & set(image.getexif())}
        # No entropy-coded data has these bytes.
        tags |= {"thumbnail"} if image.format == "JPEG" and b"\xff\xd8\xff" in data[2:] else set()
        return tags | names.intersection(image.info) | set(getattr(image, "text", {}))
