"""What refusals say beside their code."""

import gzip

import pytest

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions
from tests.support.codec_output import refusal_of
from tests.support.image_files import photo, saved


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EMPTY"),
        (b"\r\n \0", "EMPTY"),
        (b"<!DOCTYPE html><html>", "WEB_PAGE"),
        (b"\n<!-- cached --><HTML><head>", "WEB_PAGE"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html>", "WEB_PAGE"),
        (b"<h1>404</h1>", "WEB_PAGE"),
        (b'{"error": "not found"}', "JSON"),
        (b'[{"error": 1}]', "JSON"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "VIDEO"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "VIDEO"),
        (b"RIFF\0\0\0\0AVI LIST", "VIDEO"),
        (gzip.compress(saved(photo(16, 16), "PNG")), "COMPRESSED"),
        (b"Not found", "OTHER"),
        (b"PK\x03\x04" + bytes(60), "OTHER"),
        (b"<?xml version='1.0'?><rss/>", "OTHER"),
    ],
)
def test_what_is_no_image_is_said(data, reason):
    fault = refusal_of(data)

    assert (fault.code, fault.reason) == (ImageCode.NOT_AN_IMAGE, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "POSTSCRIPT"),
        (b"8BPS\0\x01", "PHOTOSHOP"),
        (b"\xff\x0a\xfa\x1f", "JPEG_XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG_XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG_2000"),
        (saved(photo(16, 16), "ICO"), "ICO"),
        (saved(photo(16, 16), "TGA") + b"\0" * 8 + b"TRUEVISION-XFILE.\0", "TGA"),
        (saved(photo(16, 16), "QOI"), "QOI"),
        (saved(photo(16, 16), "PPM"), "PORTABLE_ANYMAP"),
    ],
)
def test_a_format_that_is_not_read_is_named(data, reason):
    fault = refusal_of(data)

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, reason)


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF])
def test_a_jpeg_in_a_rare_coding_is_refused_by_name(frame):
    fault = refusal_of(saved(photo(), "JPEG").replace(b"\xff\xc0", b"\xff" + bytes((frame,))))

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, "JPEG")


def test_a_jpeg_of_twelve_bits_is_refused_by_name():
    data = saved(photo(), "JPEG")
    place = data.index(b"\xff\xc0") + 4

    fault = refusal_of(data[:place] + b"\x0c" + data[place + 1 :], ImageOptions(max_width=20))

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, "JPEG")


@pytest.mark.parametrize(("place", "value"), [(28, 64), (30, 4), (30, 5)])
def test_a_bmp_in_a_rare_coding_is_refused_by_name(place, value):
    data = bytearray(saved(photo(), "BMP"))
    data[place] = value

    fault = refusal_of(bytes(data))

    assert (fault.code, fault.reason) == (ImageCode.UNSUPPORTED_FORMAT, "BMP")


def test_what_is_damaged_has_no_reason():
    assert refusal_of(saved(photo(), "PNG")[:500]).reason is None
