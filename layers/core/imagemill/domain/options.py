"""Job options (contract A3): how a caller may ask for a CSV to be read, images to be compressed, and to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imagemill.domain.addresses import literal_address, may_be_called
from imagemill.domain.catalogue.encodings import ENCODING_NAMES, Encoding, encoding_of
from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.web_urls import DEFAULT_PORTS, Origin, WebUrl
from imagemill.errors import InvalidOptionError, InvalidUrlError

#: Longest side that may be asked for, in pixels; WebP ends at 16,383 and JPEG at 65,535.
MAX_SIDE_PIXELS = 16_384
#: Quality scale of libjpeg; above 95 files grow without looking better (Pillow's documentation).
MIN_QUALITY, MAX_QUALITY, DEFAULT_QUALITY = 1, 95, 50
MAX_REFERENCE_CHARACTERS = 256
MAX_WEBHOOK_URL_CHARACTERS = 2_048
#: Of what names columns; S3 takes 2 KB of metadata in all.
MAX_COLUMN_OPTION_CHARACTERS = 2_048
MAX_BASE_URL_CHARACTERS = 1_024


Choice = TypeVar("Choice", bound=StrEnum)


class OutputFormat(StrEnum):
    AUTO = "auto"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    ORIGINAL = "original"


class Metadata(StrEnum):
    STRIP = "strip"
    KEEP = "keep"


class OutputMode(StrEnum):
    """append: the input's columns, then ours. replace: the input's columns, with other URLs."""

    APPEND = "append"
    REPLACE = "replace"


class Reuse(StrEnum):
    """auto: what has not changed since an earlier job is not made again. never: all is made anew."""

    AUTO = "auto"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How each image is compressed.

    quality: 1–95, libjpeg's scale. max_width, max_height: pixels, None for no limit.
    """

    quality: int = DEFAULT_QUALITY
    format: OutputFormat = OutputFormat.AUTO
    max_width: int | None = None
    max_height: int | None = None
    progressive: bool = False
    metadata: Metadata = Metadata.STRIP

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageOptions:
        """The inverse of `as_dict`."""
        return cls(
            quality=values["quality"],
            format=OutputFormat(values["format"]),
            max_width=values["max_width"],
            max_height=values["max_height"],
            progressive=bool(values["progressive"]),
            metadata=Metadata(values["metadata"]),
        )


@dataclass(frozen=True, slots=True)
class JobOptions:
    """All that a caller may say with a CSV."""

    image: ImageOptions = ImageOptions()
    webhook_url: str | None = None
    client_reference: str | None = None
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    output: OutputMode = OutputMode.APPEND
    reuse: Reuse = Reuse.AUTO


IMAGE_OPTION_NAMES = tuple(option.name for option in fields(ImageOptions))
READING_OPTION_NAMES = tuple(option.name for option in fields(ReadingOptions))
OPTION_NAMES = (*IMAGE_OPTION_NAMES, "webhook_url", "client_reference", *READING_OPTION_NAMES, "output", "reuse")
INTEGER_OPTION_NAMES = ("quality", "max_width", "max_height")
BOOLEAN_OPTION_NAMES = ("progressive",)


def parse_options(given: Mapping[str, str], *, allow_http_webhook: bool) -> JobOptions:
    """Read options as text, as form fields, query parameters and S3 metadata give them.

    An empty value means the default. `allow_http_webhook` is true in stage `local` alone.

    Raises:
        InvalidOptionError: for the first option that is unknown or not allowed.
    """
    unknown = sorted(set(given) - set(OPTION_NAMES))
    if unknown:
        raise InvalidOptionError(unknown[0], f"unknown; known are {', '.join(OPTION_NAMES)}")
    present = {name: value.strip() for name, value in given.items() if value.strip()}
    image = ImageOptions(
        quality=_integer(present, "quality", MIN_QUALITY, MAX_QUALITY) or DEFAULT_QUALITY,
        format=_choice(present, "format", OutputFormat) or OutputFormat.AUTO,
        max_width=_integer(present, "max_width", 1, MAX_SIDE_PIXELS),
        max_height=_integer(present, "max_height", 1, MAX_SIDE_PIXELS),
        progressive=_boolean(present, "progressive"),
        metadata=_choice(present, "metadata", Metadata) or Metadata.STRIP,
    )
    reference = present.get("client_reference")
    if reference is not None and len(reference) > MAX_REFERENCE_CHARACTERS:
        raise InvalidOptionError("client_reference", f"at most {MAX_REFERENCE_CHARACTERS} characters")
    return JobOptions(
        image,
        _webhook_url(present, allow_http=allow_http_webhook),
        reference,
        _reading(present),
        _choice(present, "output", OutputMode) or OutputMode.APPEND,
        _choice(present, "reuse", Reuse) or Reuse.AUTO,
    )


