"""The pages in a real browser: Debian's Chromium, driven by Playwright, on an embedded stack."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from local.stack import DEFAULT_PORT, Stack, free_port, running_stack
from tests.support.image_files import photo, saved
from tests.support.shop import Shop, catalogue
from tests.support.web import Answer, TestWeb

#: Any wait for the page ends here, in milliseconds: what never comes fails its test.
WAIT_MILLISECONDS = 30_000
DESKTOP: ViewportSize = {"width": 1100, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

# Five seconds otherwise, which a busy machine may need for one look.
expect.set_options(timeout=WAIT_MILLISECONDS)

Open = Callable[..., Page]


def chromium() -> str | None:
    """The browser's program."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def until(page: Page, holds: Callable[[], object]) -> None:
    """Let the page go on until something holds: a request that is held by its route comes after what the page shows."""
    deadline = time.monotonic() + WAIT_MILLISECONDS / 1000
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        page.wait_for_timeout(10)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack(
        free_port(DEFAULT_PORT + 300), {"RedeliverySeconds": "1,1", "WebhookDelaysSeconds": "0,1"}
    ) as up:
        yield up


@pytest.fixture
def shop(stack: Stack) -> Shop:
    return Shop(stack, stack.api_key)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium()
    if not executable:
        pytest.fail("These tests drive Chromium, and there is none: `make browser` installs it.", pytrace=False)
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium has no sandbox; it opens our own pages alone.
        running = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, stack: Stack) -> Iterator[Open]:
    """Opens a page of the stack by its path, signed in; fails the test when a script of the page failed."""
    contexts, faults = [], []

    def open_it(path: str = "/", *, key: str | None = stack.api_key, phone: bool = False, dark: bool = False) -> Page:
        options: dict[str, Any] = {"viewport": PHONE if phone else DESKTOP, "is_mobile": phone, "has_touch": phone}
        context = browser.new_context(
            **options, color_scheme="dark" if dark else "light", permissions=["clipboard-read", "clipboard-write"]
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        if key:
            page.add_init_script(f"sessionStorage.setItem('imagemill-api-key', '{key}')")
        page.goto(stack.api_url + path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def images(stack: Stack) -> Iterator[TestWeb]:
    """The shop's image server: one picture, and a page where one should be."""
    with TestWeb().serving() as running:
        running.route("/good.jpg", Answer(body=saved(photo(160, 120), "JPEG", quality=95)))
        running.route("/page", Answer(body=b"<!DOCTYPE html><html></html>", headers={"content-type": "text/html"}))
        yield running


@pytest.fixture(scope="session")
def ended_job(stack: Stack, images: TestWeb) -> str:
    """The id of a job of 24 products that ended PARTIAL: two images are missing, one is a web page."""
    shop = Shop(stack, stack.api_key)
    good = f"{images.url}/good.jpg"
    rows = [(str(row), f"Product {row}", good) for row in range(1, 22)]
    rows += [("22", "Gone", f"{images.url}/gone-1.jpg"), ("23", "Half", f"{good},{images.url}/gone-2.jpg")]
    rows += [("24", "Page", f"{images.url}/page")]
    job = shop.ended(shop.submit(catalogue(rows)))
    assert job["status"] == "PARTIAL"
    return str(job["job_id"])


@pytest.fixture
def csv_file(images: TestWeb, tmp_path: Path) -> Path:
    """A catalogue of two good products, of a name of its own."""
    path = tmp_path / f"{tmp_path.name}.csv"
    path.write_bytes(catalogue([(str(row), f"Product {row}", f"{images.url}/good.jpg") for row in (1, 2)]))
    return path
