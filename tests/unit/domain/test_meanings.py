"""The words for every code: none is missing, and the reference and OpenAPI have the same ones."""

from api.openapi.schemas import schemas
from imagemill.domain.codes import FileCode, ImageCode, RowCode
from imagemill.domain.meanings import FILE_MEANINGS, IMAGE_MEANINGS, MEANINGS, ROW_MEANINGS
from imagemill_client.codes import CODES
from tests.support.documents import codes, document, rows

ERRORS = "docs/reference/errors.md"


def test_every_code_has_a_meaning_and_a_way_out():
    assert set(FILE_MEANINGS) == set(FileCode)
    assert set(ROW_MEANINGS) == set(RowCode)
    assert set(IMAGE_MEANINGS) == set(ImageCode)
    assert all(meaning.means and meaning.mender and meaning.way_out for meaning in MEANINGS.values())


def test_the_reference_has_these_words():
    for heading, meanings in (("Files", FILE_MEANINGS), ("Rows", ROW_MEANINGS)):
        told = [tuple(row) for row in rows(document(ERRORS).section(heading))]
        assert told == [(f"`{code}`", word.means, word.mender, word.way_out) for code, word in meanings.items()]
    images = [tuple(row) for row in rows(document(ERRORS).section("Images"))]
    assert images == [
        (f"`{code}`", word.again, word.means, word.mender, word.way_out) for code, word in IMAGE_MEANINGS.items()
    ]


def test_the_reference_has_every_reason():
    told = [(*codes(code), *codes(reason), says) for code, reason, says in rows(document(ERRORS).section("Reasons"))]

    assert told == [
        (code, reason, says) for code, word in IMAGE_MEANINGS.items() for reason, says in word.reasons.items()
    ]


def test_openapi_has_these_words():
    described = schemas([])
    texts = described["ImageErrorCode"]["description"] + described["Fault"]["properties"]["code"]["description"]

    for code, word in MEANINGS.items():
        assert f"- `{code}`: {word.means}. {word.mender}: {word.way_out}." in texts
        assert all(says in texts for says in word.reasons.values())


def test_the_client_has_these_words():
    """It is installed without the layer."""
    assert {code: said.means for code, said in CODES.items()} == {
        code: word.means for code, word in MEANINGS.items() if code not in set(FileCode)
    }
