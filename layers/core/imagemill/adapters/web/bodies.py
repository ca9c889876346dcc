"""The body of a response, decoded piece by piece, so that neither memory nor time runs away."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from urllib3.response import HTTPResponse

from imagemill.adapters.web.pinned_connections import Deadline
from imagemill.errors import BrokenBodyError

#: Bytes asked of a connection at once, and decompressed at once; memory beside the body stays near it.
READ_BYTES = 64 * 1024
#: Codings laid over each other; more than one is an error already, or an attack.
MAX_CODINGS = 5
#: Of the magic number 1F 8B (RFC 1952 section 2.3.1).
GZIP_FIRST_BYTE = 0x1F


def codings(response: HTTPResponse) -> list[str]:
    """Content codings in the order in which they were applied, lower case, without `identity`."""
    names = response.headers.get("content-encoding", "").lower().split(",")
    return [name for name in map(str.strip, names) if name not in {"", "identity"}]


def decoded(response: HTTPResponse, deadline: Deadline) -> Iterator[bytes]:
    """The body in pieces of READ_BYTES at most.

    gzip and deflate are decoded, in as many layers as there are, though none was asked for. Other codings
    are left on: no decoder, no bomb. Time counts while decoding too: a megabyte of gzip in gzip in gzip can
    keep a processor busy for hours without ever yielding a byte.

    Raises:
        BrokenBodyError, zlib.error: when it cannot be decoded.
        urllib3.exceptions.HTTPError, OSError: when it breaks off; TimeoutError at the deadline.
    """
    applied = codings(response)
    if len(applied) > MAX_CODINGS:
        raise BrokenBodyError
    pieces = _pieces(response)
    for coding in reversed(applied):
        if coding not in {"gzip", "x-gzip", "deflate"}:
            break
        pieces = _inflated(pieces, deadline)
    return pieces


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    # Not `stream`: it hands a chunk size of -1 to `read`, which then has no bound.
    while piece := response.read1(READ_BYTES, decode_content=False):
        yield piece


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
