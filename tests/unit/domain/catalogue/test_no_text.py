"""Contract A1: bytes that are no text, or text of an encoding that is not read, are refused with a way out."""

from io import BytesIO

import pytest

from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.codes import FileCode
from imagemill.errors import CatalogueRefusedError

HEADER = "S. No.,Product Name,Input Image Urls"


def refusal(data: bytes) -> Fault:
    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(BytesIO(data))
    return refused.value.fault


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_without_a_byte_order_mark_utf_16_is_refused_with_a_way_out(encoding: str):
    message = refusal(f"{HEADER}\n1,A,http://x/1\n".encode(encoding)).message

    assert "UTF-16 without byte order mark" in message
    assert "Save it as 'CSV UTF-8'" in message


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16-le"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16-be"),
        f"{HEADER}\n1,A\0,http://x/1\n".encode(),
        f"{HEADER}\n1,A\0,http://x/1\n".encode("utf-16"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-32"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16")[:-1],
        b"\xff\xfe" + HEADER.encode("utf-16-le") + b"\x00\xd8\n\x00",
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes):
    assert refusal(data).code == FileCode.NOT_TEXT


@pytest.mark.parametrize("encoding", ["iso-2022-jp", "iso-2022-kr", "iso-2022-jp-2"])
def test_text_whose_bytes_are_quotation_marks_elsewhere_is_refused_with_a_way_out(encoding: str):
    name = "의자" if encoding == "iso-2022-kr" else "椅子"

    fault = refusal(f"{HEADER}\n1,{name},http://x/1\n".encode(encoding))

    assert fault.code == FileCode.NOT_TEXT
    assert "ISO-2022-JP" in fault.message
    assert "Save it as 'CSV UTF-8'" in fault.message


def test_a_control_character_alone_is_text():
    assert inspect(BytesIO(f"{HEADER}\n1,\x1b[1mChair\x1b[0m $,http://x/1\n".encode())).rows == 1
