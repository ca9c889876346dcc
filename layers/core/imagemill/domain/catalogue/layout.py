"""What inspecting a CSV finds out: all that is needed to read on from any of its chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.faults import MAX_SHOWN_HEADER_CHARACTERS
from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.catalogue.image_urls import ABSOLUTE, UrlFormat
from imagemill.domain.product import ASSUMED_CHUNK_ROWS, chunk_of

#: By which a file's rows and URLs are told apart. What release 0.1 has inspected it has also numbered, by the first
#: rules: rows of delimiters alone were rows, and more commas separated.
FIRST_RULES, RULES = 1, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """header: as in the file. serial, name: indexes into it. urls: of each column with URLs, in the file's order.

    feed: what the columns were recognised by: a `Feed`, or MAPPED. url_format: how the URL fields list URLs.
    damaged: whether bytes of the file may have no meaning in its encoding. preamble: the records before the header,
    which some platforms write and want back. rules: by which the file was inspected and is to be read.
    """

    encoding: Encoding
    bom: bool
    delimiter: str
    header: tuple[str, ...]
    serial: int
    name: int
    urls: tuple[int, ...]
    feed: str = Feed.STANDARD.value
    url_format: UrlFormat = ABSOLUTE
    damaged: bool = False
    preamble: tuple[tuple[str, ...], ...] = ()
    rules: int = RULES

    @property
    def is_export(self) -> bool:
        """Whether the columns were mapped or are a platform's, whose rows need neither URL, nor serial, nor name."""
        return self.feed != Feed.STANDARD.value

    def as_dict(self) -> dict[str, Any]:
        return {
            "encoding": self.encoding.value,
            "bom": self.bom,
            "delimiter": self.delimiter,
            "header": list(self.header),
            "serial": self.serial,
            "name": self.name,
            "urls": list(self.urls),
            "feed": self.feed,
            "base_url": self.url_format.base_url,
            "path_separators": self.url_format.path_separators,
            "no_image": sorted(self.url_format.no_image),
            "damaged": self.damaged,
            "preamble": [list(record) for record in self.preamble],
            "rules": self.rules,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Layout:
        """The inverse of `as_dict`.

        Layouts of release 0.1 have one column of URLs, and nothing of what stands behind it here.
        """
        urls = values["urls"]
        no_image = frozenset(values.get("no_image", ()))
        url_format = UrlFormat(values.get("base_url"), values.get("path_separators"), no_image)
        return cls(
            encoding=Encoding(values["encoding"]),
            bom=bool(values["bom"]),
            delimiter=values["delimiter"],
            header=tuple(values["header"]),
            serial=values["serial"],
            name=values["name"],
            urls=tuple(urls) if isinstance(urls, Sequence) else (urls,),
            feed=values.get("feed", Feed.STANDARD.value),
            url_format=ABSOLUTE if url_format == ABSOLUTE else url_format,
            damaged=bool(values.get("damaged")),
            preamble=tuple(tuple(record) for record in values.get("preamble", ())),
            rules=values.get("rules", FIRST_RULES),
        )

    def described(self) -> dict[str, Any]:
        """How the file was read, as a job's `csv` shows it (contract A4)."""
        shown = [name.strip()[:MAX_SHOWN_HEADER_CHARACTERS] for name in self.header]
        return {
            "encoding": self.encoding.label,
            "delimiter": self.delimiter,
            "feed": self.feed,
            "columns": {
                "serial": shown[self.serial],
                "name": shown[self.name],
                "urls": [shown[index] for index in self.urls],
            },
        }


@dataclass(frozen=True, slots=True)
class Inspection:
    """rows: data rows. chunk_offsets: byte at which the first record of each chunk begins. chunk_rows: of each but the
    last. Results and ledgers are stored by chunk, so it stays with the job as it was when the file was inspected.
    name_offsets: for each chunk whose first product is named above it, the byte at which the record begins that names
    it, else 0; empty where no chunk needs it. version: of the stored object whose bytes these are; None where nobody
    noted it, and then the latest is meant.
    """

    layout: Layout
    rows: int
    chunk_offsets: tuple[int, ...]
    chunk_rows: int = ASSUMED_CHUNK_ROWS
    name_offsets: tuple[int, ...] = ()
    version: str | None = None

    def chunk_of(self, row: int) -> int:
        return chunk_of(row, self.chunk_rows)

    def first_row(self, chunk: int) -> int:
        return chunk * self.chunk_rows + 1

    def rows_in(self, chunk: int) -> int:
        return min(self.chunk_rows, self.rows - chunk * self.chunk_rows)