def _reading(given: Mapping[str, str]) -> ReadingOptions:
    for name in ("serial_column", "name_column", "urls_column"):
        if len(given.get(name, "")) > MAX_COLUMN_OPTION_CHARACTERS:
            raise InvalidOptionError(name, f"at most {MAX_COLUMN_OPTION_CHARACTERS:,} characters")
    return ReadingOptions(
        _choice(given, "feed", Feed) or Feed.AUTO,
        given.get("serial_column"),
        given.get("name_column"),
        given.get("urls_column"),
        _base_url(given),
        _encoding(given),
    )


def _encoding(given: Mapping[str, str]) -> Encoding | None:
    label = given.get("encoding")
    if label is None:
        return None
    encoding = encoding_of(label)
    if encoding is None:
        raise InvalidOptionError("encoding", f"one of {', '.join(ENCODING_NAMES)}, or another label of these")
    return encoding


def _base_url(given: Mapping[str, str]) -> str | None:
    url = given.get("base_url")
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        acceptable = parts.scheme.lower() in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    except ValueError:
        acceptable = False
    if not acceptable or not url.isprintable() or "#" in url or len(url) > MAX_BASE_URL_CHARACTERS:
        allowed = f"the beginning of an http or https URL, with a host, at most {MAX_BASE_URL_CHARACTERS:,} characters"
        raise InvalidOptionError("base_url", allowed)
    return url


def _integer(given: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise InvalidOptionError(name, f"a whole number from {low} to {high}")
    return int(text)


def _choice(given: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        return choices(text.lower())
    except ValueError:
        raise InvalidOptionError(name, f"one of {', '.join(choices)}") from None


def _boolean(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise InvalidOptionError(name, "true or false")
    return text == "true"


def _webhook_url(given: Mapping[str, str], *, allow_http: bool) -> str | None:
    url = given.get("webhook_url")
    return None if url is None else require_webhook_url(url, allow_http=allow_http)


def require_webhook_url(url: str, *, allow_http: bool) -> str:
    """The URL, if a webhook may have it. `allow_http` is true in stage `local` alone.

    Raises:
        InvalidOptionError: saying what is allowed.
    """
    schemes = ("http", "https") if allow_http else ("https",)
    allowed = f"an absolute {' or '.join(schemes)} URL, no credentials, at most {MAX_WEBHOOK_URL_CHARACTERS} characters"
    if len(url) > MAX_WEBHOOK_URL_CHARACTERS or not url.isprintable() or " " in url:
        raise InvalidOptionError("webhook_url", allowed)
    try:
        origin = WebUrl.parse(url).origin
    except InvalidUrlError as refused:
        raise InvalidOptionError("webhook_url", f"{allowed}; this one is refused: {refused}") from None
    if origin.scheme not in schemes:
        raise InvalidOptionError("webhook_url", allowed)
    if reason := why_never_called(origin, is_local=allow_http):
        raise InvalidOptionError("webhook_url", f"a URL that can be called from the internet; {reason}")
    return url


def why_never_called(origin: Origin, *, is_local: bool) -> str | None:
    """Why the guard refuses an origin whatever its name resolves to (design B6); None when it depends on that."""
    if not is_local and origin.port not in DEFAULT_PORTS.values():
        return f"port {origin.port} is never called, 80 and 443 alone are"
    address = literal_address(origin.host)
    if address and not may_be_called(address, allow_loopback=is_local):
        return "its address is not a public one"
    if not is_local and f".{origin.host}".endswith(".localhost"):
        return "its host is always the caller's own machine (RFC 6761)"
    return None
