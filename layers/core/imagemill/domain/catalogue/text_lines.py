"""A file's bytes as lines of text (contract A1: encodings and line ends), one block at a time."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import StringIO
from typing import Protocol

from imagemill.domain.catalogue.foreign_formats import SIGNATURE_BYTES, foreign_format
from imagemill.errors import NotTextError

#: Bytes asked of the stream at once: large enough that calls do not count, small enough to hold.
BLOCK_BYTES = 256 * 1024
#: Longest line held, in characters. 100 URLs of 2,048 characters are a twentieth of it.
MAX_LINE_CHARACTERS = 4 * 1024 * 1024

#: White space of blank lines. ASCII alone: these are the same bytes in UTF-8 and Windows-1252.
BLANK = " \t\r\n\v\f"
#: A line's end, and the blank lines behind it; none with a tab, which is a row where tabs are the delimiter.
_BLANK_LINES = re.compile(r"(\r\n|\r(?!\n)|\n)[ \r\n\v\f]*[\r\n]")
_LEADING_BLANK_LINES = re.compile(r"[ \r\n\v\f]*[\r\n]")


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "cp1252"


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, Encoding.UTF_8),
    (codecs.BOM_UTF16_LE, Encoding.UTF_16_LE),
    (codecs.BOM_UTF16_BE, Encoding.UTF_16_BE),
)

#: Windows-1252 as browsers read it: its five undefined bytes are the C1 controls of the same value
#: (https://encoding.spec.whatwg.org/#index-windows-1252), where Python's codec refuses them.
WINDOWS_1252_TABLE = "".join(
    bytes([byte]).decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252") for byte in range(256)
)


class ReadableBytes(Protocol):
    """A stream as boto3's StreamingBody and every binary file give it; `b""` is its end."""

    def read(self, n: int, /) -> bytes: ...


