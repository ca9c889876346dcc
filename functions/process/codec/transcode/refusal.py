"""Why a JPEG was not transcoded and has to go through pixels."""

from __future__ import annotations

from enum import StrEnum

from imagemill.errors import ImagemillError


class Refusal(StrEnum):
    """The first ones are the module's, in the order of its numbers from 1 (transcoder/src/jpeg.h, Status)."""

    #: A marker segment contradicts itself or the format.
    MALFORMED = "Malformed"
    #: The file or a scan ends before its time.
    TRUNCATED = "Truncated"
    #: Entropy-coded data or coefficients that no encoder writes.
    DAMAGED = "Damaged"
    #: Arithmetic, lossless, hierarchical, 12 bits, height told late, more than one frame.
    CODING_PROCESS = "CodingProcess"
    #: Neither grey nor YCbCr.
    COLOUR_SPACE = "ColourSpace"
    #: Chroma that halving cannot bring to 4:2:0.
    SAMPLING = "Sampling"
    #: An order or a number of scans that is not supported, or a progression that stops half-way.
    SCANS = "Scans"
    #: Quantisers of 16 bits or 0, different ones for Cb and Cr, or such as change between scans.
    TABLES = "Tables"
    #: To be turned, and a partial block would come to lie at the upper or left edge.
    ORIENTATION = "Orientation"
    #: More memory than is allowed.
    MEMORY = "Memory"
    #: The sandbox caught a fault of the module's.
    TRAP = "Trap"
    #: There is no sandbox on this machine.
    UNAVAILABLE = "Unavailable"


#: Said instead where there was no reason.
TRANSCODED = "Transcoded"
WAYS = frozenset({TRANSCODED, *Refusal})

#: The module's statuses from 1 on.
STATUSES = tuple(Refusal)[: list(Refusal).index(Refusal.MEMORY) + 1]
#: Those that are given when data ends early, too: padded with what decoders make up, it may look damaged.
ENDS_EARLY = frozenset({Refusal.TRUNCATED, Refusal.DAMAGED})
#: Those that say nothing of the file but that something is wrong here: worth a warning.
ALARMING = frozenset({Refusal.TRAP, Refusal.UNAVAILABLE})


class NotTranscodableError(ImagemillError):
    """A JPEG that has to go through pixels. `reason` says why; whether the file is at fault is for Pillow to say."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"not transcoded: {reason}")
        self.reason = reason
