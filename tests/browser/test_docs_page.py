"""The reference page: what is sent is what a person has filled in."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.support.shop import Shop

from .conftest import Open


def test_execute_with_only_a_file_makes_a_job_of_defaults(open_page: Open, shop: Shop, csv_file: Path) -> None:
    page = open_page("/docs")
    page.locator("#operations-Jobs-postJob").get_by_role("button").first.click()
    form = page.locator("#operations-Jobs-postJob")
    form.locator("input[type=file]").set_input_files(csv_file)
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        form.get_by_role("button", name="Execute").click()

    assert answered.value.status == 202, answered.value.text()
    job = answered.value.json()
    assert job["options"]["quality"] == 50
    assert job["options"]["max_width"] is None
    assert shop.ended(job["job_id"])["status"] == "COMPLETED"
    assert shop.products(job["job_id"])[0]["images"][0]["width"] == 160


def test_the_key_survives_a_reload_of_the_tab_and_a_link_leads_back(open_page: Open, shop: Shop) -> None:
    page = open_page("/docs", key=None)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(shop.api_key)
    page.locator(".auth-btn-wrapper button.authorize").click()
    page.reload()
    expect(page.locator(".auth-wrapper .authorize.locked")).to_be_visible()
    page.get_by_role("link", name="Console").click()
    expect(page.locator("#jobs-place")).to_be_visible()
