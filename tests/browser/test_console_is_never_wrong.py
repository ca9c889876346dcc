"""The console under lost answers, late answers, limits and closed lids."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect

from tests.support.shop import Shop, catalogue

from .answers import hold, with_a_job_that_goes_on
from .conftest import Open, until

SUBMIT = re.compile(r"/v1/jobs$|/jobs$")
PRODUCTS = re.compile(r"/jobs/[0-9A-Z]{26}/products")


def jobs_called(shop: Shop, name: str) -> list[Any]:
    return [job for job in shop.get("/jobs?limit=200")["jobs"] if job["filename"] == name]


def product(row: int, status: str = "COMPLETED") -> dict[str, Any]:
    return {"row": row, "serial": str(row), "name": f"Made {row}", "status": status, "images": [], "error": None}


def test_an_answer_that_a_proxy_cuts_off_after_the_202_leaves_one_job(
    open_page: Open, shop: Shop, csv_file: Path
) -> None:
    page = open_page()
    cut: list[str] = []

    def cut_first(route: Route) -> None:
        if route.request.method == "POST" and not cut:
            cut.append(route.fetch().text())
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(SUBMIT, cut_first)
    page.set_input_files("#file", csv_file)
    page.click("#start")

    expect(page.locator("#job .status")).to_have_text("COMPLETED")
    assert json.loads(cut[0])["job_id"] in page.url
    assert len(jobs_called(shop, csv_file.name)) == 1


def test_a_double_click_starts_one_job(open_page: Open, shop: Shop, csv_file: Path) -> None:
    page = open_page()
    page.set_input_files("#file", csv_file)
    page.evaluate("() => { for (const _ of [1, 2]) document.getElementById('job-form').requestSubmit(); }")

    expect(page.locator("#job .status")).to_have_text("COMPLETED")
    assert len(jobs_called(shop, csv_file.name)) == 1


def test_a_file_changed_after_it_was_chosen_is_asked_for_and_read_anew(
    open_page: Open, shop: Shop, csv_file: Path
) -> None:
    page = open_page()
    page.set_input_files("#file", csv_file)
    csv_file.write_bytes(
        csv_file.read_bytes() + catalogue([("3", "New", "https://shop.invalid/new.jpg")]).split(b"\r\n")[1]
    )
    page.click("#start")
    expect(page.locator("#message")).to_contain_text("changed after it was chosen")
    assert not jobs_called(shop, csv_file.name)

    with page.expect_file_chooser() as chooser:
        page.click("#drop")
    chooser.value.set_files(csv_file)
    page.click("#check")
    expect(page.locator("#message")).to_contain_text("3 rows")


def test_the_answer_to_an_earlier_filter_is_dropped(open_page: Open, ended_job: str) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    expect(page.locator("#products > li")).to_have_count(20)
    held: list[Route] = []
    page.route(re.compile("status=FAILED&?"), lambda route: hold(held, route))
    page.select_option("#filter", "FAILED")
    expect(page.locator("#looking")).to_contain_text("Looking for failed")
    until(page, lambda: held)
    page.select_option("#filter", "PARTIAL")
    expect(page.locator("#products > li")).to_have_count(1)

    with page.expect_response(re.compile("status=FAILED")):
        for route in held:
            route.continue_()
    expect(page.locator("#products > li strong").first).to_have_text("23. Half")
    expect(page.locator("#products > li")).to_have_count(1)


def test_a_filter_follows_the_cursor_through_empty_pages_and_says_that_it_looks(
    open_page: Open, ended_job: str
) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    expect(page.locator("#products > li")).to_have_count(20)
    held: list[Route] = []

    def pages(route: Route) -> None:
        if "cursor" not in route.request.url:
            route.fulfill(json={"products": [], "next_cursor": "NDAwMA"})
        else:
            held.append(route)

    page.route(re.compile("status=CANCELLED"), pages)
    page.select_option("#filter", "CANCELLED")
    expect(page.locator("#looking")).to_have_text("Looking for cancelled: row 4,000 is reached …")

    until(page, lambda: held)
    held[0].fulfill(json={"products": [product(9000, "CANCELLED")], "next_cursor": None})
    expect(page.locator("#products > li strong").first).to_have_text("9000. Made 9000")
    expect(page.locator("#looking")).to_have_text("")


def test_the_focus_stays_while_the_page_is_polled(open_page: Open, shop: Shop, ended_job: str) -> None:
    page = open_page()
    asked = with_a_job_that_goes_on(page, shop.get(f"/jobs/{ended_job}"))
    page.evaluate(f"location.hash = '#/jobs/{ended_job}'")
    picture = page.locator("#products a.picture").nth(2)
    picture.focus()
    seen = len(asked)
    # The look before the last one is shown whole.
    until(page, lambda: len(asked) >= seen + 2)

    expect(picture).to_be_focused()


def test_a_hidden_tab_asks_nothing(open_page: Open, shop: Shop, ended_job: str) -> None:
    page = open_page()
    asked = with_a_job_that_goes_on(page, shop.get(f"/jobs/{ended_job}"))
    page.clock.install()
    page.evaluate(f"location.hash = '#/jobs/{ended_job}'")
    expect(page.locator("#products > li")).to_have_count(20)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    seen = len(asked)
    page.clock.run_for(3600_000)
    assert len(asked) == seen

    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    with page.expect_request(re.compile(f"/jobs/{ended_job}$")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_what_keeps_the_page_from_being_true_is_said(open_page: Open, ended_job: str) -> None:
    page = open_page()
    expect(page.locator("#updated")).to_contain_text("Last updated")
    throttled = {"code": "THROTTLED", "detail": "Too many requests with this key. Slow down."}
    page.route(
        re.compile(r"/jobs\?"), lambda route: route.fulfill(status=429, json=throttled, headers={"retry-after": "40"})
    )
    page.evaluate("poll()")
    expect(page.locator("#updated")).to_contain_text("Slow down. It is tried again in 40 s. What is shown is of")

    page.context.set_offline(True)
    expect(page.locator("#updated")).to_contain_text("offline")
    page.unroute_all()
    page.context.set_offline(False)
    expect(page.locator("#updated")).to_contain_text("Last updated")


def test_an_open_tab_asks_seldom(open_page: Open, record_property: Any) -> None:
    page = open_page()
    count = """(goesOn) => {
      let requests = 0;
      for (let age = 0; age < 8 * 3600e3; age += pause(goesOn, age)) requests++;
      return requests;
    }"""
    running, idle = page.evaluate(count, True), page.evaluate(count, False)

    record_property("figures", f"8 hours of an open tab: {running} looks at a job that goes on, {idle} where none does")
    assert running < 700
    assert idle < 200
