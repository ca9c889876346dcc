"""Which columns of a shop's CSV are the serial, the name and the image URLs (contract A1).

Three ways, in this order: the job's options name them; the standard headers; a platform's export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from imagemill.domain.catalogue.feeds import FEEDS, MAPPED, Feed, FeedColumns
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.errors import InvalidOptionError


class Column(StrEnum):
    SERIAL = "serial"
    NAME = "name"
    URLS = "urls"


#: Headers by preference: of serial and name the first that a file has, of URLs all of them.
ACCEPTED_HEADERS = {
    Column.SERIAL: ("S. No.", "S.No", "Serial Number", "Sr No", "No"),
    Column.NAME: ("Product Name", "Product", "Name"),
    Column.URLS: ("Input Image Urls", "Input Image URL", "Image Urls", "Images"),
}

#: What people type differently. `\s` holds the non-breaking space; U+FEFF is a byte order mark in the text.
IGNORED_IN_HEADERS = re.compile(r"[\s._\ufeff]+")
#: Stands for a number at an end of what `urls_column` names.
WILDCARD = "*"
_PLACEHOLDERS = {"<n>": r"\d+", "<any>": r".*"}
_SPLIT_PLACEHOLDERS = re.compile(r"(<n>|<any>)")

Found = Mapping[Column, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Columns:
    """indexes: of each column that was found, of serial and name one. feed: how they were found.

    path_separators, no_image: see `FeedColumns`; None where the feed does not say how it separates paths.
    """

    indexes: Found
    feed: str
    path_separators: str | None = None
    no_image: frozenset[str] = frozenset()

    @property
    def missing(self) -> list[Column]:
        return [column for column in Column if column not in self.indexes]


def find_columns(header: Sequence[str], reading: ReadingOptions) -> Columns:
    """The columns by the first of the three ways that finds all, else those that the first one finds.

    Raises:
        InvalidOptionError: when an option names no column, or one twice.
    """
    mapped = dict(_mapped(header, reading))
    ways = list(_ways(header, reading))
    if not mapped:
        return next((way for way in ways if not way.missing), ways[0])
    named = next((way for way in ways if not set(way.missing) - set(mapped)), ways[0])
    indexes = {**named.indexes, **mapped}
    taken = [index for column in Column if column in indexes for index in indexes[column]]
    if len(set(taken)) < len(taken):
        twice = next(name for column, name in _names(reading) if column in mapped)
        raise InvalidOptionError(twice, "names a column that another option, or the same one, names already")
    exported = named if reading.feed not in {Feed.AUTO, Feed.STANDARD} else None
    return Columns(
        indexes,
        reading.feed.value if exported else MAPPED,
        exported.path_separators if exported else None,
        exported.no_image if exported else frozenset(),
    )


def _ways(header: Sequence[str], reading: ReadingOptions) -> Iterator[Columns]:
    """At least one."""
    folded = [_folded(name) for name in header]
    if reading.feed in {Feed.AUTO, Feed.STANDARD}:
        yield Columns(_found(folded, ACCEPTED_HEADERS), Feed.STANDARD.value)
    if reading.feed is not Feed.STANDARD:
        for feed in FEEDS:
            if reading.feed is feed.feed or (reading.feed is Feed.AUTO and _is_marked(folded, feed)):
                headers = {Column.SERIAL: feed.serial, Column.NAME: feed.name, Column.URLS: feed.urls}
                yield Columns(_found(folded, headers), feed.feed.value, feed.path_separators, feed.no_image)


def _found(folded: Sequence[str], headers: Mapping[Column, Sequence[str]]) -> Found:
    found: dict[Column, tuple[int, ...]] = {}
    for column, accepted in headers.items():
        patterns = [_pattern(name) for name in accepted]
        if column is Column.URLS:
            present = [
                index for index, name in enumerate(folded) if any(pattern.fullmatch(name) for pattern in patterns)
            ]
        else:
            present = [index for pattern in patterns for index, name in enumerate(folded) if pattern.fullmatch(name)][
                :1
            ]
        if present:
            found[column] = tuple(present)
    return found


def _is_marked(folded: Sequence[str], feed: FeedColumns) -> bool:
    return all(any(_pattern(mark).fullmatch(name) for name in folded) for mark in feed.marks)


@cache
def _pattern(header: str) -> re.Pattern[str]:
    """Matches folded headers. `<n>` stands for a number, `<any>` for any text."""
    parts = _SPLIT_PLACEHOLDERS.split(header)
    return re.compile("".join(_PLACEHOLDERS.get(part) or re.escape(_folded(part)) for part in parts), re.DOTALL)


def _names(reading: ReadingOptions) -> Iterator[tuple[Column, str]]:
    """The options that name columns, as far as they are given."""
    for column in Column:
        option = f"{column.value}_column"
        if getattr(reading, option):
            yield column, option


def _mapped(header: Sequence[str], reading: ReadingOptions) -> Iterator[tuple[Column, tuple[int, ...]]]:
    for column, option in _names(reading):
        given: str = getattr(reading, option)
        if column is Column.URLS:
            indexes = _listed(header, given, option)
        else:
            indexes = _indexes(header, given)[:1]
            if not indexes:
                raise InvalidOptionError(option, f"names no column: '{given}'")
        yield column, tuple(indexes)


def _listed(header: Sequence[str], given: str, option: str) -> list[int]:
    """The columns of a list of headers, in the file's order. A header may hold commas itself: the longest is meant."""
    pieces = given.split(",")
    found: list[int] = []
    start = 0
    while start < len(pieces):
        for end in range(len(pieces), start, -1):
            indexes = _indexes(header, ",".join(pieces[start:end]))
            if indexes:
                break
        else:
            raise InvalidOptionError(option, f"names no column: '{pieces[start].strip()}'")
        if set(indexes) & set(found):
            raise InvalidOptionError(option, f"names a column twice: '{pieces[start].strip()}'")
        found += indexes
        start = end
    return sorted(found)


def _indexes(header: Sequence[str], given: str) -> list[int]:
    """As it stands in the file; or else but for case, spaces, dots and underscores; or else with a wildcard."""
    name = given.strip()
    exact = [index for index, found in enumerate(header) if found.strip() == name]
    if exact or not name:
        return exact
    folded = [index for index, found in enumerate(header) if _folded(found) == _folded(name)]
    if folded or WILDCARD not in {name[0], name[-1]}:
        return folded
    text = name.removeprefix(WILDCARD) if name.startswith(WILDCARD) else name.removesuffix(WILDCARD)
    numbered = f"<n>{text}" if name.startswith(WILDCARD) else f"{text}<n>"
    return [index for index, found in enumerate(header) if _pattern(numbered).fullmatch(_folded(found))]


def is_header(found: str, name: str) -> bool:
    """Whether a header of a file is this one, but for what people type differently."""
    return _folded(found) == _folded(name)


def _folded(header: str) -> str:
    return IGNORED_IN_HEADERS.sub("", header).lower()
