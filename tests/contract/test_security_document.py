"""docs/security.md and docs/discussions/api.md name the tests that prove them: they exist."""

import re

import pytest

from tests.support.account import PROJECT
from tests.support.ways_inside import Names, by_literal, by_name, by_name_beside_a_good_address

DOCUMENT = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
PAGES = (PROJECT / "docs" / "discussions" / "api.md").read_text(encoding="utf-8")
PROOFS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", DOCUMENT + PAGES)))


@pytest.mark.parametrize(("path", "name"), PROOFS)
def test_a_proof_exists(path, name):
    source = (PROJECT / path).read_text(encoding="utf-8")

    assert f"def {name}(" in source or not name


def test_every_threat_has_a_proof():
    rows = [row for row in DOCUMENT.splitlines() if re.match(r"\| ([STRIDE], )*[STRIDE]: ", row)]

    assert len(rows) > 25
    assert [row for row in rows if "`tests/" not in row] == []


def test_the_cases_are_as_many_as_it_says():
    counts = [len(way(Names())) for way in (by_literal, by_name, by_name_beside_a_good_address)]

    text = " ".join(DOCUMENT.split())
    by_kind = re.search(r"spelling (\d+) cases, by name (\d+), by name beside a good address (\d+)", text)
    assert by_kind
    assert [int(count) for count in by_kind.groups()] == counts
    assert f"{2 * sum(counts)} cases, {2 * sum(counts)} refused, 0 connections" in text
