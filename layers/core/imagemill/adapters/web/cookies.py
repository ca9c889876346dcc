"""Cookies within the redirects of one fetch: shops set one and ask for it at the next address, then forget it."""

from __future__ import annotations

from http.client import HTTPMessage
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast
from urllib.request import Request

from imagemill.domain.web_urls import WebUrl

#: As browsers keep them at least of one site (RFC 6265 section 6.1), and of each the most that they keep.
MAX_COOKIES = 50
MAX_COOKIE_CHARACTERS = 4_096
#: Of the field that is sent: servers refuse heads beyond 8 KiB.
MAX_SENT_CHARACTERS = 6_144


class ChainCookies:
    """What was set so far, sent where domain, path and `Secure` allow it, as requests and wget do.

    For one chain of redirects. A Domain attribute must match the host that set it, and have a dot inside; whatever
    else it allows can reach nobody but the hosts of this chain.
    """

    def __init__(self) -> None:
        #: None until a cookie is set: nearly no image comes with one, and a jar takes longer than the request.
        self._jar: CookieJar | None = None

    def keep(self, url: WebUrl, set_cookies: list[str]) -> None:
        """Take up the Set-Cookie fields of an answer; what is beyond the bounds is passed over."""
        jar = self._jar or CookieJar(DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNoDots))
        fields = HTTPMessage()
        for field in set_cookies[:MAX_COOKIES]:
            if len(field) <= MAX_COOKIE_CHARACTERS:
                fields["Set-Cookie"] = field
        if fields and len(jar) < MAX_COOKIES:
            jar.extract_cookies(cast("Any", _Answer(fields)), _request(url))
            self._jar = jar

    def field(self, url: WebUrl) -> dict[str, str]:
        """The Cookie field of a request, by name; nothing where there is none to send."""
        if self._jar is None:
            return {}
        request = _request(url)
        self._jar.add_cookie_header(request)
        cookies = request.get_header("Cookie")
        is_sent = cookies and len(cookies) <= MAX_SENT_CHARACTERS and cookies.isascii() and cookies.isprintable()
        return {"Cookie": cookies} if cookies and is_sent else {}


class _Answer:
    """As much of a response as a cookie jar asks for."""

    def __init__(self, fields: HTTPMessage) -> None:
        self._fields = fields

    def info(self) -> HTTPMessage:
        return self._fields


def _request(url: WebUrl) -> Request:
    return Request(f"{url.origin}{url.target}")  # noqa: S310 - never opened: the jar reads its URL
