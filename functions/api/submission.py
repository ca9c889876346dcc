"""What a caller hands in with `POST /jobs`: a CSV and options, as a form or as a raw body."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO
from pathlib import PureWindowsPath
from typing import Any

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from imagemill.domain.codes import FileCode
from imagemill.domain.job import options_as_dict
from imagemill.domain.options import JobOptions, parse_options

from .problems import ProblemError

#: The largest CSV taken in a request, in bytes (contract A7; a Lambda payload holds 6 MB in base64).
MAX_REQUEST_CSV_BYTES = 4 * 1024 * 1024
MAX_FILENAME_CHARACTERS = 255
DEFAULT_FILENAME = "products.csv"


@dataclass(frozen=True, slots=True)
class Submission:
    csv: bytes
    filename: str
    options: JobOptions

    @property
    def content_hash(self) -> str:
        """Equal for two requests that ask for the same."""
        options = json.dumps(options_as_dict(self.options), sort_keys=True)
        return sha256(options.encode() + b"\0" + self.csv).hexdigest()


def read_submission(event: Mapping[str, Any], query: Mapping[str, str], *, allow_http_webhook: bool) -> Submission:
    """Read the request of a REST API proxy event. query: its parameters without `dry_run`.

    Raises:
        ProblemError: 400 for a body that cannot be read or has no file, 413, 415.
        InvalidOptionError: for an option that is unknown or not allowed.
    """
    body, content_type = decoded_body(event), _content_type(event)
    match media_type_of(event):
        case "text/csv":
            csv, filename, options = body, DEFAULT_FILENAME, dict(query)
        case "multipart/form-data":
            # A form field overrides the query parameter of the same name, which has to be valid all the same.
            parse_options(query, allow_http_webhook=allow_http_webhook)
            csv, filename, fields = _form(content_type, body)
            options = {**query, **fields}
        case _:
            raise unsupported_media_type()
    if len(csv) > MAX_REQUEST_CSV_BYTES:
        raise _too_large(len(csv))
    return Submission(csv, filename, parse_options(options, allow_http_webhook=allow_http_webhook))


def media_type_of(event: Mapping[str, Any]) -> str:
    """In lower case, without parameters; empty for none."""
    return _content_type(event).partition(";")[0].strip().lower()


def _content_type(event: Mapping[str, Any]) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return headers.get("content-type") or ""


def decoded_body(event: Mapping[str, Any]) -> bytes:
    """The body's bytes. Raises ProblemError, 400, when they are not the base64 that they are said to be."""
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise unreadable("the body is not what its encoding says") from None


def _form(content_type: str, body: bytes) -> tuple[bytes, str, dict[str, str]]:
    """The CSV, its file name and the other fields of a form."""
    files: list[File] = []
    fields: list[Field] = []
    headers = {"Content-Type": content_type.encode(), "Content-Length": str(len(body)).encode()}
    try:
        parse_form(headers, BytesIO(body), fields.append, files.append)
    except (FormParserError, ValueError):
        raise unreadable("the form is malformed, or its boundary is missing") from None
    csvs = [file for file in files if file.field_name == b"file"]
    if len(csvs) != 1:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "MISSING_FILE",
            f"The form must have one file in the field 'file'; it has {len(csvs)}.",
        )
    csv = csvs[0]
    csv.file_object.seek(0)
    options = {_text(field.field_name): _text(field.value) for field in fields}
    return csv.file_object.read(), printable_filename(_text(csv.file_name)), options


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def printable_filename(given: str) -> str:
    """The last part of the path that a browser may have sent, printable and of bounded length."""
    name = "".join(character for character in PureWindowsPath(given).name if character.isprintable())
    return name[-MAX_FILENAME_CHARACTERS:] or DEFAULT_FILENAME


def unsupported_media_type() -> ProblemError:
    return ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "Send the CSV as multipart/form-data in the field 'file', or as a raw body of type text/csv; or its "
        'address as application/json: {"source_url": "https://…"}.',
    )


def unreadable(why: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", f"The request cannot be read: {why}.")


def _too_large(size: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        FileCode.FILE_TOO_LARGE.value,
        f"The CSV has {size:,} bytes; a request takes {MAX_REQUEST_CSV_BYTES:,}. Use POST /uploads for larger ones.",
    )
