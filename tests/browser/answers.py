"""What a page is answered in the API's place: held back, or of a moment that does not last."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, Route


def hold(held: list[Route], route: Route) -> None:
    held.append(route)


def with_a_job_that_goes_on(
    page: Page, job: dict[str, Any], has_ended: Callable[[], object] = lambda: False
) -> list[str]:
    """Let the page see an ended job in progress, just begun and further with each look, or as it is, when it has_ended.

    Gives the requests that ask for it.
    """
    asked: list[str] = []
    # The older a job is, the more seldom it is looked at.
    begun = datetime.now(UTC).isoformat()

    def look(route: Route) -> None:
        asked.append(route.request.url)
        if has_ended():
            route.fulfill(json=job)
            return
        progress = min(0.9, 0.1 * len(asked))
        going = {"status": "PROCESSING", "ended_at": None, "progress": progress, "images": None, "bytes": None}
        route.fulfill(json={**job, **going, "started_at": begun})

    page.route(re.compile(f"/jobs/{job['job_id']}$"), look)
    return asked
