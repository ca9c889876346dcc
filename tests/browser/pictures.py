"""`make pictures`: draws docs/images anew: the console's main views, and a terminal in which `make run` has run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

from local.origin import CATALOGUE, SampleOrigin
from local.stack import DEFAULT_PORT, PROJECT, Stack, free_port, running_stack
from tests.browser.conftest import chromium

IMAGES = PROJECT / "docs" / "images"
COLUMNS = 88


def shoot(page: Page, name: str) -> None:
    for picture in page.locator("img:visible").all():
        picture.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=80)


def draw_console(stack: Stack, catalogue: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 960, "height": 720})
        page.add_init_script(f"sessionStorage.setItem('imagemill-api-key', '{stack.api_key}')")
        page.goto(f"{stack.api_url}/")
        page.set_input_files("#file", catalogue)
        page.click("#start")
        page.locator("#failed > li").first.wait_for()
        shoot(page, "console-job")
        page.locator("#products").scroll_into_view_if_needed()
        page.get_by_role("button", name="Compare").first.click()
        page.wait_for_load_state("networkidle")
        shoot(page, "console-compare")
        page.keyboard.press("Escape")
        page.goto(f"{stack.api_url}/#")
        page.locator("#jobs > li").first.wait_for()
        shoot(page, "console-jobs")
        browser.close()


def draw_terminal() -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "PYTHONPATH": "client/src"}
    command = [sys.executable, "-m", "local.run", "--options", ""]
    ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    with Path(os.devnull).open("w") as nowhere:
        terminal = Console(record=True, width=COLUMNS, file=nowhere)
        terminal.print("$ make run", style="bold", highlight=False)
        terminal.print(Text.from_ansi(ran.stdout.rstrip()))
        # Without the fonts that rich has fetched from elsewhere: a page asks nobody about its readers.
        drawn = re.sub(r"\s*@font-face \{.*?\}", "", terminal.export_svg(title="imagemill"), flags=re.DOTALL)
        (IMAGES / "make-run.svg").write_text(drawn)


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    with SampleOrigin(), running_stack(free_port(DEFAULT_PORT + 300)) as stack:
        draw_console(stack, CATALOGUE)
    draw_terminal()
    return 0


if __name__ == "__main__":
    sys.exit(main())
