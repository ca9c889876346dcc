"""Requests for what has changed alone: whom they are sent to, and which of the answers are believed."""

import pytest

from imagemill.adapters.web.client import Fetched
from imagemill.adapters.web.faults import WebCode
from imagemill.domain.source import UNKNOWN, Validators
from tests.support.scripted_web import IMAGE, fault_of, response

pytest_plugins = ["tests.support.web_fixtures"]

OLD, OLDER = "Wed, 01 Jan 2020 00:00:00 GMT", "Tue, 01 Jan 2019 00:00:00 GMT"
KNOWN = Validators('"1"', OLD)


def is_conditional(request: bytes) -> bool:
    return b"\r\nif-none-match:" in request.lower() or b"\r\nif-modified-since:" in request.lower()


def test_what_is_known_is_asked_about_and_confirmed(serve_origin, web_client):
    origin = serve_origin(response(304, etag='"1"'))

    assert web_client().get(origin.url, known=KNOWN) == Fetched(None, KNOWN)
    assert b'If-None-Match: "1"\r\n' in origin.requests[0]
    assert f"If-Modified-Since: {OLD}\r\n".encode() in origin.requests[0]


def test_nothing_is_asked_about_what_is_not_known(serve_origin, web_client):
    origin = serve_origin(response(200, IMAGE, etag='"1"', last_modified=OLD))

    assert web_client().get(origin.url) == Fetched(IMAGE, KNOWN)
    assert not is_conditional(origin.requests[0])


def test_a_redirect_asks_where_it_led_to_before_and_nobody_else(serve_origin, web_client):
    origin = serve_origin(
        response(302, location="/front.jpg"),
        response(200, IMAGE, etag='"1"'),
        response(302, location="/front.jpg"),
        response(304),
    )
    known = web_client().get(origin.url).validators

    assert web_client().get(origin.url, known=known).body is None
    assert [is_conditional(request) for request in origin.requests] == [False, False, False, True]


@pytest.mark.parametrize("fields", [{"etag": '"1"'}, {"last_modified": OLD}], ids=["tag", "date"])
def test_a_redirect_that_leads_elsewhere_now_is_followed_without_conditions(serve_origin, web_client, fields):
    """Another picture may well have the same tag, or be older than the one that was shown before it."""
    origin = serve_origin(
        response(302, location="/front.jpg"),
        response(200, IMAGE, **fields),
        response(302, location="/back.jpg"),
        response(200, b"another", **fields),
        response(200, b"none but itself", **fields),
    )
    known = web_client().get(origin.url).validators
    assert known != UNKNOWN

    assert web_client().get(origin.url, known=known).body == b"another"
    assert web_client().get(origin.url, known=known).body == b"none but itself"
    assert not any(map(is_conditional, origin.requests))


def test_a_redirect_that_is_new_asks_the_first_url_alone(serve_origin, web_client):
    origin = serve_origin(response(302, location="/moved.jpg"), response(200, IMAGE))

    assert web_client().get(origin.url, known=KNOWN).body == IMAGE
    assert [is_conditional(request) for request in origin.requests] == [True, False]


@pytest.mark.parametrize(
    ("known", "answered"),
    [
        (KNOWN, {"etag": '"2"'}),
        (KNOWN, {"etag": '"2"', "last_modified": OLD}),
        (Validators(None, OLD), {"last_modified": OLDER}),
    ],
    ids=["another tag", "another tag of the same date", "another date"],
)
def test_a_304_that_speaks_of_another_version_is_not_believed(serve_origin, web_client, known, answered):
    origin = serve_origin(response(304, **answered), response(200, IMAGE, **answered))

    assert web_client().get(origin.url, known=known).body == IMAGE
    assert not is_conditional(origin.requests[1])


@pytest.mark.parametrize(
    "answered",
    [{}, {"etag": 'W/"1"'}, {"etag": '"1"', "last_modified": OLDER}],
    ids=["nothing", "the same tag, weak", "the same tag of another date"],
)
def test_a_304_that_contradicts_nothing_is_believed(serve_origin, web_client, answered):
    origin = serve_origin(response(304, **answered))

    assert web_client().get(origin.url, known=KNOWN).body is None


@pytest.mark.parametrize("status", [400, 412, 500])
def test_an_origin_that_stumbles_over_conditions_is_asked_without(serve_origin, web_client, status):
    origin = serve_origin(response(status), response(200, IMAGE))

    assert web_client().get(origin.url, known=KNOWN).body == IMAGE
    assert not is_conditional(origin.requests[1])


@pytest.mark.parametrize("status", [403, 404, 410])
def test_any_other_answer_to_conditions_is_final(serve_origin, web_client, status):
    origin = serve_origin(response(status), response(200, IMAGE))

    fault = fault_of(lambda: web_client().get(origin.url, known=KNOWN))

    assert (fault.code, fault.http_status, len(origin.requests)) == (WebCode.HTTP_STATUS, status, 1)


@pytest.mark.parametrize("known", [UNKNOWN, KNOWN], ids=["at once", "after another's"])
def test_a_304_that_nobody_asked_for_is_a_fault(serve_origin, web_client, known):
    origin = serve_origin(response(304, etag='"2"'), response(304, etag='"2"'))

    fault = fault_of(lambda: web_client().get(origin.url, known=known))

    assert (fault.code, fault.http_status) == (WebCode.HTTP_STATUS, 304)
