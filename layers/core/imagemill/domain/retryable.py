"""What a run leaves for a retry, small enough to be kept beside the run's account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from imagemill.domain.codes import ProductStatus
from imagemill.domain.job import ProductCounts


@dataclass(frozen=True, slots=True)
class Retryable:
    """chunks: those with products that a retry takes up, in order. counts: these products by status."""

    chunks: tuple[int, ...] = ()
    counts: ProductCounts = field(default_factory=ProductCounts)

    def plus(self, chunk: int, status: ProductStatus) -> Retryable:
        """One more product, in row order."""
        chunks = self.chunks if self.chunks[-1:] == (chunk,) else (*self.chunks, chunk)
        return Retryable(chunks, self.counts.plus(status))


def pack_chunks(chunks: Iterable[int]) -> bytes:
    """A bitmap, lowest chunk first: 625 bytes for the 5,000 chunks of a million rows."""
    bits = 0
    for chunk in chunks:
        bits |= 1 << chunk
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def unpack_chunks(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack_chunks`, in order."""
    bits = int.from_bytes(packed, "little")
    return tuple(chunk for chunk in range(bits.bit_length()) if bits >> chunk & 1)
