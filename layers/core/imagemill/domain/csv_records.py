"""Lines as CSV records, each with its place in the file, and the bounds that keep memory flat."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

#: Longest field, in characters (bytes where the encoding is not known yet). An opening quotation mark that
#: is never closed is noticed here, long before the end of a large file.
MAX_FIELD_CHARACTERS = 1024 * 1024
#: Longest record, in the same unit, and so the longest line: a quote in every line may join any number.
MAX_RECORD_CHARACTERS = 4 * 1024 * 1024
#: Lines of a file, blank ones included; time, as memory, is to stay within what a product can need: the
#: lines of a file of 1 GiB would have less than eleven characters each.
MAX_LINES = 100_000_000

#: White space of blank lines. ASCII alone: these are the same bytes in UTF-8 and Windows-1252.
BLANK = " \t\r\n\v\f"


class MalformedCsv(Exception):
    """The record that begins on `line` (from 1) breaks RFC 4180 or a bound. The message says how."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Record:
    """Fields as in the file, with quoting undone.

    line: where it begins, counted as `read_records` was told. offset: likewise, in the units of `size`.
    """

    fields: list[str]
    line: int
    offset: int


def read_records(
    lines: Iterable[str],
    delimiter: str,
    *,
    line: int = 1,
    offset: int = 0,
    size: Callable[[str], int] = len,
) -> Iterator[Record]:
    """Records of lines with their ends, blank lines left out. Exactly the lines of a record are taken.

    `line` and `offset` are the place of the first line; `size` measures a line.

    Raises:
        MalformedCsv: for an unclosed quote, text after a closing quote, a field or record too long, or
            too many lines.
    """
    taken: list[str] = []

    def take() -> Iterator[str]:
        room = MAX_RECORD_CHARACTERS
        for text in lines:
            room = (room if taken else MAX_RECORD_CHARACTERS) - len(text)
            if room < 0:
                raise MalformedCsv(line, f"a record of more than {MAX_RECORD_CHARACTERS:,} characters")
            taken.append(text)
            yield text

    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    reader = csv.reader(take(), delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedCsv(line, str(error)) from None
        if len(fields) > 1 or not is_blank(taken[0]):
            yield Record(fields, line, offset)
        line = next_line(line, len(taken))
        offset += size(taken[0]) if len(taken) == 1 else sum(map(size, taken))
        taken.clear()


def is_blank(line: str) -> bool:
    return not line.strip(BLANK)


def next_line(line: int, taken: int = 1) -> int:
    """The number of the line behind `taken` lines. Raises MalformedCsv for one beyond MAX_LINES."""
    if line + taken > MAX_LINES + 1:
        raise MalformedCsv(line, f"it is behind line {MAX_LINES:,}, and blank lines count")
    return line + taken
