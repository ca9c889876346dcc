"""White space behind a closing quotation mark, which RFC 4180 forbids and hands and programs leave there."""

from __future__ import annotations

import re

QUOTE = '"'
#: But the delimiter, should that be one of them.
SPACES = " \t\v\f"


class QuoteMender:
    """Drops it from lines, which are to be handed over one after the other."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._spaces = re.compile(f"[{''.join(space for space in SPACES if space != delimiter)}]*")
        self._ends = f"{delimiter}\r\n"
        self._in_quotes = False

    def mended(self, line: str, *, begins_record: bool) -> str:
        """The line without it. Whether it ends inside of quotation marks is remembered for the next one."""
        self._in_quotes = self._in_quotes and not begins_record
        kept: list[str] = []
        begin = at = 0
        while at < len(line):
            if self._in_quotes:
                at, self._in_quotes = self._behind_closing_quote(line, at)
                end = self._end_of_spaces(line, at)
                if end > at and (end == len(line) or line[end] in self._ends):
                    kept.append(line[begin:at])
                    begin = at = end
            elif line[at] == QUOTE and (at == 0 or line[at - 1] == self._delimiter):
                self._in_quotes = True
                at += 1
            else:
                found = line.find(self._delimiter, at)
                at = len(line) if found < 0 else found + 1
        return "".join([*kept, line[begin:]])

    def _behind_closing_quote(self, line: str, at: int) -> tuple[int, bool]:
        """The place behind it, and whether the line ends inside of the quotes instead."""
        while (at := line.find(QUOTE, at)) >= 0:
            at += 1
            if line[at : at + 1] != QUOTE:
                return at, False
            at += 1
        return len(line), True

    def _end_of_spaces(self, line: str, at: int) -> int:
        spaces = self._spaces.match(line, at)
        return spaces.end() if spaces else at
