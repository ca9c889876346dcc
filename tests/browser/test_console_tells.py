"""What the console tells by itself: the end of a job, a file on its way, deliveries, a quota."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.support.shop import Shop, catalogue
from tests.support.web import Answer, TestWeb

from .answers import hold, with_a_job_that_goes_on
from .conftest import Open, until

#: In the desktop's place, which no headless browser has: asks as a browser does, and remembers what it is told.
DESKTOP = """() => {
  window.onDesktop = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (this.permission = "granted"); }
    constructor(title, { body }) { onDesktop.push([title, body]); }
  };
}"""
SENT = """
  window.seen = [];
  new MutationObserver(() => seen.push(document.getElementById("sending").value))
    .observe(document.getElementById("sending"), { attributes: true, attributeFilter: ["value"] });
"""
MEBIBYTE = 1024 * 1024


def test_the_end_of_a_job_is_told_on_the_desktop_once_when_it_was_asked_for(
    open_page: Open, shop: Shop, ended_job: str
) -> None:
    page = open_page()
    page.evaluate(DESKTOP)
    ended: list[bool] = []
    asked = with_a_job_that_goes_on(page, shop.get(f"/jobs/{ended_job}"), lambda: ended)
    page.evaluate(f"location.hash = '#/jobs/{ended_job}'")
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.locator("#message")).to_contain_text("You are told when the job has ended")
    expect(page.locator("#notify")).to_be_hidden()

    ended.append(True)
    expect(page.locator("#job .status")).to_have_text("PARTIAL")
    seen = len(asked)
    page.evaluate("poll()")
    until(page, lambda: len(asked) > seen)
    [[title, body]] = page.evaluate("onDesktop")
    assert title.endswith(": partial")
    assert "1 failed" in body or "2 failed" in body


def test_a_job_that_had_ended_before_is_not_told(open_page: Open, ended_job: str) -> None:
    page = open_page()
    page.evaluate(DESKTOP)
    page.evaluate("Notification.requestPermission()")
    page.evaluate(f"location.hash = '#/jobs/{ended_job}'")
    expect(page.locator("#failed > li")).to_have_count(3)

    assert page.evaluate("onDesktop") == []


def test_leaving_the_page_while_a_file_is_sent_is_warned_of(open_page: Open, csv_file: Path) -> None:
    page = open_page()
    held: list[Route] = []
    warned: list[str] = []

    def stay(dialog):
        warned.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.route(re.compile("/jobs$"), lambda route: hold(held, route))
    page.set_input_files("#file", csv_file)
    page.click("#start")
    until(page, lambda: held)
    page.close(run_before_unload=True)
    until(page, lambda: warned)
    assert warned == ["beforeunload"]

    held[0].continue_()
    expect(page.locator("#job .status")).to_have_text("COMPLETED")
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert warned == ["beforeunload"]


def test_a_csv_over_four_mebibytes_goes_to_s3_with_its_progress_and_is_sent_again_after_a_cut(
    open_page: Open, shop: Shop, images: TestWeb, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    rows = [(str(row), f"Product {row}", f"{images.url}/good.jpg", "x" * MEBIBYTE) for row in range(1, 6)]
    path.write_bytes(catalogue(rows, ("S. No.", "Product Name", "Input Image Urls", "Note")))
    page = open_page()
    page.evaluate(SENT)
    sent: list[str] = []

    def cut_first(route: Route) -> None:
        sent.append(route.request.method)
        if len(sent) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(f"/{shop.stack.catalogue_bucket}"), cut_first)
    page.set_input_files("#file", path)
    expect(page.locator("#check")).to_be_hidden()
    page.click("#start")

    expect(page.locator("#job .status")).to_have_text("COMPLETED")
    assert sent == ["POST", "POST"]
    assert max(page.evaluate("seen")) == 1
    [job] = [each for each in shop.get("/jobs?limit=200")["jobs"] if each["filename"] == "large.csv"]
    assert job["products"]["total"] == 5


def test_deliveries_of_a_job_are_listed_and_made_again(open_page: Open, shop: Shop, images: TestWeb) -> None:
    hook = images.route("/told", lambda request: Answer(status=500 if request.number == 1 else 204))
    job = shop.ended(shop.submit(catalogue([("1", "Cup", f"{images.url}/good.jpg")]), f"?webhook_url={hook}"))
    page = open_page(f"/#/jobs/{job['job_id']}")
    page.click("#deliveries-box summary")
    attempts = page.locator("#deliveries > li")

    def look(count: int) -> bool:
        page.click("#look-deliveries")
        page.wait_for_timeout(100)
        return attempts.count() >= count

    until(page, lambda: look(2))
    expect(attempts.nth(0)).to_contain_text(re.compile("the job’s own webhook · (not )?delivered · (500|204)"))
    assert sorted(text.split(" · ")[3] for text in attempts.all_inner_texts()) == ["204", "500"]
    page.get_by_role("button", name="Deliver again").click()
    expect(page.locator("#message")).to_have_text("It is delivered again.")
    until(page, lambda: look(3))
    assert len(images.asked_for("/told")) == 3


def test_a_quota_that_is_used_up_is_said_and_nothing_is_asked_for_an_hour(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#updated")).to_contain_text("Last updated")
    asked: list[str] = []
    used_up = {"code": "QUOTA_EXCEEDED", "detail": "This key has made its requests of the month."}

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=429, json=used_up, headers={"retry-after": "86400"})

    page.route(re.compile(r"/jobs\?"), refuse)
    page.clock.install()
    page.evaluate("poll()")
    expect(page.locator("#updated")).to_contain_text(
        "This key has made its requests of the month. It is tried again in an hour. What is shown is of"
    )

    page.clock.run_for(3_500_000)
    assert len(asked) == 1
    page.clock.run_for(200_000)
    until(page, lambda: len(asked) == 2)
