"""How a caller may say that a CSV is to be read (contract A1, A3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.feeds import Feed


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """serial_column, name_column, urls_column: headers as they stand in the file, of urls several, `,` between.

    base_url: what stands before URLs without a host. encoding: None to find it out.
    """

    feed: Feed = Feed.AUTO
    serial_column: str | None = None
    name_column: str | None = None
    urls_column: str | None = None
    base_url: str | None = None
    encoding: Encoding | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "feed": self.feed.value,
            "serial_column": self.serial_column,
            "name_column": self.name_column,
            "urls_column": self.urls_column,
            "base_url": self.base_url,
            "encoding": self.encoding and self.encoding.label,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReadingOptions:
        """The inverse of `as_dict`."""
        label = values["encoding"]
        encoding = next((known for known in Encoding if known.label == label), None)
        return cls(**{**values, "feed": Feed(values["feed"]), "encoding": encoding})
