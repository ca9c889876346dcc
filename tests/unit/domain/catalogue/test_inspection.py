"""What the inspection of a catalogue hands on."""

import json
from decimal import Decimal
from io import BytesIO

import pytest

from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.catalogue.inspection import CHUNK_ROWS, inspect
from imagemill.domain.catalogue.layout import Layout
from imagemill.domain.catalogue.rows import read_rows
from imagemill.domain.codes import FileCode, RowCode
from imagemill.errors import CatalogueRefusedError
from tests.support.catalogue_rows import HEADER, read_all


def test_a_layout_survives_json_and_dynamodb():
    layout = read_all(f"{HEADER}\n1,A,http://x/1\n".encode("utf-16"))[0].layout

    stored = json.loads(json.dumps(layout.as_dict()), parse_int=Decimal)

    assert Layout.from_dict(stored) == layout


def test_a_fault_lists_its_line_only_when_it_has_one():
    fault = Fault(RowCode.MISSING_NAME, "m", row=2, column="Name")

    assert fault.as_dict() == {"row": 2, "column": "Name", "code": "MISSING_NAME", "message": "m"}
    assert Fault(FileCode.MALFORMED_CSV, "m", line=3).as_dict()["line"] == 3


def test_bytes_other_than_those_inspected_are_refused_when_read():
    layout = inspect(BytesIO(f"{HEADER}\n1,é,http://x/1\n".encode())).layout

    for other in (b"1,\xe9,http://x/1\n", b'1,"A,http://x/1\n'):
        with pytest.raises(CatalogueRefusedError):
            list(read_rows(BytesIO(other), layout, 1))


def test_chunks_have_two_hundred_rows():
    data = f"{HEADER}\n".encode() + b"1,A,http://x/1\n" * (2 * CHUNK_ROWS)

    inspection = inspect(BytesIO(data))

    assert CHUNK_ROWS == 200
    assert inspection.chunk_offsets == (len(HEADER) + 1, len(HEADER) + 1 + 200 * 15)
