"""What is wrong with a file, a row or an image, as callers are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagemill.domain.codes import FileCode, ImageCode, RowCode

#: Characters of a user's text that a message repeats.
EXCERPT_CHARACTERS = 80
#: Of a column's header that callers are shown.
MAX_SHOWN_HEADER_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Fault:
    """As the contract's `errors` list it.

    message: what, where, and the way out, with at most EXCERPT_CHARACTERS of the user's text.
    row: data row, from 1. column: header as in the file; callers see its
    beginning. line: of the file, from 1, for MALFORMED_CSV.
    """

    code: FileCode | RowCode | ImageCode
    message: str
    row: int | None = None
    column: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        column = self.column and self.column[:MAX_SHOWN_HEADER_CHARACTERS]
        entry = {"row": self.row, "column": column, "code": self.code.value, "message": self.message}
        return entry if self.line is None else {**entry, "line": self.line}


def excerpt(text: str) -> str:
    """On one line, and cut to EXCERPT_CHARACTERS."""
    line = " ".join(text[: 4 * EXCERPT_CHARACTERS].split())
    return line if len(line) <= EXCERPT_CHARACTERS else f"{line[: EXCERPT_CHARACTERS - 1]}…"
