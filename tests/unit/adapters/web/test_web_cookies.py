"""Cookies live as long as one fetch's redirects, and go where domain, path and Secure let them."""

import pytest

from imagemill.adapters.web.cookies import MAX_COOKIE_CHARACTERS, MAX_COOKIES, MAX_SENT_CHARACTERS, ChainCookies
from imagemill.domain.web_urls import WebUrl
from tests.support.scripted_web import IMAGE, response

pytest_plugins = ["tests.support.web_fixtures"]

SHOP = "https://www.shop.example/a/b.jpg"


def sent(set_cookie: str, to: str, by: str = SHOP) -> str | None:
    cookies = ChainCookies()
    cookies.keep(WebUrl.parse(by), [set_cookie])
    return cookies.field(WebUrl.parse(to)).get("Cookie")


def test_a_shop_that_sets_a_cookie_and_asks_for_it_at_the_next_address(serve_origin, web_client):
    origin = serve_origin(
        response(302, location="/2.jpg", set_cookie="seen=1; Path=/; HttpOnly"),
        response(302, location="/3.jpg"),
        response(200, IMAGE),
        response(200, IMAGE),
    )
    client = web_client()

    assert client.fetch(f"{origin.url}/1.jpg") == IMAGE
    client.fetch(f"{origin.url}/1.jpg")

    assert [b"\r\nCookie: seen=1\r\n" in request for request in origin.requests] == [False, True, True, False]


@pytest.mark.parametrize(
    ("set_cookie", "to", "is_sent"),
    [
        ("a=1", "https://www.shop.example/a/c.jpg", True),
        ("a=1", "https://www.shop.example/d/c.jpg", False),
        ("a=1; Path=/", "https://www.shop.example/d/c.jpg", True),
        ("a=1; Path=/", "https://cdn.shop.example/d/c.jpg", False),
        ("a=1; Path=/; Domain=shop.example", "https://cdn.shop.example/d/c.jpg", True),
        ("a=1; Path=/; Domain=shop.example", "https://evilshop.example/", False),
        ("a=1; Path=/; Domain=other.example", "https://other.example/", False),
        ("a=1; Path=/; Domain=example", "https://other.example/", False),
        ("a=1; Path=/; Secure", "http://www.shop.example/", False),
        ("a=1; Path=/; Max-Age=0", "https://www.shop.example/", False),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://www.shop.example/", False),
    ],
)
def test_a_cookie_goes_where_it_may(set_cookie, to, is_sent):
    assert sent(set_cookie, to) == ("a=1" if is_sent else None)


def test_what_is_sent_has_bounds():
    cookies, shop = ChainCookies(), WebUrl.parse(SHOP)
    cookies.keep(shop, [f"a{number}=1" for number in range(1_000)])
    assert cookies.field(shop)["Cookie"].count("=") == MAX_COOKIES

    assert sent(f"a={'b' * MAX_COOKIE_CHARACTERS}", SHOP) is None
    cookies = ChainCookies()
    cookies.keep(shop, [f"a{number}={'b' * 1_000}" for number in range(MAX_SENT_CHARACTERS // 1_000 + 1)])
    assert cookies.field(shop) == {}


@pytest.mark.parametrize("value", ["a=1\x00", "a=\xff", "a=1\x0b", "", "=", ";;;", "a=1; Expires=" + "9" * 3_000])
def test_hostile_cookies_are_no_fault(value):
    header = sent(value, SHOP)

    assert header is None or header.isprintable()
