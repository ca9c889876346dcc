"""URLs as release 0.1 found them in a field: the results of its jobs, kept for 90 days, are numbered by them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagemill.domain.catalogue.layout import Layout

#: Between URLs whatever stands around them. The comma is not among them: URLs may hold commas.
SEPARATORS = re.compile(r"[\r\n;|]")
#: An ending such as `.jpg`: the path is complete. `.5` of the transformation `w_0.5` is not one.
FILE_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}\Z")
#: White space of any script, and the control characters C0, DEL and C1.
SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")


def first_release_urls(fields: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """The URLs of a row whose layout has `FIRST_RULES`."""
    [urls] = layout.urls
    own, *further = fields[urls:]
    if not further or any(name.strip() for name in layout.header[urls + 1 :]):
        return split_urls(own)
    return split_urls("\n".join(field for field in (own, *further) if field.strip()))


def split_urls(field: str) -> tuple[str, ...]:
    """URLs of a field, separated by comma, newline, `;` or `|`, without surrounding white space.

    A comma belongs to the URL before it in two cases:
    - that URL has a `?` already, and what follows does not begin with http:// or https://;
    - its path has no file extension yet and goes on behind the comma, as transformations do in
      `https://img.example/c_fill,w_100,h_100/x.jpg`.
    Everything else becomes a piece of its own, valid or not, so that positions are those of the file.
    """
    urls: list[str] = []
    for part in SEPARATORS.split(field):
        if "," in part:
            urls.extend(_split_at_commas(part.split(",")))
        else:
            urls.append(part.strip())
    return tuple(url for url in urls if url)


def _split_at_commas(pieces: Sequence[str]) -> list[str]:
    urls: list[str] = []
    start = 0
    while start < len(pieces):
        end = _end_of_url(pieces, start)
        urls.append(",".join(pieces[start:end]).strip())
        start = end
    return urls


def _end_of_url(pieces: Sequence[str], start: int) -> int:
    """Index behind the last piece of the URL that begins with piece `start`."""
    end = start + 1
    in_query = "?" in pieces[start]
    in_path = _has_open_path(pieces[start])
    while in_query or in_path:
        further = _query_goes_on(pieces, end) if in_query else _path_goes_on(pieces, end)
        if not further:
            break
        end += further
        in_query = in_query or "?" in pieces[end - 1]
        in_path = _has_open_path(pieces[end - 1])
    return end


def _query_goes_on(pieces: Sequence[str], start: int) -> int:
    """How many pieces from `start` on belong to the query. Empty ones do only when more of it follows."""
    for index in range(start, len(pieces)):
        piece = pieces[index].strip()
        if piece:
            return 0 if _begins_url(piece) else index + 1 - start
    return 0


def _path_goes_on(pieces: Sequence[str], start: int) -> int:
    """How many pieces from `start` on belong to the path: up to the first that has a slash."""
    for index in range(start, len(pieces)):
        piece = pieces[index].strip()
        if not piece or "://" in piece or SPACE_OR_CONTROL.search(piece):
            return 0
        if "/" in piece:
            return index + 1 - start
        if FILE_EXTENSION.search(piece):
            return 0
    return 0


def _has_open_path(piece: str) -> bool:
    _, _, behind_scheme = piece.rpartition("://")
    _, slash, path = behind_scheme.partition("/")
    return bool(slash) and not FILE_EXTENSION.search(path.rstrip())


def _begins_url(piece: str) -> bool:
    return piece[:8].lower().startswith(("http://", "https://"))
