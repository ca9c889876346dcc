"""URLs as shops write them, read as browsers read them (WHATWG URL Standard), and refused when in doubt."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from encodings.idna import nameprep
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from imagemill.errors import InvalidUrlError

#: Above the 8,000 octets that everyone should take (RFC 9110 section 4.1); CSVs have their own, lower, limit.
MAX_URL_CHARACTERS = 8_192
#: Of a host name in its ASCII form (RFC 1035 section 2.3.4).
MAX_HOST_CHARACTERS = 253
DEFAULT_PORTS = {"http": 80, "https": 443}

#: Sent as they are. Escapes that are there already are left alone, valid or not: signatures cover them.
PATH_CHARACTERS = "!$%&'()*+,-./:;=@[]_|~"
QUERY_CHARACTERS = "!$%&()*+,-./:;=?@[\\]^_`{|}~"

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
#: Host and port. No `@`: credentials are refused, and so is what another parser might take for them.
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:@\\]+))(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
#: The full stop, and what IDNA takes for one (RFC 3490 section 3.1).
_LABEL_SEPARATOR = re.compile("[.\u3002\uff0e\uff61]")
#: Letters that browsers keep (UTS #46, non-transitional) where the older `nameprep` spells them ss and σ.
_DEVIATION = re.compile("([ßς])")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads. `host` is lower-case ASCII; an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A URL ready to be requested. `target` is path and query in ASCII, as the request line has them."""

    origin: Origin
    target: str

    @classmethod
    def parse(cls, text: str) -> WebUrl:
        """Read an absolute URL; spaces around it and its fragment are dropped.

        Raises:
            InvalidUrlError: other schemes, credentials, control characters, an impossible host or port.
        """
        text = text.strip(" ")
        if len(text) > MAX_URL_CHARACTERS:
            raise InvalidUrlError("longer than 8,192 characters")
        if _CONTROL_CHARACTER.search(text):
            raise InvalidUrlError("control character")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise InvalidUrlError("not a URL") from error
        if parts.scheme not in DEFAULT_PORTS:
            raise InvalidUrlError("neither http nor https")
        authority = _AUTHORITY.fullmatch(parts.netloc)
        if authority is None:
            raise InvalidUrlError("credentials, no host, or one that cannot be")
        host = _ascii_host(authority["name"]) if authority["name"] else _ipv6(authority["ipv6"])
        port = int(authority["port"] or DEFAULT_PORTS[parts.scheme])
        if not 1 <= port <= 65_535:
            raise InvalidUrlError("impossible port")
        path = _without_dot_segments(parts.path.replace("\\", "/"))
        query = f"?{_escaped(parts.query, QUERY_CHARACTERS)}" if parts.query else ""
        return cls(Origin(parts.scheme, host, port), _escaped(path, PATH_CHARACTERS) + query)

    def redirected(self, location: str) -> WebUrl:
        """The URL that a `Location` field of this URL's response names; it may be relative.

        From https it leads to https always, as browsers upgrade images (W3C Mixed Content, section 4.1): what
        was asked for in private is not fetched in the clear because a server does not know that it has TLS.

        Raises:
            InvalidUrlError: as `parse` does.
        """
        try:
            url = self.parse(urljoin(f"{self.origin}{self.target}", location.strip(" ")))
        except ValueError as error:
            raise InvalidUrlError("redirect to what is no URL") from error
        if self.origin.scheme == "https" and url.origin.scheme == "http":
            port = DEFAULT_PORTS["https"] if url.origin.port == DEFAULT_PORTS["http"] else url.origin.port
            return replace(url, origin=Origin("https", url.origin.host, port))
        return url


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError as error:
        raise InvalidUrlError("no IPv6 address") from error


@lru_cache(maxsize=1_024)
def _ascii_host(name: str) -> str:
    """The host as DNS knows it. One trailing dot is dropped: with and without it, the same host is meant."""
    # Its ASCII form is never shorter in practice, and Punycode takes time by the square of a label's length.
    if len(name) > MAX_HOST_CHARACTERS + 1:
        raise InvalidUrlError("a host longer than any")
    try:
        labels = [_ascii_label(label) for label in _LABEL_SEPARATOR.split(name)]
    except UnicodeError as error:
        raise InvalidUrlError("host with letters that no host has") from error
    if labels[-1] == "":
        labels.pop()
    host = ".".join(labels)
    if not labels or len(host) > MAX_HOST_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidUrlError("no host, or one that cannot be")
    return host


def _ascii_label(label: str) -> str:
    lower = label.lower()
    if lower.isascii():
        return lower
    prepared = "".join(part if _DEVIATION.fullmatch(part) else nameprep(part) for part in _DEVIATION.split(lower))
    return prepared if prepared.isascii() else f"xn--{prepared.encode('punycode').decode('ascii')}"


def _without_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4: object stores take `/a/../b` literally, browsers never send it."""
    segments = path.split("/")[1:] or [""]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _escaped(text: str, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError as error:
        raise InvalidUrlError("half a surrogate pair") from error
