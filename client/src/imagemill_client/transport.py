"""HTTP as the API wants it: the key, retries of what is safe to send again, problems as exceptions."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader, NameResolutionError
from urllib3.util import Retry

from imagemill_client.catalogue import Form
from imagemill_client.errors import MisuseError, NoStackError, RefusedError, UnreachableError

CONNECT_TIMEOUT_SECONDS = 10.0
#: API Gateway answers within 29 s, whatever happens behind it.
READ_TIMEOUT_SECONDS = 60.0
ATTEMPTS = 7
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
#: Being asked to wait for longer is told, not waited for.
LONGEST_RETRY_AFTER_SECONDS = 120.0
#: Answers that another attempt may better (RFC 9110; docs/reference/errors.md).
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
POOL_SIZE = 16
CHUNK_BYTES = 64 * 1024


class NoAnswerError(Exception):
    """One attempt came to nothing. `sent` tells whether the request may have been carried out all the same."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        self.reason = reason
        self.sent = sent
        super().__init__(reason)


@dataclass(slots=True)
class Transport:
    """One stack, and one key.

    url: the API's address, `…/v1`. pause: sleeps for so many seconds; tests look on.

    Raises, from `call` and `open`: RefusedError, UnreachableError.
    """

    url: str
    key: str = field(repr=False)
    user_agent: str = "imagemill-client"
    pause: Callable[[float], None] = time.sleep
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        self.url = checked_url(self.url)
        self.key = checked_key(self.key)
        adapter = HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)
        self.session.headers["user-agent"] = self.user_agent
        self.session.auth = _no_netrc

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.call("GET", path, params=parameters)

    def call(self, method: str, path: str, *, repeatable: bool | None = None, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - what requests takes
        """The API's JSON answer; an empty one is `{}`.

        repeatable: whether a request that may have arrived is sent again; of itself, where its method is.
        """
        answer = self.answer(method, path, repeatable=repeatable, **request)
        if answer.status_code == 204 or not answer.content:
            return {}
        return self._document(answer)

    def answer(self, method: str, path: str, *, repeatable: bool | None = None, **request: Any) -> requests.Response:  # noqa: ANN401 - what requests takes
        """Any answer below 400, redirects too: the key is for the API alone, so nothing is followed with it."""
        headers = {"x-api-key": self.key, "accept": "application/json", **request.pop("headers", {})}
        if repeatable is None:
            repeatable = method in {"GET", "DELETE", "PATCH"}
        answer = self.send(method, self.url + path, repeatable=repeatable, headers=headers, **request)
        if answer.status_code >= 400:
            raise self._refusal(answer)
        if answer.is_redirect and not path.endswith("/output"):
            target = urlsplit(answer.headers["location"])
            raise UnreachableError(
                f"{self.url} leads to {target.scheme}://{target.netloc}{target.path}. Give that stack's own address."
            )
        return answer

    def send(self, method: str, url: str, *, repeatable: bool, **request: Any) -> requests.Response:  # noqa: ANN401 - what requests takes
        """The last answer of as many attempts as it takes, its body read. Raises UnreachableError."""
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.open(method, url, **request)
                read(answer)
            except NoAnswerError as failed:
                if attempt == ATTEMPTS or (failed.sent and not repeatable):
                    raise UnreachableError(self._unreached(url, failed, repeatable=repeatable)) from failed
                self.pause(backoff(attempt))
                continue
            wait = _wait_before_another(answer, attempt)
            safe = repeatable or answer.status_code == 429
            if answer.status_code not in TRANSIENT_STATUSES or not safe or attempt == ATTEMPTS or wait is None:
                return answer
            self.pause(wait)

    def open(self, method: str, url: str, **request: Any) -> requests.Response:  # noqa: ANN401 - what requests takes
        """One attempt; the body is still to be read. Raises NoAnswerError."""
        request.setdefault("timeout", (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS))
        if is_loopback(url):
            request["proxies"] = {"http": None, "https": None, "all": None}
        body = request.get("data")
        if isinstance(body, Form):
            body.rewind()
        try:
            return self.session.request(method, url, stream=True, allow_redirects=False, **request)
        except requests.exceptions.SSLError as error:
            raise NoAnswerError(
                f"TLS failed ({_innermost(error)}); where the network has authorities of its own, "
                "REQUESTS_CA_BUNDLE names their file",
                sent=False,
            ) from error
        except requests.ConnectTimeout as error:
            raise NoAnswerError(f"no connection within {CONNECT_TIMEOUT_SECONDS:.0f} s", sent=False) from error
        except requests.Timeout as error:
            raise NoAnswerError("no answer in time", sent=True) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise UnreachableError(f"{url} is no address that can be called.") from error
        except (requests.RequestException, OSError) as error:
            reason = _innermost(error)
            cut = not isinstance(reason, ConnectionRefusedError | NameResolutionError)
            raise NoAnswerError(_in_words(reason), sent=cut) from error

    def _document(self, answer: requests.Response) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UnreachableError(
                f"{self.url} answers, but not as imagemill does. The address is the stack's ApiUrl and ends in /v1."
            )
        return document

    def _refusal(self, answer: requests.Response) -> RefusedError | UnreachableError:
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        known = isinstance(problem, dict) and ("code" in problem or "message" in problem)
        if answer.status_code >= 500:
            said = f": {problem['detail']}" if known and problem.get("detail") else ""
            number = answer.headers.get("x-request-id")
            return UnreachableError(
                f"The API is in trouble (HTTP {answer.status_code}{said}). Try again later"
                + (f"; its operator finds it as request {number}." if number else ".")
            )
        if not known:
            return UnreachableError(
                f"{self.url} answers HTTP {answer.status_code}, but not as imagemill does. "
                "The address is the stack's ApiUrl and ends in /v1."
            )
        return RefusedError(answer.status_code, problem, answer.headers.get("x-request-id"))

    def _unreached(self, url: str, failed: NoAnswerError, *, repeatable: bool) -> str:
        host = urlsplit(url).netloc
        if failed.sent and not repeatable:
            return (
                f"{host}: {failed.reason}, after the request was sent: it may have been carried out. Look before again."
            )
        way_out = "Is the stack up (`make dev`)?" if is_loopback(url) else "Check the address and the network."
        return f"{host} is not reached: {failed.reason}. {way_out}"


def read(answer: requests.Response) -> bytes:
    """The whole body. Raises NoAnswerError when the connection breaks before its end."""
    try:
        return answer.content
    except (requests.RequestException, HTTPError, OSError) as error:
        raise NoAnswerError("the connection was cut within the answer", sent=True) from error


def backoff(attempt: int) -> float:
    """Seconds before the attempt after this one, the first being 1: doubled each time, with jitter."""
    pause: float = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
    return min(LONGEST_PAUSE_SECONDS, pause) * random.uniform(0.5, 1.0)


def retry_after(answer: requests.Response) -> float | None:
    """What `Retry-After` asks for, in seconds; None where it says nothing that can be read."""
    said = answer.headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, Retry().parse_retry_after(said))
    except InvalidHeader:
        return None