class UndecidedText:
    """Text whose encoding is certain only once it has been read to its end, which can be done once.

    `lines()` of a file without byte order mark, or with that of UTF-8, are Latin-1: one character a byte.
    Delimiters, quotes and line ends are ASCII in UTF-8 and Windows-1252 alike, so the structure is right
    whichever it turns out to be; `text_of` makes words of a piece. UTF-16 lines are text at once.

    Raises:
        NotTextError: by the constructor, for another format's signature; by `lines()`, for NUL characters and
            for bytes that contradict the byte order mark.
    """

    def __init__(self, stream: ReadableBytes) -> None:
        self._stream = stream
        self._head = _read_signature(stream)
        if foreign := foreign_format(self._head):
            raise NotTextError(f"This is {foreign.what}, not a CSV. {foreign.way_out}")
        mark, encoding = next(
            ((mark, encoding) for mark, encoding in BYTE_ORDER_MARKS if self._head.startswith(mark)),
            (b"", Encoding.UTF_8),
        )
        self.bom_bytes = len(mark)
        self.encoding = encoding
        """As far as read: UTF-8 until a byte says otherwise."""

    @property
    def _is_16_bit(self) -> bool:
        return self.encoding in {Encoding.UTF_16_LE, Encoding.UTF_16_BE}

    def lines(self) -> Iterator[str]:
        """Pieces as `split_lines` cuts them, from behind the byte order mark."""
        blocks = _blocks(self._stream, self._head[self.bom_bytes :])
        texts = _decode(blocks, self.encoding) if self._is_16_bit else self._one_by_one(blocks)
        return split_lines(_without_nul(texts))

    def size(self, line: str) -> int:
        """Bytes that a piece of `lines()` takes in the file."""
        return len(line.encode(self.encoding)) if self._is_16_bit else len(line)

    def text_of(self, piece: str) -> str:
        """The words of a piece of a line, in the encoding as it is known by now."""
        if self._is_16_bit or piece.isascii():
            return piece
        data = piece.encode("latin-1")
        if self.encoding is Encoding.WINDOWS_1252:
            return _decode_windows_1252(data)
        return data.decode(self.encoding)

    def _one_by_one(self, blocks: Iterable[bytes]) -> Iterator[str]:
        utf8 = codecs.getincrementaldecoder("utf-8")()
        for block in blocks:
            self._check(utf8, block)
            yield block.decode("latin-1")
        self._check(utf8, b"", final=True)

    def _check(self, utf8: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> None:
        if self.encoding is not Encoding.UTF_8:
            return
        try:
            utf8.decode(block, final)
        except UnicodeDecodeError:
            if self.bom_bytes:
                raise NotTextError(_contradiction(self.encoding)) from None
            self.encoding = Encoding.WINDOWS_1252


def decoded_lines(stream: ReadableBytes, encoding: Encoding) -> Iterator[str]:
    """Pieces as `split_lines` cuts them, of a stream that begins at a line's first byte.

    Raises:
        NotTextError: for bytes that are not in that encoding.
    """
    return split_lines(_decode(_blocks(stream), encoding))


def split_lines(texts: Iterable[str]) -> Iterator[str]:
    """Cut into pieces: a line with its end, or many blank lines at once, so that a gigabyte of those is soon over.

    Lines end at LF, CRLF and CR alone; `str.splitlines` would cut at U+2028, form feeds and others, too.
    A line that grows beyond MAX_LINE_CHARACTERS is yielded as far as it was read, so that the reader can
    refuse it before the rest of the file is in memory.
    """
    rest = ""
    for text in texts:
        joined = rest + text
        # A CR at the end may be the first half of a CRLF.
        certain = len(joined) - joined.endswith("\r")
        end = max(joined.rfind("\n", 0, certain), joined.rfind("\r", 0, certain)) + 1
        yield from _pieces(joined[:end])
        rest = joined[end:]
        if len(rest) > MAX_LINE_CHARACTERS:
            yield rest
            rest = ""
    if rest:
        yield from _pieces(rest)


def _pieces(text: str) -> Iterator[str]:
    """Of whole lines; only the last may have no end."""
    leading = _LEADING_BLANK_LINES.match(text)
    begin = leading.end() if leading else 0
    if begin:
        yield text[:begin]
    for blank_lines in _BLANK_LINES.finditer(text, begin):
        yield from StringIO(text[begin : blank_lines.end(1)], newline="").readlines()
        yield text[blank_lines.end(1) : blank_lines.end()]
        begin = blank_lines.end()
    yield from StringIO(text[begin:], newline="").readlines()


def is_blank(piece: str) -> bool:
    """Whether a piece is blank lines. One cut off at MAX_LINE_CHARACTERS is not: its line goes on unread."""
    return not piece.strip(BLANK) and (len(piece) <= MAX_LINE_CHARACTERS or piece[-1] in "\r\n")


def lines_in(piece: str) -> int:
    """How many lines a piece of `split_lines` has; one whose end is missing counts."""
    if not is_blank(piece):
        return 1
    return max(1, piece.count("\n") + piece.count("\r") - piece.count("\r\n"))


def _read_signature(stream: ReadableBytes) -> bytes:
    head = b""
    while len(head) < SIGNATURE_BYTES and (more := stream.read(SIGNATURE_BYTES - len(head))):
        head += more
    return head


def _blocks(stream: ReadableBytes, head: bytes = b"") -> Iterator[bytes]:
    if head:
        yield head
    while block := stream.read(BLOCK_BYTES):
        yield block


def _decode(blocks: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    if encoding is Encoding.WINDOWS_1252:
        yield from map(_decode_windows_1252, blocks)
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotTextError(_contradiction(encoding)) from None


def _decode_windows_1252(data: bytes) -> str:
    return codecs.charmap_decode(data, "strict", WINDOWS_1252_TABLE)[0]


def _without_nul(texts: Iterable[str]) -> Iterator[str]:
    position = 0
    for text in texts:
        if (found := text.find("\0")) >= 0:
            raise NotTextError(
                f"Character {position + found + 1:,} is NUL: a binary file, or UTF-16 without byte order mark. "
                "Save it as 'CSV UTF-8'."
            )
        position += len(text)
        yield text


def _contradiction(encoding: Encoding) -> str:
    return f"The file begins as {encoding.upper()} and then holds bytes that are not. Save it as 'CSV UTF-8'."
