"""What operations do in the console: see what failed, hand it on, search, map columns, keep webhooks."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.support.shop import Shop, catalogue
from tests.support.web import TestWeb

from .conftest import Open


def test_what_failed_stands_on_top_in_words_and_a_click_shows_each_url(
    open_page: Open, ended_job: str, images: TestWeb
) -> None:
    page = open_page(f"/#/jobs/{ended_job}", phone=True)

    expect(page.locator("#failures-said")).to_have_text("3 failures in 3 products")
    groups = page.locator("#groups button")
    expect(groups).to_have_count(2)
    expect(groups.nth(0)).to_contain_text("an answer without the image")
    expect(groups.nth(1)).to_contain_text("The origin: name the URL of the image itself")
    groups.nth(1).click()
    expect(page.locator("#failed > li")).to_have_count(1)
    expect(page.locator("#failed a")).to_have_attribute("href", f"{images.url}/page")
    page.locator("#failed button").click()
    expect(page.locator("#message")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == f"{images.url}/page"


def test_failures_are_looked_for_no_further_than_the_job_counts(open_page: Open, shop: Shop, images: TestWeb) -> None:
    """Each page read on may be thousands of products that are none."""
    job = shop.ended(shop.submit(catalogue([("1", "Gone", f"{images.url}/gone-1.jpg")])))
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "status=" in request.url else None)
    page.evaluate(f"location.hash = '#/jobs/{job['job_id']}'")

    expect(page.locator("#failures-said")).to_have_text("1 failure in 1 product")
    assert [url.partition("status=")[2] for url in asked] == ["FAILED"]


def test_failures_are_handed_on_as_csv(open_page: Open, ended_job: str, images: TestWeb) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    with page.expect_download() as download:
        page.click("#failures-csv")

    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["row"], row["code"], row["url"]) for row in rows] == [
        ("22", "HTTP_STATUS", f"{images.url}/gone-1.jpg"),
        ("23", "HTTP_STATUS", f"{images.url}/gone-2.jpg"),
        ("24", "NOT_AN_IMAGE", f"{images.url}/page"),
    ]
    assert rows[0]["who can mend it"] == "the origin"


def test_a_product_is_found_by_serial_name_or_url_and_by_its_row(open_page: Open, ended_job: str) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    for words, found in (("gone-2", "23. Half"), ("product 21", "21. Product 21"), ("24", "24. Page")):
        page.fill("#search", words)
        page.press("#search", "Enter")
        expect(page.locator("#products > li strong").first).to_have_text(found)
        expect(page.locator("#products > li")).to_have_count(1)

    page.fill("#jump", "22")
    page.press("#jump", "Enter")
    expect(page.locator("#products > li strong")).to_have_text(["22. Gone", "23. Half", "24. Page"])


def test_columns_are_mapped_in_the_page_when_the_headers_are_not_known(
    open_page: Open, images: TestWeb, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(catalogue([("A1", "Cup", f"{images.url}/good.jpg")], ("Artikel", "Bezeichnung", "Foto")))
    page = open_page()
    page.set_input_files("#file", path)
    page.click("#start")
    expect(page.locator("#mapping")).to_be_visible()
    expect(page.locator("#map-urls")).to_have_value("Foto")
    page.select_option("#map-serial", "Artikel")
    page.select_option("#map-name", "Bezeichnung")
    page.click("#map-use")
    expect(page.locator("#message")).to_contain_text("No row is at fault: 1 row, 1 image")
    page.click("#start")

    expect(page.locator("#job .status")).to_have_text("COMPLETED")
    expect(page).to_have_title("completed: own.csv · imagemill")


def test_one_image_is_tried_at_four_qualities_before_the_whole_is_started(open_page: Open, csv_file: Path) -> None:
    page = open_page()
    page.set_input_files("#file", csv_file)
    page.click("#trial")

    expect(page.locator("#trials img")).to_have_count(4)
    page.get_by_role("button", name="Use it").nth(2).click()
    assert page.input_value("[name=quality]") == "70"


def test_before_and_after_are_compared_by_a_slider_and_at_their_own_size(open_page: Open, ended_job: str) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    page.get_by_role("button", name="Compare").first.click()
    expect(page.locator("#stage img")).to_have_count(2)
    for picture in page.locator("#stage img").all():
        expect(picture).to_have_js_property("naturalWidth", 160)
    page.locator("#slider").press("Home")
    assert page.evaluate("document.getElementById('stage').style.getPropertyValue('--cut')") == "0%"
    page.click("#actual")
    box = page.locator("#stage .under").bounding_box()
    assert box
    assert round(box["width"]) == 160
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()


def test_savings_are_drawn_per_format_and_per_error(open_page: Open, ended_job: str) -> None:
    page = open_page(f"/#/jobs/{ended_job}")
    page.click("#savings summary")
    expect(page.locator("#chart text")).to_contain_text(
        [re.compile("^jpeg, 20 images"), re.compile("^HTTP_STATUS 404: 2"), re.compile("^NOT_AN_IMAGE WEB_PAGE: 1")]
    )


def test_webhooks_are_added_tested_rotated_and_removed(open_page: Open, images: TestWeb) -> None:
    page = open_page("/#/webhooks")
    page.on("dialog", lambda dialog: dialog.accept())
    url = f"{images.url}/hook"
    page.fill("#webhook-address", url)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#secret code")).to_contain_text("whsec_")
    first = page.locator("#secret code").inner_text()
    card = page.locator("#endpoints > li", has_text=url)
    card.get_by_role("button", name="Send a test").click()
    expect(page.locator("#message")).to_have_text("A test is on its way.")
    card.get_by_role("button", name="New secret").click()
    expect(page.locator("#secret code")).not_to_have_text(first)
    card.get_by_role("button", name="Remove").click()
    expect(card).to_have_count(0)
