"""The client has words for every code that a product may have."""

import pytest

from imagemill.domain.codes import ImageCode, RowCode
from imagemill_client.codes import CODES, explain


@pytest.mark.parametrize("code", [*RowCode, *ImageCode], ids=str)
def test_each_code_is_explained(code):
    assert code in CODES


def test_a_code_that_is_newer_than_the_client_has_a_way_out():
    assert "reference of errors" in explain("SOMETHING_NEW").means
