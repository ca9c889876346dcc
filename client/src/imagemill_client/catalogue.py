"""A catalogue on its way to the API: where its bytes are, how many, and a form that streams them."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from urllib3.filepost import encode_multipart_formdata

from imagemill_client.errors import MisuseError

#: The largest CSV that a request takes, in bytes (contract A7). Larger ones are uploaded.
MAX_REQUEST_BYTES = 4 * 1024 * 1024
#: The largest CSV of all.
MAX_UPLOAD_BYTES = 1024**3
#: Stands for the file's bytes while the form around them is made.
PLACEHOLDER = b"\0imagemill: the file\0"

#: Told how many bytes have been sent, and of how many.
OnSent = Callable[[int, int], None]


@dataclass(slots=True)
class Catalogue:
    """An open CSV. `stream` can be read again from its beginning."""

    filename: str
    stream: BinaryIO
    size: int

    @property
    def is_large(self) -> bool:
        return self.size > MAX_REQUEST_BYTES


@contextmanager
def opened(source: str | Path | bytes | IO[bytes], filename: str | None = None) -> Iterator[Catalogue]:
    """A file by its path, bytes, or a stream, which is kept on disk where it is large and cannot be read twice.

    Raises MisuseError when there is no such file, or it is too large for any way in.
    """
    if isinstance(source, bytes):
        yield _checked(filename or "catalogue.csv", io.BytesIO(source))
        return
    if not isinstance(source, str | Path):
        with tempfile.SpooledTemporaryFile(MAX_REQUEST_BYTES) as spooled:
            shutil.copyfileobj(source, spooled)
            # Python 3.11 gave it all methods of a BinaryIO; typeshed does not call it one.
            yield _checked(filename or "catalogue.csv", cast("BinaryIO", spooled))
        return
    path = Path(source)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise MisuseError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise MisuseError(f"{path} is a folder; name a CSV file.") from None
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        if not file.seekable():  # a pipe, as shells make of <(…)
            with opened(file, filename or "catalogue.csv") as catalogue:
                yield catalogue
            return
        yield _checked(filename or path.name, file)


def _checked(filename: str, stream: BinaryIO) -> Catalogue:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > MAX_UPLOAD_BYTES:
        raise MisuseError(f"{filename} has {size / 1024**3:.1f} GiB; 1 GiB is the most. Split it.")
    return Catalogue(filename, stream, size)


class Form:
    """A multipart form whose file is read as it is sent: 1 GiB never lies in memory."""

    def __init__(self, fields: Mapping[str, str], catalogue: Catalogue, on_sent: OnSent | None = None) -> None:
        parts: dict[str, str | tuple[str, bytes, str]] = dict(fields)
        parts["file"] = (catalogue.filename, PLACEHOLDER, "text/csv")  # last: S3 ignores what follows it
        body, self.content_type = encode_multipart_formdata(parts)
        head, _, tail = body.partition(PLACEHOLDER)
        self._catalogue = catalogue
        self._on_sent = on_sent
        self._ends = io.BytesIO(head), io.BytesIO(tail)
        self._size = len(head) + catalogue.size + len(tail)

    def __len__(self) -> int:
        return self._size

    def rewind(self) -> None:
        for part in (*self._ends, self._catalogue.stream):
            part.seek(0)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, the next ones; all that is left where it is negative."""
        head, tail = self._ends
        stream = self._catalogue.stream
        if size < 0:
            piece = head.read() + stream.read() + tail.read()
        else:
            piece = head.read(size) or stream.read(size) or tail.read(size)
        if self._on_sent is not None:
            self._on_sent(stream.tell(), self._catalogue.size)
        return piece
