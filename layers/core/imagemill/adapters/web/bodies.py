"""The body of a response, decoded piece by piece, so that neither memory nor time runs away."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from urllib3.response import HTTPResponse

from imagemill.adapters.web.pinned_connections import Deadline
from imagemill.errors import BrokenBodyError

#: Bytes asked of a connection at once, and decompressed at once; memory beside the body stays near it.
READ_BYTES = 64 * 1024
#: Codings laid over each other; more than one is an error already, or an attack.
MAX_CODINGS = 5
#: RFC 1952 section 2.3.1.
GZIP_MAGIC = b"\x1f\x8b"
GZIP_FIRST_BYTE = GZIP_MAGIC[0]
GZIP = frozenset({"gzip", "x-gzip"})
DECODED = GZIP | {"deflate"}
#: How pictures begin that servers call deflated, and that no deflate stream begins with: its first block would be of
#: the type that is reserved, or of a length that contradicts itself. WebP's `RIFF` alone might be one.
PLAIN_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")


class EncodedBody(bytes):
    """A body that still has a content coding, which nobody asked for and we do not decode."""


def codings(response: HTTPResponse) -> list[str]:
    """Content codings in the order in which they were applied, lower case, without `identity`."""
    names = response.headers.get("content-encoding", "").lower().split(",")
    return [name for name in map(str.strip, names) if name not in {"", "identity"}]


def decoded(response: HTTPResponse, deadline: Deadline) -> Iterator[bytes]:
    """The body in pieces of READ_BYTES at most.

    gzip and deflate are decoded, in as many layers as there are, though none was asked for. Other codings
    are left on: no decoder, no bomb (see `left_on`). A body that is called compressed and is not is handed out as
    it is: servers that compress what they should not now and then only say so. Time counts while decoding too: a
    megabyte of gzip in gzip in gzip can keep a processor busy for hours without ever yielding a byte.

    Raises:
        BrokenBodyError, zlib.error: when it cannot be decoded.
        urllib3.exceptions.HTTPError, OSError: when it breaks off; TimeoutError at the deadline.
    """
    applied = codings(response)
    if len(applied) > MAX_CODINGS:
        raise BrokenBodyError
    pieces = _pieces(response)
    for coding in reversed(applied):
        if coding not in DECODED:
            break
        pieces = _inflated_if_compressed(pieces, coding, deadline)
    return pieces


def left_on(response: HTTPResponse) -> bool:
    """Whether the body has a content coding that `decoded` leaves on it."""
    return any(coding not in DECODED for coding in codings(response))


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    # Not `stream`: it hands a chunk size of -1 to `read`, which then has no bound.
    while piece := response.read1(READ_BYTES, decode_content=False):
        yield piece


def _inflated_if_compressed(pieces: Iterable[bytes], coding: str, deadline: Deadline) -> Iterator[bytes]:
    """Decode a body, unless its first bytes say that this coding was never applied."""
    remaining, first = iter(pieces), b""
    for piece in remaining:
        first += piece
        # The longest beginning that is looked for: two bytes may come in two pieces.
        if len(first) >= len(PLAIN_PICTURES[1]):
            break
    is_plain = not first.startswith(GZIP_MAGIC) if coding in GZIP else first.startswith(PLAIN_PICTURES)
    whole = chain((first,) if first else (), remaining)
    yield from whole if is_plain else _inflated(whole, deadline)


def _inflated(pieces: Iterable[bytes], deadline: Deadline) -> Iterator[bytes]:
    """Decode gzip or deflate, and notice when the stream ends early, which urllib3 does not.

    A gzip stream may have several members; zeros or garbage behind the last are ignored, as gzip(1) does.
    """
    inflater = None
    for piece in pieces:
        deadline.remaining()
        compressed = piece
        while compressed:
            if inflater is None or (inflater.eof and compressed[0] == GZIP_FIRST_BYTE):
                inflater = _inflater_for(compressed[0])
            if inflater.eof:
                break
            inflated = inflater.decompress(compressed, READ_BYTES)
            while inflated:
                yield inflated
                inflated = inflater.decompress(inflater.unconsumed_tail, READ_BYTES)
            compressed = inflater.unused_data
    if inflater is not None and not inflater.eof:
        raise BrokenBodyError


def _inflater_for(first_byte: int) -> zlib._Decompress:
    """Servers send deflate with a zlib header, as they should, or raw; no raw stream begins as a header does."""
    has_header = first_byte == GZIP_FIRST_BYTE or first_byte & 0x0F == zlib.DEFLATED
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if has_header else -zlib.MAX_WBITS)
