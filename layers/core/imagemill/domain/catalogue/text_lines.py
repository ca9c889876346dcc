"""A file's bytes as lines of text (contract A1: encodings and line ends), one block at a time."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Protocol

from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.foreign_formats import SIGNATURE_BYTES, foreign_format
from imagemill.errors import NotTextError

#: Bytes asked of the stream at once: large enough that calls do not count, small enough to hold.
BLOCK_BYTES = 256 * 1024
#: Longest line held, in characters. 100 URLs of 2,048 characters are a twentieth of it.
MAX_LINE_CHARACTERS = 4 * 1024 * 1024

#: The end of a file under CP/M and DOS, whose editors still write it.
END_OF_FILE = "\x1a"
#: What announces characters of several bytes in ISO-2022-JP, -KR and -CN (RFC 1468, 1557, 1922). All of these bytes are
#: ASCII, so the file would pass for UTF-8, and what it says for whatever these bytes are there.
ESCAPE = "\x1b"
ISO_2022 = re.compile(ESCAPE + r"\$(?:[@AB]|[()*+][@-~])")

#: What blank lines hold. ASCII alone: these are the same bytes in UTF-8 and Windows-1252.
BLANK = " \t\r\n\v\f" + END_OF_FILE
#: A line's end, and the blank lines behind it; none with a tab, which is a row where tabs are the delimiter.
_BLANK_LINES = re.compile(r"(\r\n|\r(?!\n)|\n)[ \r\n\v\f]*[\r\n]")
_LEADING_BLANK_LINES = re.compile(r"[ \r\n\v\f]*[\r\n]")


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

    named: what the encoding is said to be; a byte order mark says it better. `lines()` of all but UTF-16 are
    Latin-1: one character a byte. Delimiters, quotes and line ends are ASCII, and in no encoding a part of another
    character, so the structure is right whichever it turns out to be; `text_of` makes words of a piece. UTF-16
    lines are text at once.

    Without a name or a mark, text is UTF-8 when at least half of what is not ASCII in it is, else Windows-1252.

    Raises:
        NotTextError: by the constructor, for another format's signature; by `lines()`, for NUL characters, for
            text in ISO-2022-JP and its kin, and for UTF-16 that is none.
    """

    def __init__(self, stream: ReadableBytes, named: Encoding | None = None) -> None:
        self._stream = stream
        self._head = _read_signature(stream)
        if foreign := foreign_format(self._head):
            raise NotTextError(f"This is {foreign.what}, not a CSV. {foreign.way_out}")
        mark, marked = next(
            ((mark, encoding) for mark, encoding in BYTE_ORDER_MARKS if self._head.startswith(mark)), (b"", None)
        )
        self.bom_bytes = len(mark)
        self._known = marked or named
        self._utf_8_bytes = self._other_bytes = 0

    @property
    def encoding(self) -> Encoding:
        """As far as read."""
        if self._known:
            return self._known
        return Encoding.UTF_8 if self._utf_8_bytes >= self._other_bytes else Encoding.WINDOWS_1252

    @property
    def may_be_damaged(self) -> bool:
        """Whether bytes, as far as read, may have no meaning in the encoding."""
        if self.encoding is Encoding.UTF_8:
            return self._other_bytes > 0
        return self.encoding is not Encoding.WINDOWS_1252 and not self.encoding.is_16_bit

    def lines(self) -> Iterator[str]:
        """Pieces as `split_lines` cuts them, from behind the byte order mark."""
        blocks = _blocks(self._stream, self._head[self.bom_bytes :])
        texts = _decode(blocks, self.encoding, damaged=False) if self.encoding.is_16_bit else self._one_by_one(blocks)
        return split_lines(_readable(texts))

    def size(self, line: str) -> int:
        """Bytes that a piece of `lines()` takes in the file."""
        return len(line.encode(self.encoding)) if self.encoding.is_16_bit else len(line)

    def text_of(self, piece: str) -> str:
        """The words of a piece of a line, in the encoding as it is known by now; U+FFFD where bytes have no meaning.

        Before the file has been read to its end, a piece that is not UTF-8 is taken for Windows-1252.
        """
        if piece.isascii() or self.encoding.is_16_bit:
            return piece
        data = piece.encode("latin-1")
        if self._known is None and self._other_bytes == 0:
            try:
                return data.decode(Encoding.UTF_8)
            except UnicodeDecodeError:
                return _decode_windows_1252(data)
        if self.encoding is Encoding.WINDOWS_1252:
            return _decode_windows_1252(data)
        return data.decode(self.encoding, "replace")

    def _one_by_one(self, blocks: Iterable[bytes]) -> Iterator[str]:
        utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        for block in blocks:
            self._count(utf8, block)
            yield block.decode("latin-1")
        self._count(utf8, b"", final=True)

    def _count(self, utf8: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> None:
        """Weigh what is UTF-8 and more than ASCII against what is not UTF-8.

        Each byte that is not becomes one character of its own, of those that no text has: so the characters are as
        many fewer than the bytes as there are bytes behind the first one of a character.
        """
        if self._known not in {None, Encoding.UTF_8} or (block.isascii() and not utf8.getstate()[0]):
            return
        held = len(utf8.getstate()[0])
        text = utf8.decode(block, final)
        self._utf_8_bytes += held + len(block) - len(utf8.getstate()[0]) - len(text)
        try:
            text.encode()
        except UnicodeEncodeError:
            self._other_bytes += len(ESCAPED_BYTE.findall(text))


#: A byte without a meaning in the encoding, as `decoded_lines` shows it (PEP 383).
ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def decoded_lines(
    stream: ReadableBytes, encoding: Encoding, *, damaged: bool = False, keep_end: bool = False
) -> Iterator[str]:
    """Pieces as `split_lines` cuts them, of a stream that begins at a line's first byte.

    damaged: whether bytes may have no meaning in the encoding; each becomes an `ESCAPED_BYTE`. keep_end: see
    `split_lines`.

    Raises:
        NotTextError: for such bytes where they are not expected.
    """
    return split_lines(_decode(_blocks(stream), encoding, damaged=damaged), keep_end=keep_end)


def split_lines(texts: Iterable[str], *, keep_end: bool = False) -> Iterator[str]:
    """Cut into pieces: a line with its end, or many blank lines at once, so that a gigabyte of those is soon over.

    Lines end at LF, CRLF and CR alone; `str.splitlines` would cut at U+2028, form feeds and others, too.
    A line that grows beyond MAX_LINE_CHARACTERS is yielded as far as it was read, so that the reader can
    refuse it before the rest of the file is in memory. keep_end: whether END_OF_FILE at the very end is text.
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
    if not keep_end:
        rest = rest.rstrip(END_OF_FILE)
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


def _decode(blocks: Iterable[bytes], encoding: Encoding, *, damaged: bool) -> Iterator[str]:
    if encoding is Encoding.WINDOWS_1252:
        yield from map(_decode_windows_1252, blocks)
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if damaged else "strict")
    try:
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotTextError(_contradiction(encoding)) from None


def _decode_windows_1252(data: bytes) -> str:
    return codecs.charmap_decode(data, "strict", WINDOWS_1252_TABLE)[0]


def _readable(texts: Iterable[str]) -> Iterator[str]:
    position = 0
    for text in texts:
        if (found := text.find("\0")) >= 0:
            raise NotTextError(
                f"Character {position + found + 1:,} is NUL: a binary file, or UTF-16 without byte order mark. "
                "Save it as 'CSV UTF-8'."
            )
        if ESCAPE in text and (escape := ISO_2022.search(text)):
            raise NotTextError(
                f"Character {position + escape.start() + 1:,} begins text in ISO-2022-JP or its kin, whose bytes are "
                "quotation marks and commas elsewhere. Save it as 'CSV UTF-8'."
            )
        position += len(text)
        yield text


def _contradiction(encoding: Encoding) -> str:
    return f"The file begins as {encoding.label.upper()} and then holds bytes that are not. Save it as 'CSV UTF-8'."
