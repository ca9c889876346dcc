"""A receiver's signing secrets: the one in force, and those that were replaced a short while ago."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Replaced secrets that still sign. More than one, so that a rotation that was sent twice, as after a
#: timeout, does not lock out a receiver that knows the first; few, for each is a signature in a header.
MAX_RETIRED_SECRETS = 4


@dataclass(frozen=True, slots=True)
class RetiredSecret:
    """until: epoch seconds from which on it signs no more."""

    secret: str = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """retired: newest first."""

    current: str = field(repr=False)
    retired: tuple[RetiredSecret, ...] = ()

    def valid_at(self, moment: int) -> tuple[str, ...]:
        """The secrets that sign at `moment` (epoch seconds), the current one first."""
        return (self.current, *(retired.secret for retired in self.retired if moment < retired.until))

    def rotated(self, new: str, moment: int, overlap_seconds: int) -> SigningSecrets:
        """With a new secret; the one before signs for `overlap_seconds` more (contract A6: 24 h)."""
        standing = [retired for retired in self.retired if moment < retired.until]
        retired = [RetiredSecret(self.current, moment + overlap_seconds), *standing]
        return SigningSecrets(new, tuple(retired[:MAX_RETIRED_SECRETS]))
