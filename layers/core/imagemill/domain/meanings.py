"""What every code means, who can mend it and how: the words that OpenAPI, console, clients and docs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from imagemill.domain.codes import FileCode, ImageCode, RowCode


class Mender(StrEnum):
    """Who can do something about a code."""

    CATALOGUE = "whoever writes the CSV"
    ORIGIN = "the origin"
    CALLER = "you, by another request"
    OPERATOR = "the operator"


@dataclass(frozen=True, slots=True)
class Meaning:
    """means: what has happened. mender, way_out: who can mend it, and how. again: when it is tried again by itself.

    reasons: by the word that an image's `reason` has, what it says.
    """

    means: str
    mender: Mender
    way_out: str
    again: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)


FILE_MEANINGS: Mapping[FileCode, Meaning] = {
    FileCode.EMPTY_FILE: Meaning("nothing but blank lines", Mender.CATALOGUE, "export it again"),
    FileCode.NOT_TEXT: Meaning(
        "a workbook, an archive, or bytes that no encoding explains", Mender.CATALOGUE, "save it as 'CSV UTF-8'"
    ),
    FileCode.MISSING_COLUMNS: Meaning(
        "a column is not found; names it, and the headers that are there",
        Mender.CATALOGUE,
        "rename the headers, name yours in the options, or hand in a platform's export as it is",
    ),
    FileCode.NO_ROWS: Meaning("a header alone", Mender.CATALOGUE, "add products"),
    FileCode.MALFORMED_CSV: Meaning(
        "a record cannot be read; names its line", Mender.CATALOGUE, "mend the quotes there"
    ),
    FileCode.TOO_MANY_ROWS: Meaning("over 1,000,000", Mender.CATALOGUE, "split the file"),
    FileCode.FILE_TOO_LARGE: Meaning(
        "over 4 MiB in a request (413), over 1 GiB in all", Mender.CALLER, "use `POST /uploads`; split the file"
    ),
    FileCode.INVALID_OPTION: Meaning(
        "an option is unknown, out of range, or names no column", Mender.CALLER, "it says what is allowed"
    ),
    FileCode.UPLOAD_EXPIRED: Meaning(
        "announced, and not uploaded within two hours", Mender.CALLER, "announce it again"
    ),
    FileCode.INGEST_FAILED: Meaning(
        "our fault: reading failed again and again", Mender.OPERATOR, "submit it again; tell the operator"
    ),
    FileCode.REPORT_FAILED: Meaning(
        "our fault: the output could not be written for days", Mender.OPERATOR, "submit it again; tell the operator"
    ),
}

ROW_MEANINGS: Mapping[RowCode, Meaning] = {
    RowCode.MISSING_SERIAL: Meaning("the serial is empty", Mender.CATALOGUE, "fill it in"),
    RowCode.SERIAL_TOO_LONG: Meaning("the serial has over 128 characters", Mender.CATALOGUE, "shorten it"),
    RowCode.MISSING_NAME: Meaning("the name is empty", Mender.CATALOGUE, "fill it in"),
    RowCode.NAME_TOO_LONG: Meaning("the name has over 512 characters", Mender.CATALOGUE, "shorten it"),
    RowCode.NO_IMAGE_URLS: Meaning("no image URL is given", Mender.CATALOGUE, "fill in one or more"),
    RowCode.TOO_MANY_IMAGES: Meaning("over 100 image URLs are given", Mender.CATALOGUE, "split the product"),
    RowCode.SURPLUS_FIELDS: Meaning(
        "more fields than columns: a delimiter in a field without quotes", Mender.CATALOGUE, "quote the field"
    ),
    RowCode.INVALID_ENCODING: Meaning(
        "bytes that have no meaning in the file's encoding",
        Mender.CATALOGUE,
        "write the row anew, or name the encoding in the option `encoding`",
    ),
}

_OUR_FAULT = "retry the job; tell the operator when it stays"

IMAGE_MEANINGS: Mapping[ImageCode, Meaning] = {
    ImageCode.INVALID_URL: Meaning(
        "not an absolute http(s) URL that can be fetched",
        Mender.CATALOGUE,
        "correct the URL; `base_url` completes those without a host",
    ),
    ImageCode.BLOCKED_ADDRESS: Meaning(
        "leads to an address or port that is not public", Mender.CATALOGUE, "put the image where anybody can fetch it"
    ),
    ImageCode.DNS_FAILURE: Meaning(
        "the name has no address", Mender.CATALOGUE, "correct the name, or let it be registered", "yes"
    ),
    ImageCode.CONNECT_FAILED: Meaning(
        "refused, reset, or no answer within 5 s", Mender.ORIGIN, "let the server answer, then retry the job", "yes"
    ),
    ImageCode.TLS_FAILURE: Meaning(
        "the certificate is not valid for the name",
        Mender.ORIGIN,
        "renew the certificate, for this name and with its whole chain",
        reasons={
            "EXPIRED": "it has expired, or is not valid yet",
            "WRONG_HOST": "it is for another name",
            "SELF_SIGNED": "nobody but the server itself vouches for it",
            "INCOMPLETE_CHAIN": "the server does not send the certificates between its own and a known one",
            "OTHER": "the connection was not agreed upon for another reason",
        },
    ),
    ImageCode.TIMEOUT: Meaning(
        "not here within 30 s", Mender.ORIGIN, "let the server answer faster, then retry the job", "yes"
    ),
    ImageCode.HTTP_STATUS: Meaning(
        "an answer without the image",
        Mender.ORIGIN,
        "by its `http_status`: 404, 410: correct the URL; 401, 403: let the mill in; 429, 5xx: retry the job later",
        "408, 425, 5xx; 429 and 503 are waited for",
    ),
    ImageCode.TOO_MANY_REDIRECTS: Meaning("more than three", Mender.ORIGIN, "name the URL that they lead to"),
    ImageCode.TOO_LARGE: Meaning("over 50 MiB", Mender.ORIGIN, "offer a smaller file"),
    ImageCode.TRUNCATED_BODY: Meaning(
        "fewer bytes than were announced", Mender.ORIGIN, "mend what breaks off there, then retry the job", "yes"
    ),
    ImageCode.NOT_AN_IMAGE: Meaning(
        "a web page, an empty body, or another kind of file",
        Mender.ORIGIN,
        "name the URL of the image itself; where a page asks who is there, let the mill in",
        reasons={
            "WEB_PAGE": "a web page: of an error, a log-in, or a guard against robots",
            "EMPTY": "nothing at all",
            "JSON": "JSON, as interfaces answer",
            "PDF": "a PDF document",
            "VIDEO": "a film",
            "COMPRESSED": "an encoding that was not asked for, and that cannot be undone",
            "OTHER": "another kind of file",
        },
    ),
    ImageCode.UNSUPPORTED_FORMAT: Meaning(
        "an image, but none of the formats that are read; `reason` names its format",
        Mender.ORIGIN,
        "offer it as JPEG, PNG or WebP",
    ),
    ImageCode.CORRUPT_IMAGE: Meaning("damaged or cut off", Mender.ORIGIN, "upload the image there again"),
    ImageCode.TOO_MANY_PIXELS: Meaning("over the limit", Mender.ORIGIN, "offer a smaller picture"),
    ImageCode.ENCODE_FAILED: Meaning(
        "cannot be written in the format asked for", Mender.CALLER, "ask for another `format`"
    ),
    ImageCode.TOO_LARGE_TO_PROCESS: Meaning(
        "takes more memory than a worker has, and `reason` may say how many megapixels would do; "
        "or a file of far more parts than its picture calls for",
        Mender.ORIGIN,
        "offer a smaller picture, or ask for another `format`",
    ),
    ImageCode.PROCESSING_TIMEOUT: Meaning(
        "takes far longer to decode or to encode than a picture of its size",
        Mender.ORIGIN,
        "offer a sound file, or ask for another `format`",
    ),
    ImageCode.STORE_FAILED: Meaning("our fault: it could not be stored", Mender.OPERATOR, _OUR_FAULT, "yes"),
    ImageCode.PROCESSING_CRASHED: Meaning(
        "our fault: its decoder or its worker crashed, or its message vanished", Mender.OPERATOR, _OUR_FAULT
    ),
    ImageCode.CANCELLED: Meaning("the run was cancelled before it", Mender.CALLER, "retry the job"),
}

#: Of every code of files, rows and images. The three have no code in common.
MEANINGS: Mapping[str, Meaning] = {
    **{code.value: meaning for code, meaning in FILE_MEANINGS.items()},
    **{code.value: meaning for code, meaning in ROW_MEANINGS.items()},
    **{code.value: meaning for code, meaning in IMAGE_MEANINGS.items()},
}