def _wait_before_another(answer: requests.Response, attempt: int) -> float | None:
    """Seconds; None where another attempt is of no use."""
    if answer.status_code == 429 and b"QUOTA_EXCEEDED" in answer.content:
        return None
    asked = retry_after(answer)
    if asked is None:
        return backoff(attempt)
    return asked if asked <= LONGEST_RETRY_AFTER_SECONDS else None


def checked_url(url: str) -> str:
    """Without what surrounds it. Raises MisuseError."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise MisuseError(f"'{url}' is no http(s) address. It is the stack's ApiUrl, https://…/v1.")
    return url


def checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise NoStackError("There is no API key. `imagemill login` keeps one; IMAGEMILL_KEY gives it for a while.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise MisuseError("The API key has characters that no key has. Copy it again, whole and alone.")
    return key


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from adding what `.netrc` knows of the host: S3 refuses a presigned URL with it."""
    return request


def _innermost(error: BaseException) -> BaseException:
    """What really happened: requests and urllib3 wrap it three times."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None) or error.__cause__
        if not isinstance(inner, BaseException):
            inner = next((part for part in error.args if isinstance(part, BaseException)), error.__context__)
        if isinstance(error, NameResolutionError) or inner is None:
            return error
        error = inner
    return error


def _in_words(reason: BaseException) -> str:
    match reason:
        case ConnectionRefusedError():
            return "it refuses the connection"
        case NameResolutionError():
            return "its name is not known"
        case ConnectionError():
            return "the connection was cut"
        case OSError(strerror=str(text)):
            return text
        case _:
            return type(reason).__name__
