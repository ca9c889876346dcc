"""Why a URL could not be fetched or called, in the guard's own words."""

from __future__ import annotations

from enum import StrEnum

from imagemill.errors import ImagemillError


class WebCode(StrEnum):
    """Image and delivery codes of the contract are made of these (contract A4, A6)."""

    INVALID_URL = "INVALID_URL"
    BLOCKED_ADDRESS = "BLOCKED_ADDRESS"
    DNS_FAILURE = "DNS_FAILURE"
    CONNECT_FAILED = "CONNECT_FAILED"
    TLS_FAILURE = "TLS_FAILURE"
    TIMEOUT = "TIMEOUT"
    HTTP_STATUS = "HTTP_STATUS"
    TOO_MANY_REDIRECTS = "TOO_MANY_REDIRECTS"
    TOO_LARGE = "TOO_LARGE"
    TRUNCATED_BODY = "TRUNCATED_BODY"


class FetchError(ImagemillError):
    """Why a URL could not be fetched or called.

    http_status: with HTTP_STATUS alone. retry_after: seconds that the server asked
    for. The text has neither the URL nor anything that the remote side wrote, and no cause is chained: its
    text would have both, and a traceback shows causes.
    """

    def __init__(self, code: WebCode, http_status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(code if http_status is None else f"{code} {http_status}")
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether trying again may help (contract A4)."""
        match self.code:
            case WebCode.HTTP_STATUS:
                status = self.http_status or 0
                return status in {408, 425, 429} or 500 <= status <= 599
            case WebCode.DNS_FAILURE | WebCode.CONNECT_FAILED | WebCode.TIMEOUT | WebCode.TRUNCATED_BODY:
                return True
            case _:
                return False


class NotTriedError(FetchError):
    """The request was not sent: the time that the caller has for waiting on our side was over before its turn came."""

    def __init__(self) -> None:
        super().__init__(WebCode.TIMEOUT)
