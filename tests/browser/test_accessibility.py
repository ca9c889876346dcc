"""axe finds nothing to blame, in all views: light and dark, desktop and phone."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import Page

from .conftest import Open

#: A view's path, and what is there when it is whole; {job} is a job that ended with failures.
VIEWS = {
    "sign-in": ("/", "#key"),
    "jobs": ("/", "#jobs > li"),
    "job": ("/#/jobs/{job}", "#failed > li"),
    "webhooks": ("/#/webhooks", "#no-endpoints:not([hidden])"),
    "docs": ("/docs", ".opblock"),
}


#: The package is a wheel around axe-core; its own wrapper has no types.
AXE = files("axe_playwright_python") / "axe.min.js"


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return sorted(
        {f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]}
    )


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation(open_page: Open, ended_job: str, view: str, dark: bool, phone: bool) -> None:
    path, whole = VIEWS[view]
    without_key = {"key": None} if view == "sign-in" else {}
    page = open_page(path.format(job=ended_job), dark=dark, phone=phone, **without_key)
    page.locator(whole).first.wait_for()
    for summary in page.locator("details:visible > summary").all():
        summary.click()

    found = violations(page)
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
