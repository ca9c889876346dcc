"""The URLs of a product: finding them in a field that lists them, and telling which can be fetched at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imagemill.domain.web_urls import WebUrl
from imagemill.errors import InvalidUrlError

MAX_URL_CHARACTERS = 2_048

#: Characters without a shape that come along when text is copied: soft hyphen, Mongolian vowel separator, zero-width
#: space, joiners and direction marks, word joiner, byte order mark.
INVISIBLE = (
    "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
#: `str.isspace` of Unicode 15 (PropList.txt: White_Space), and the separators of Latin-1's control characters.
WHITE_SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\u00a0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
#: Between URLs, and dropped around them.
SEPARATORS = ",;|" + WHITE_SPACE + INVISIBLE
_SEPARATORS = frozenset(SEPARATORS)
#: Control characters C0, DEL and C1, Unicode's line breaks, its surrogates and two of its noncharacters: no URL
#: holds them.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
#: `&` as HTML writes it; WordPress writes its number.
ENTITY = re.compile(r"&(?:amp|#0*38|#x0*26);", re.IGNORECASE)
MAX_ENTITY_CHARACTERS = 12
_OPEN_ENTITY = re.compile(r"&(?:amp|#0*38|#x0*26)\Z", re.IGNORECASE)
#: A JSON array of strings, and its strings.
_JSON_ARRAY = re.compile(r'\s*\[\s*(?:"(?:[^"\\]|\\.)*+"\s*+(?:,\s*+(?=")|(?=\])))*+\]\s*\Z', re.DOTALL)
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
#: The plain list that nearly all fields are: nothing in it but full URLs and commas.
_PLAIN = re.compile(r"https?://[!#-%'-+.-:<-Z\\-{}~-]+(?:,https?://[!#-%'-+.-:<-Z\\-{}~-]+)*+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PATH_SEPARATOR = re.compile(r"[,;|\r\n]")
#: Where a path ends as files do: what follows a separator behind it may be another one.
_FILE_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}(?:\?.*)?\Z")


@dataclass(frozen=True, slots=True)
class UrlFormat:
    """How the fields of a catalogue list URLs.

    base_url: what stands before URLs without a host, None where there are none. path_separators: what separates
    these; None where nobody knows. no_image: what stands where there is no image.
    """

    base_url: str | None = None
    path_separators: str | None = None
    no_image: frozenset[str] = frozenset()


ABSOLUTE = UrlFormat()


@dataclass(frozen=True, slots=True)
class UrlPlace:
    """A URL, and where the field has it: what is to be replaced when another takes its place."""

    url: str
    begin: int
    end: int


def split_urls(field: str, urls: UrlFormat = ABSOLUTE) -> tuple[str, ...]:
    """URLs of a field, without what surrounds them.

    A comma, `;`, `|` or white space separates only where the next piece begins with http://, https:// or //, and all
    else stays in the URL. Where there is a base URL, paths are separated as the feed separates them. What stands
    before the first URL is a piece of its own, so that positions are those of the file. A JSON array of strings is
    a list. `&amp;` is `&`, `//host/…` is https.
    """
    if _PLAIN.fullmatch(field):
        return tuple(field.split(","))
    if urls.base_url is None and not urls.no_image and "[" not in field:
        return tuple([_url(field[begin:end]) for begin, end in _pieces(field, 0, len(field))])
    return tuple(place.url for place in find_urls(field, urls))


def find_urls(field: str, urls: UrlFormat = ABSOLUTE) -> list[UrlPlace]:
    """The URLs that `split_urls` gives, with their places. Those of a JSON array are places of its strings."""
    if _JSON_ARRAY.match(field):
        return list(_listed(field, urls))
    if urls.base_url is None:
        spans = _pieces(field, 0, len(field))
    else:
        spans = [span for begin, end in _paths(field, urls.path_separators) for span in _pieces(field, begin, end)]
    return [
        UrlPlace(_completed(_url(field[begin:end]), urls.base_url), begin, end)
        for begin, end in spans
        if field[begin:end] not in urls.no_image
    ]


def with_urls(field: str, urls: UrlFormat, others: Mapping[str, str]) -> str:
    """The field with other URLs in place of those that have one; all else is as it was."""
    kept: list[str] = []
    done = 0
    is_json = _JSON_ARRAY.match(field) is not None
    for place in find_urls(field, urls):
        other = others.get(place.url)
        if other is not None:
            kept += [field[done : place.begin], json.dumps(other) if is_json else other]
            done = place.end
    return "".join([*kept, field[done:]])


def is_valid_url(url: str) -> bool:
    """Whether it is an absolute http or https URL that may be tried (see `WebUrl.parse`), not too long.

    Spaces in path and query are sent as %20, as browsers do. Where the host points to is not looked at.
    """
    if is_hopeless(url):
        return False
    try:
        WebUrl.parse(url)
    except InvalidUrlError:
        return False
    return True


def is_hopeless(url: str) -> bool:
    """Whether it is invalid for its length or its characters, which is soon told."""
    return len(url) > MAX_URL_CHARACTERS or CONTROL.search(url) is not None


def _pieces(field: str, first: int, last: int) -> list[tuple[int, int]]:
    """Begin and end of each piece between two places of a field, without separators around it."""
    begins = [first]
    slashes = field.find("//", first, last)
    while slashes >= 0:
        begin = _begin_of_url(field, first, slashes)
        if begin > first and field[begin - 1] in _SEPARATORS and not _ends_entity(field, begin - 1):
            begins.append(begin)
        slashes = field.find("//", slashes + 2, last)
    spans: list[tuple[int, int]] = []
    for begin, end in zip(begins, [*begins[1:], last], strict=True):
        piece = field[begin:end]
        stripped = piece.lstrip(SEPARATORS)
        length = len(stripped.rstrip(SEPARATORS))
        length += _ends_entity(stripped, length)
        if length:
            start = end - len(stripped)
            spans.append((start, start + length))
    return spans


def _ends_entity(text: str, at: int) -> bool:
    """Whether there is a `;` that belongs to an entity, and so separates nothing."""
    if text[at : at + 1] != ";":
        return False
    return _OPEN_ENTITY.search(text, max(0, at - MAX_ENTITY_CHARACTERS), at) is not None


def _begin_of_url(field: str, first: int, slashes: int) -> int:
    """Where the URL begins whose host follows these slashes; -1 for slashes without a host, or of another scheme."""
    if slashes > first and field[slashes - 1] == ":":
        for scheme in ("https:", "http:"):
            begin = slashes - len(scheme)
            if begin >= first and field[begin:slashes].lower() == scheme:
                return begin
        return -1
    behind = field[slashes + 2 : slashes + 3]
    return -1 if not behind or behind == "/" or behind in _SEPARATORS else slashes


def _url(piece: str) -> str:
    if "&" in piece:
        piece = ENTITY.sub("&", piece)
    return f"https:{piece}" if piece.startswith("//") and piece[2:3] not in {"", "/"} else piece


def _completed(url: str, base_url: str | None) -> str:
    """With the base before it, unless it names a scheme. A base with a `?` is a beginning to be gone on with."""
    if base_url is None or _SCHEME.match(url):
        return url
    return base_url + url if "?" in base_url else f"{base_url.rstrip('/')}/{url.lstrip('/')}"


def _listed(field: str, urls: UrlFormat) -> Iterator[UrlPlace]:
    """The strings of a JSON array that hold something."""
    for string in _JSON_STRING.finditer(field):
        try:
            text = json.loads(string[0], strict=False)
            text.encode()
        except ValueError:
            text = string[0]
        piece = text.strip(SEPARATORS)
        if piece and piece not in urls.no_image:
            yield UrlPlace(_completed(_url(piece), urls.base_url), string.start(), string.end())


def _paths(field: str, separators: str | None) -> Iterator[tuple[int, int]]:
    """Begin and end of each piece between separators of paths."""
    begin = 0
    for found in _PATH_SEPARATOR.finditer(field):
        at, character = found.start(), found[0]
        if character in "\r\n" or (
            _separates_paths(field, begin, at) if separators is None else character in separators
        ):
            yield begin, at
            begin = at + 1
    yield begin, len(field)


def _separates_paths(field: str, begin: int, at: int) -> bool:
    """Where nobody knows: a path follows that begins with a slash, or that ends as a file as the one before it does."""
    if field[at + 1 : at + 2] in _SEPARATORS:
        return True
    following = field[at + 1 : at + 1 + MAX_URL_CHARACTERS]
    if following.startswith("/"):
        return True
    following = _PATH_SEPARATOR.split(following, maxsplit=1)[0]
    before = field[max(begin, at - MAX_URL_CHARACTERS) : at]
    return bool(_FILE_EXTENSION.search(before.rstrip()) and _FILE_EXTENSION.search(following.rstrip()))
