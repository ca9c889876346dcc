"""What a run left to be tried again, as it is kept."""

import pytest

from imagemill.domain.retryable import pack_chunks, unpack_chunks


@pytest.mark.parametrize("chunks", [(), (0,), (7, 8), (0, 4999), tuple(range(5000))])
def test_chunks_are_kept_in_a_bitmap(chunks):
    packed = pack_chunks(chunks)

    assert unpack_chunks(packed) == chunks
    assert len(packed) <= 625
