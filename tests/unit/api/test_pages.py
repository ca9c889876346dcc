"""The pages: self-contained, and held to that by their Content-Security-Policy."""

import base64
import hashlib
import re
import subprocess
import sys
from typing import Any

import pytest

from api.app import handler
from api.html.pages import CONSOLE_SCRIPTS
from api.submission import MAX_REQUEST_CSV_BYTES
from imagemill.domain.codes import ProductStatus
from imagemill.domain.options import MAX_QUALITY, MAX_SIDE_PIXELS, OPTION_NAMES, Metadata, OutputFormat
from tests.support.account import CATALOGUE_BUCKET, PROJECT

STATIC = PROJECT / "functions" / "api" / "html"


@pytest.fixture
def page(aws, event, context):
    """Reads a page without a key: its HTML and its headers."""

    def read(path: str) -> tuple[str, dict[str, list[str]]]:
        asked = event("api_get_job") | {"path": path}
        asked["requestContext"]["identity"] |= {"apiKeyId": None, "apiKey": None}
        answer = handler(asked, context)
        assert answer["statusCode"] == 200
        return answer["body"], answer["multiValueHeaders"]

    return read


def policy_of(headers: Any) -> dict[str, list[str]]:
    directives = [directive.split() for directive in headers["Content-Security-Policy"][0].split(";")]
    return {name: sources for name, *sources in directives}


def hashes(html: str, tag: str) -> list[str]:
    contents = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = [hashlib.sha256(content.encode()).digest() for content in contents]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_policy_allows_the_pages_own_script_and_style_and_no_others(page, path):
    html, headers = page(path)

    policy = policy_of(headers)
    assert hashes(html, "script")
    assert policy["script-src"] == hashes(html, "script")
    assert policy["style-src"] == hashes(html, "style")
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[directive] == ["'none'"]
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_from_elsewhere(page, path):
    html, headers = page(path)

    outside_of_scripts = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", outside_of_scripts)
    assert "<!-- " not in outside_of_scripts
    assert headers["Content-Type"] == ["text/html; charset=utf-8"]
    assert headers["X-Content-Type-Options"] == ["nosniff"]


def test_the_console_may_send_to_s3_and_show_images(page):
    _, headers = page("/")

    policy = policy_of(headers)
    assert policy["connect-src"] == ["'self'", f"https://{CATALOGUE_BUCKET}.s3.eu-central-1.amazonaws.com"]
    assert policy["img-src"] == ["'self'", "data:", "https://images.shop.example", "http:", "https:"]


def console_script() -> str:
    return "".join((STATIC / f"{name}.js").read_text() for name in CONSOLE_SCRIPTS)


def test_the_console_shows_values_as_text_alone():
    script = console_script()

    assert "textContent" in script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage", script)


def test_the_console_offers_the_options_that_there_are():
    html = (STATIC / "console.html").read_text()
    offered = {name: re.search(rf'<select name="{name}">(.*?)</select>', html, re.DOTALL) for name in OPTION_NAMES}

    def choices(name: str) -> set[str]:
        found = offered[name]
        assert found
        return set(re.findall(r"<option[^>]*>(\w+)<", found[1]))

    assert set(re.findall(r'name="(\w+)"', html)) - {"viewport"} == set(OPTION_NAMES)
    assert choices("format") == set(OutputFormat)
    assert choices("metadata") == set(Metadata)
    assert f'name="quality" type="number" min="1" max="{MAX_QUALITY}"' in html
    assert f'name="max_width" type="number" min="1" max="{MAX_SIDE_PIXELS}"' in html
    assert set(re.findall(r'<option value="([A-Z]+)">', html)) == set(ProductStatus)


def test_the_console_sends_large_files_as_the_api_wants_them():
    script = console_script()

    assert MAX_REQUEST_CSV_BYTES == 4 * 1024 * 1024
    assert "const MAX_REQUEST_BYTES = 4 * 1024 * 1024;" in script


def test_nobody_else_waits_for_the_document_and_the_pages():
    program = (
        "import sys, api.app; "
        "assert not {'api.openapi.document', 'api.html.pages', 'pydantic'} & set(sys.modules), 'loaded at a cold start'"
    )

    paths = [str(PROJECT / "functions"), str(PROJECT / "layers" / "core")]
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {paths}; {program}"], check=True)


@pytest.fixture
def ask_again(aws, event, context):
    """Asks for a path with an If-None-Match; gives the whole answer."""

    def ask(path: str, known: str) -> dict[str, Any]:
        asked = event("api_get_job") | {"path": path}
        asked["headers"] = {"If-None-Match": known}
        asked["multiValueHeaders"] = {"If-None-Match": [known]}
        return handler(asked, context)

    return ask


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json"])
def test_whoever_has_a_page_is_not_sent_it_again(ask_again, path):
    first = ask_again(path, '"another"')
    [tag] = first["multiValueHeaders"]["ETag"]

    for known in (tag, tag.removeprefix("W/"), f'"another", {tag}', "*"):
        again = ask_again(path, known)
        assert (again["statusCode"], again["body"]) == (304, "")
        assert again["multiValueHeaders"]["ETag"] == [tag]

    assert first["statusCode"] == 200
    assert "public" in first["multiValueHeaders"]["Cache-Control"][0]
