"""Lines as CSV records, each with its place in the file, and the bounds that keep memory flat."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imagemill.domain.catalogue.text_lines import is_blank, lines_in
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
) -> Iterator[Record]:
    """Records of pieces as `split_lines` cuts them, blank lines left out. Exactly those of a record are taken.

    `line` and `offset` are the place of the first piece; `size` measures one.

    Raises:
        MalformedCsvError: for an unclosed quote, text after a closing quote, a field or record too long, or
            too many lines.
    """
    taken: list[str] = []

    def take() -> Iterator[str]:
        nonlocal line, offset
        room = MAX_RECORD_CHARACTERS
        for text in lines:
            if not taken:
                room = MAX_RECORD_CHARACTERS
                if is_blank(text) and (delimiter != "\t" or "\t" not in text):
                    line = next_line(line, lines_in(text))
                    offset += size(text)
                    continue
            room -= len(text)
            if room < 0:
                raise MalformedCsvError(
                    line, f"a record of more than {MAX_RECORD_CHARACTERS:,} characters", MEND_QUOTES
                )
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
            raise MalformedCsvError(line, str(error), MEND_QUOTES) from None
        yield Record(fields, line, offset)
        if len(taken) == 1:
            line = next_line(line)
            offset += size(taken[0])
        else:
            line = next_line(line, sum(map(lines_in, taken)))
            offset += sum(map(size, taken))
        taken.clear()


def next_line(line: int, taken: int = 1) -> int:
    """The number of the line behind `taken` lines. Raises MalformedCsvError for one beyond MAX_LINES."""
    if line + taken > MAX_LINES + 1:
        raise MalformedCsvError(line, f"it is behind line {MAX_LINES:,}, and blank lines count", "Remove blank lines.")
    return line + taken
