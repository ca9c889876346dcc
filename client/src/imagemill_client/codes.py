"""Every code of rows and images in words, those of `imagemill.domain.meanings`; a test holds them together."""

from __future__ import annotations

from dataclasses import dataclass

WRITER = "whoever writes the CSV"
ORIGIN = "the origin"
OPERATOR = "the operator"


@dataclass(frozen=True, slots=True)
class Explanation:
    means: str
    who: str

    def mended_by(self, detail: str) -> str:
        """Who can mend it; of a missing image that is who names it."""
        if self is CODES["HTTP_STATUS"]:
            return WRITER if detail in {"404", "410"} else ORIGIN
        return self.who


CODES = {
    "INVALID_URL": Explanation("not an absolute http(s) URL that can be fetched", WRITER),
    "BLOCKED_ADDRESS": Explanation("leads to an address or port that is not public", WRITER),
    "DNS_FAILURE": Explanation("the name has no address", f"{WRITER}, or the origin"),
    "CONNECT_FAILED": Explanation("refused, reset, or no answer within 5 s", ORIGIN),
    "TLS_FAILURE": Explanation("the certificate is not valid for the name", ORIGIN),
    "TIMEOUT": Explanation("not here within 30 s", ORIGIN),
    "HTTP_STATUS": Explanation("an answer without the image", f"{ORIGIN}; at 404 {WRITER}"),
    "TOO_MANY_REDIRECTS": Explanation("more than three", ORIGIN),
    "TOO_LARGE": Explanation("over 50 MiB", ORIGIN),
    "TRUNCATED_BODY": Explanation("fewer bytes than were announced", ORIGIN),
    "NOT_AN_IMAGE": Explanation("a web page, an empty body, or another kind of file", ORIGIN),
    "UNSUPPORTED_FORMAT": Explanation(
        "an image, but none of the formats that are read; `reason` names its format", ORIGIN
    ),
    "CORRUPT_IMAGE": Explanation("damaged or cut off", ORIGIN),
    "TOO_MANY_PIXELS": Explanation("over the limit", ORIGIN),
    "TOO_LARGE_TO_PROCESS": Explanation(
        "takes more memory than a worker has, and `reason` may say how many megapixels would do; "
        "or a file of far more parts than its picture calls for",
        ORIGIN,
    ),
    "PROCESSING_TIMEOUT": Explanation("takes far longer to decode or to encode than a picture of its size", ORIGIN),
    "ENCODE_FAILED": Explanation("cannot be written in the format asked for", "another `format`"),
    "STORE_FAILED": Explanation("our fault: it could not be stored", OPERATOR),
    "PROCESSING_CRASHED": Explanation(
        "our fault: its decoder or its worker crashed, or its message vanished", OPERATOR
    ),
    "CANCELLED": Explanation("the run was cancelled before it", "a retry"),
    "MISSING_SERIAL": Explanation("the serial is empty", WRITER),
    "MISSING_NAME": Explanation("the name is empty", WRITER),
    "SERIAL_TOO_LONG": Explanation("the serial has over 128 characters", WRITER),
    "NAME_TOO_LONG": Explanation("the name has over 512 characters", WRITER),
    "NO_IMAGE_URLS": Explanation("no image URL is given", WRITER),
    "TOO_MANY_IMAGES": Explanation("over 100 image URLs are given", WRITER),
    "SURPLUS_FIELDS": Explanation("more fields than columns: a delimiter in a field without quotes", WRITER),
    "INVALID_ENCODING": Explanation("bytes that have no meaning in the file's encoding", WRITER),
}
UNKNOWN = Explanation("see the stack's reference of errors", "whoever runs the stack knows")


def explain(code: str) -> Explanation:
    """Of a code that is newer than this client: where to look."""
    return CODES.get(code, UNKNOWN)
