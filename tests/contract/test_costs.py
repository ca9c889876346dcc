"""The cost model counts the calls that the code makes, and the document's tables are those of the model."""

from collections import Counter
from typing import Any

import pytest

from bench.cost import BEGIN, END, JOB_SIZES, JobShape, as_markdown, calls, per_million_images
from tests.support.account import PROJECT
from tests.support.deployment import HEADER, Deployment, Deployments


@pytest.fixture
def deployment(aws: Any, web: Any, caller: Any, context: Any, picture: Any, monkeypatch: Any) -> Deployment:
    for image in range(3):
        web.route(f"/{image}.jpg", picture)
    return Deployments(aws, web, caller, context, picture, monkeypatch).new()


def made_by(deployment: Deployment, *, is_told: bool) -> dict[str, Counter[str]]:
    """The calls of a job of one product with three images, by function."""
    points = deployment.platform.points
    points.clear()
    urls = ",".join(f"{deployment.web.url}/{image}.jpg" for image in range(3))
    query = {"webhook_url": f"{deployment.web.url}/hook"} if is_told else {}
    body = f'{HEADER}\r\n1,A,"{urls}"\r\n'.encode()
    job = deployment.call(lambda: deployment.caller.post(body, query))
    deployment.platform.run()
    assert deployment.caller.get(f"/jobs/{job['job_id']}")["status"] == "COMPLETED"
    made: dict[str, Counter[str]] = {}
    for point in points:
        function, _, call = point.partition(": ")
        if call.startswith("before "):
            made.setdefault(function, Counter())[call.removeprefix("before ")] += 1
    return made


@pytest.mark.parametrize("is_told", [False, True])
def test_the_model_counts_the_calls_that_the_code_makes(deployment, is_told):
    for repeated in (False, True):
        made = made_by(deployment, is_told=is_told)

        assert made == calls(JobShape(3, repeated=repeated, receivers=int(is_told)))


def test_the_operators_table_is_what_the_model_says():
    document = (PROJECT / "docs" / "howto" / "operate.md").read_text(encoding="utf-8")

    _, _, rest = document.partition(BEGIN)
    assert rest.partition(END)[0].strip() == as_markdown().strip(), "run `python -m bench cost`"


def test_larger_jobs_and_repeated_ones_cost_less_an_image():
    for repeated in (False, True):
        sums = [sum(per_million_images(JobShape(size, repeated=repeated)).values()) for size in JOB_SIZES]
        assert sums == sorted(sums, reverse=True)
    for size in JOB_SIZES:
        first, again = (sum(per_million_images(JobShape(size, repeated=known)).values()) for known in (False, True))
        assert again < first
