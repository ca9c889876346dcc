"""Why a URL could not be fetched or called, in the guard's own words."""

from __future__ import annotations

import http.client
import ssl
import zlib
from enum import StrEnum

import urllib3.exceptions

from imagemill.errors import AddressRefusedError, BrokenBodyError, ImagemillError, NameResolutionError


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


class TlsReason(StrEnum):
    """What is wrong with a server's certificate, where that is what TLS failed by."""

    EXPIRED = "EXPIRED"
    WRONG_HOST = "WRONG_HOST"
    SELF_SIGNED = "SELF_SIGNED"
    INCOMPLETE_CHAIN = "INCOMPLETE_CHAIN"
    OTHER = "OTHER"


#: What urllib3, http.client, ssl and zlib raise when the other side or the network misbehaves.
NETWORK_ERRORS = (
    AddressRefusedError,
    BrokenBodyError,
    NameResolutionError,
    OSError,
    http.client.HTTPException,
    urllib3.exceptions.HTTPError,
    zlib.error,
)

#: Of these, what a connection raises that the other side closed or reset.
BROKEN_OFF = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

#: What a server answers that wants to be asked less: Too Many Requests (RFC 6585 section 4), Service Unavailable
#: (RFC 9110 section 15.6.4; nginx's limit_req and limit_conn say this one unless they are told otherwise).
SLOW_DOWN = frozenset({429, 503})

#: By OpenSSL's X509_V_ERR_* (openssl-verification-options(1)); its own words change from release to release.
_TLS_REASONS = {
    9: TlsReason.EXPIRED,  # CERT_NOT_YET_VALID
    10: TlsReason.EXPIRED,
    62: TlsReason.WRONG_HOST,  # HOSTNAME_MISMATCH
    64: TlsReason.WRONG_HOST,  # IP_ADDRESS_MISMATCH
    18: TlsReason.SELF_SIGNED,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: TlsReason.SELF_SIGNED,  # SELF_SIGNED_CERT_IN_CHAIN
    20: TlsReason.INCOMPLETE_CHAIN,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: TlsReason.INCOMPLETE_CHAIN,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
}


def tls_reason(error: Exception) -> TlsReason:
    """What a failed handshake says about the certificate."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return TlsReason.OTHER
    return _TLS_REASONS.get(error.verify_code, TlsReason.OTHER)


class FetchError(ImagemillError):
    """Why a URL could not be fetched or called.

    http_status: with HTTP_STATUS alone. retry_after: seconds that the server asked
    for. reason: with TLS_FAILURE alone. is_crowded: the server broke off while it answered others of ours. The text
    has neither the URL nor anything that the remote side wrote, and no cause is chained: its text would have both,
    and a traceback shows causes.
    """

    def __init__(
        self,
        code: WebCode,
        http_status: int | None = None,
        retry_after: float | None = None,
        reason: TlsReason | None = None,
    ) -> None:
        super().__init__(code if http_status is None else f"{code} {http_status}")
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after
        self.reason = reason
        self.is_crowded = False

    @property
    def asks_to_slow_down(self) -> bool:
        """Whether trying again, later, is what the server asks for, so that this was no try (contract A4)."""
        return self.http_status in SLOW_DOWN or self.is_crowded

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


class FarSlotError(NotTriedError):
    """The origin is asked so slowly that the request's turn is far off (see `SharedPaces`).

    seconds: to stay away. http_status: of the origin's last refusal. refused_seconds: for how long it
    has refused all, 0 when it answers some.
    """

    def __init__(self, seconds: float, http_status: int, refused_seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.http_status = http_status
        self.refused_seconds = refused_seconds


def code_of(error: Exception, *, in_body: bool) -> WebCode:
    """What a fault is called; `in_body` says that the head of the response had been read."""
    match error:
        case AddressRefusedError():
            return WebCode.BLOCKED_ADDRESS
        case NameResolutionError():
            return WebCode.DNS_FAILURE
        case TimeoutError() | urllib3.exceptions.TimeoutError():
            return WebCode.TIMEOUT
        case _ if in_body:
            return WebCode.TRUNCATED_BODY
        case ssl.SSLError() if not isinstance(error, BROKEN_OFF):
            return WebCode.TLS_FAILURE
        case _:
            return WebCode.CONNECT_FAILED
