"""Items as DynamoDB has them: made as boto3 makes them, and read back as they were."""

from __future__ import annotations

from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.store.items import from_item, to_item
from imagemill.domain.codes import ImageStatus

LEAVES = st.one_of(
    st.text(max_size=8),
    st.integers(-(10**30), 10**30),
    st.booleans(),
    st.none(),
    st.sampled_from(ImageStatus),
    st.binary(max_size=8),
)
VALUES = st.recursive(
    LEAVES | st.sets(st.integers(-99, 99), min_size=1, max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=6))
def test_an_item_is_what_boto3_would_make_of_it_and_reads_back_the_same(values):
    said = {name: value for name, value in values.items() if value is not None}

    item = to_item(values)

    assert item == {name: TypeSerializer().serialize(value) for name, value in said.items()}
    assert from_item(item) == said
