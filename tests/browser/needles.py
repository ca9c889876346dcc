"""`python -m tests.browser.needles`: 10,000 products, three failures; how long a person looks for them in the console.

Prints clicks and seconds from the list of jobs to all three on the screen, on desktop and phone; runs for minutes.
"""

from __future__ import annotations

import argparse
import time

from playwright.sync_api import Browser, expect, sync_playwright

from local.stack import DEFAULT_PORT, Stack, free_port, running_stack
from tests.support.image_files import photo, saved
from tests.support.shop import Shop, catalogue
from tests.support.web import Answer, TestWeb

from .conftest import DESKTOP, PHONE, WAIT_MILLISECONDS, chromium

JOB_SECONDS = 1800


def submitted(shop: Shop, web: TestWeb, products: int) -> str:
    """The id of a job that has ended: three of its products have no picture, in its middle and at its end."""
    good = web.route("/good.jpg", Answer(body=saved(photo(160, 120), "JPEG", quality=95)))
    page = web.route("/page", Answer(body=b"<!DOCTYPE html><html></html>", headers={"content-type": "text/html"}))
    failing = {products // 4: f"{web.url}/gone", products // 2: page, products - 1: f"{web.url}/gone"}
    rows = [(str(row), f"Product {row}", failing.get(row, good)) for row in range(1, products + 1)]
    begun = time.monotonic()
    job = shop.ended(shop.submit(catalogue(rows)), JOB_SECONDS)
    print(f"{products:,} products: {job['status']} after {time.monotonic() - begun:.0f} s, {job['products']}")
    return str(job["job_id"])


def look(browser: Browser, stack: Stack, job_id: str, *, phone: bool) -> float:
    """Seconds from one click in the list of jobs to the last failure on the screen."""
    page = browser.new_page(viewport=PHONE if phone else DESKTOP, is_mobile=phone, has_touch=phone)
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.add_init_script(f"sessionStorage.setItem('imagemill-api-key', '{stack.api_key}')")
    page.goto(stack.api_url + "/")
    link = page.locator(f"#jobs a[href='#/jobs/{job_id}']")
    link.wait_for()
    begun = time.monotonic()
    link.click()
    expect(page.locator("#failures-said")).to_have_text("3 failures in 3 products", timeout=120_000)
    expect(page.locator("#failed > li")).to_have_count(3)
    seconds = time.monotonic() - begun
    page.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.needles", description=__doc__)
    parser.add_argument("--products", type=int, default=10_000)
    products = parser.parse_args().products
    with (
        running_stack(free_port(DEFAULT_PORT + 340)) as stack,
        TestWeb().serving() as web,
        sync_playwright() as playwright,
    ):
        job_id = submitted(Shop(stack, stack.api_key), web, products)
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for name, phone in (("desktop", False), ("phone", True)):
            seconds = sorted(look(browser, stack, job_id, phone=phone) for _ in range(5))
            print(f"{name}: 1 click, {seconds[2]:.1f} s (median of 5, {seconds[0]:.1f} to {seconds[-1]:.1f})")
        browser.close()


if __name__ == "__main__":
    main()
