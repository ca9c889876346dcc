"""Lines as CSV records, each with its place in the file, and the bounds that keep memory flat."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from imagemill.domain.catalogue.quotes import QuoteMender
from imagemill.domain.catalogue.text_lines import BLANK, END_OF_FILE, is_blank, lines_in
from imagemill.errors import MalformedCsvError

#: Longest field, in characters (bytes where the encoding is not known yet). An opening quotation mark that
#: is never closed is noticed here, long before the end of a large file.
MAX_FIELD_CHARACTERS = 1024 * 1024
#: Longest record, in the same unit, and so the longest line: a quote in every line may join any number.
MAX_RECORD_CHARACTERS = 4 * 1024 * 1024
#: Lines of a file, blank ones included; time, as memory, is to stay within what a product can need: the
#: lines of a file of 1 GiB would have less than eleven characters each.
MAX_LINES = 100_000_000


MEND_QUOTES = "Look for a quotation mark that is never closed, or is not doubled inside a quoted field."


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
    keep_empty: bool = False,
) -> Iterator[Record]:
    """Records of pieces as `split_lines` cuts them, without blank lines and records of empty fields.

    Exactly the pieces of a record are taken. White space behind a closing quotation mark is dropped.

    `line` and `offset` are the place of the first piece; `size` measures one. keep_empty: whether records of empty
    fields, and END_OF_FILE, are records all the same.

    Raises:
        MalformedCsvError: for an unclosed quote, text after a closing quote, a field or record too long, or
            too many lines.
    """
    place = _Place(line, offset)
    pieces = _Pieces(lines, delimiter, place, size, keep_empty=keep_empty)
    end_record = pieces.end_record
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    reader = csv.reader(pieces, delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reader = csv.reader(pieces.mended(error), delimiter=delimiter, strict=True)
            continue
        # The first character tells, nearly always.
        if (fields and fields[0] and fields[0][0] not in BLANK) or keep_empty or not _is_empty(fields):
            yield Record(fields, place.line, place.offset)
        end_record()


@dataclass(slots=True)
class _Place:
    line: int
    offset: int


class _Pieces:
    """What a record is read from, piece by piece, and where it begins."""

    def __init__(
        self, lines: Iterable[str], delimiter: str, place: _Place, size: Callable[[str], int], *, keep_empty: bool
    ) -> None:
        self.place = place
        self._lines = lines
        self._delimiter = delimiter
        self._size = size
        self._keep_empty = keep_empty
        self._taken: list[str] = []
        self._mender: QuoteMender | None = None
        self._pieces = self._take()

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def _take(self) -> Iterator[str]:
        taken, place = self._taken, self.place
        room = MAX_RECORD_CHARACTERS
        for text in self._lines:
            if not taken:
                room = MAX_RECORD_CHARACTERS
                if text[0] in BLANK and _is_blank_line(text, self._delimiter, keep_empty=self._keep_empty):
                    place.line = next_line(place.line, lines_in(text))
                    place.offset += self._size(text)
                    continue
            room -= len(text)
            if room < 0:
                fault = f"a record of more than {MAX_RECORD_CHARACTERS:,} characters"
                raise MalformedCsvError(place.line, fault, MEND_QUOTES)
            taken.append(text)
            yield self._mender.mended(text, begins_record=len(taken) == 1) if self._mender else text

    def mended(self, error: csv.Error) -> Iterator[str]:
        """The record once again, and all that follow, without white space behind quotation marks: few files need it.

        Raises:
            MalformedCsvError: when it was without, and cannot be read.
        """
        if self._mender:
            raise MalformedCsvError(self.place.line, str(error), MEND_QUOTES) from None
        mender = self._mender = QuoteMender(self._delimiter)
        again = [mender.mended(text, begins_record=index == 0) for index, text in enumerate(self._taken)]
        return chain(again, self._pieces)

    def end_record(self) -> None:
        """The next piece begins another."""
        taken, place = self._taken, self.place
        if len(taken) == 1:
            place.line = next_line(place.line)
            place.offset += self._size(taken[0])
        else:
            place.line = next_line(place.line, sum(map(lines_in, taken)))
            place.offset += sum(map(self._size, taken))
        taken.clear()


def _is_blank_line(text: str, delimiter: str, *, keep_empty: bool) -> bool:
    """Whether a piece is blank lines; one with tabs is a record where these are the delimiter."""
    if keep_empty and END_OF_FILE in text:
        return False
    return is_blank(text) and (delimiter != "\t" or "\t" not in text)


def _is_empty(fields: Sequence[str]) -> bool:
    """Whether no field holds more than blanks."""
    return not any(field.strip(BLANK) for field in fields)


def next_line(line: int, taken: int = 1) -> int:
    """The number of the line behind `taken` lines. Raises MalformedCsvError for one beyond MAX_LINES."""
    if line + taken > MAX_LINES + 1:
        raise MalformedCsvError(line, f"it is behind line {MAX_LINES:,}, and blank lines count", "Remove blank lines.")
    return line + taken
