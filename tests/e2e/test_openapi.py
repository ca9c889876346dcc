"""The API does what its own OpenAPI document says, for requests that nobody thought of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from api.app import app
from api.openapi.document import openapi_document
from imagemill.domain.codes import FileCode
from local.stack import Stack
from tests.support.shop import Shop, catalogue, eventually
from tests.support.web import Answer, TestWeb

#: What a CSV is refused for, which no schema can foretell.
OF_THE_CSV = {code.value for code in FileCode} - {FileCode.INVALID_OPTION.value}

pytest_plugins = ["schemathesis.pytest.plugin"]

#: Options that name what has to be in the file, or one of dozens of encodings.
OF_READING = {"serial_column", "name_column", "urls_column", "encoding"}
#: Addresses of no more characters have no longer hosts.
MAX_HOST_CHARACTERS = 253
#: Requests made up at random for each operation, with a fixed seed.
EXAMPLES = 10
#: Of the requests at the limits of each parameter and field, every so many-th: all take a minute and more.
SAMPLED = 3
schema = schemathesis.openapi.from_dict(
    openapi_document(app.routes(), "http://localhost"),
    config=SchemathesisConfig.from_dict({"seed": 1, "phases": {"coverage": {"unexpected-methods": []}}}),
)


@pytest.fixture(scope="session")
def calls() -> Iterator[Counter[str]]:
    """Calls by operation and status, told at the end (`pytest -s`)."""
    made: Counter[str] = Counter()
    yield made
    print(f"\n{made.total()} calls by schemathesis: {dict(sorted(made.items()))}")  # noqa: T201


@pytest.fixture(scope="session")
def finished_job(stack: Stack, thumbnail: bytes) -> str:
    """A job whose every route has something to show; of the tenant that the other tests use less."""
    shop = Shop(stack, stack.other_api_key)
    with TestWeb().serving() as web:
        picture = web.route("/a.jpg", Answer(body=thumbnail, headers={"content-type": "image/jpeg"}))
        rows = [["1", "A", f"{picture},{web.url}/missing.jpg"], ["2", "", picture]]
        webhook = web.route("/hook", Answer(status=204))
        job = shop.ended(shop.submit(catalogue(rows), f"?webhook_url={webhook}"))
        eventually(lambda: shop.get(f"/jobs/{job['job_id']}/deliveries")["deliveries"], "the delivery is logged")
    return str(job["job_id"])


def answers_are_as_described(operation: str) -> Any:
    @schema.include(operation_id=operation).parametrize()
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def test(case: Case[Any], stack: Stack, finished_job: str, calls: Counter[str]) -> None:
        assert case.meta
        if case.meta.phase.name is TestPhase.COVERAGE and crc32(repr(case).encode()) % SAMPLED:
            return
        if case.meta.generation.mode.is_positive:
            use_what_no_schema_can_tell(case, finished_job)
        key = {"x-api-key": stack.other_api_key}
        response = case.call(base_url=stack.api_url, headers=key, allow_redirects=False)
        calls[f"{case.method} {case.path} {response.status_code}"] += 1
        excluded = [unsupported_method]
        if response.status_code == 422 and json.loads(response.content)["code"] in OF_THE_CSV:
            excluded.append(positive_data_acceptance)
        # API Gateway takes no TRACE, which is what is tried; tests/e2e/test_strangers.py tries the others.
        case.validate_response(response, excluded_checks=excluded, headers=key)
        if response.status_code >= 400:
            described_answer = case.operation.definition.raw["responses"][str(response.status_code)]
            problem = json.loads(response.content)
            assert problem["status"] == response.status_code
            assert f"`{problem['code']}`" in described_answer["description"]

    return test


# A test of its own name each: schemathesis gives all that it makes of one test the same id, of which xdist runs one.
for described in schema.values():
    for operation in described.values():
        name = operation.definition.raw["operationId"]
        globals()[f"test_answers_of_{name}"] = answers_are_as_described(name)


def use_what_no_schema_can_tell(case: Case[Any], job_id: str) -> None:
    """Make a request that is good by its schema one that is good: a job that there is, no cursor, printable text.

    And hosts that may be: a name has 253 characters at the most (RFC 1035 section 2.3.4). How the CSV is to be read
    depends on the CSV. A duration has no time zone, a cron line one that there is; an address has no dry run.
    """
    nested = case.body.get("options") if isinstance(case.body, dict) else None
    givens: list[Any] = [case.query, case.body, nested]
    for given in givens:
        for name in OF_READING & set(given if isinstance(given, dict) else ()):
            del given[name]
        for name in {"webhook_url", "base_url", "url", "source_url"} & set(given if isinstance(given, dict) else ()):
            if len(str(given[name])) > MAX_HOST_CHARACTERS:
                given[name] = "https://shop.example/hook"
    if isinstance(case.body, dict) and {"every", "timezone"} & set(case.body):
        case.body |= {"every": "PT12H", "timezone": None}
    if isinstance(case.body, dict) and "source_url" in case.body:
        case.query.pop("dry_run", None)
    if "job_id" in case.path_parameters:
        case.path_parameters["job_id"] = job_id
    if "cursor" in case.query:
        del case.query["cursor"]
    if isinstance(case.body, dict) and isinstance(case.body.get("description"), str):
        case.body["description"] = ascii(case.body["description"])[:256]


def test_the_document_that_is_served_is_the_one_that_is_tried(stack: Stack) -> None:
    served = json.loads(Shop(stack, "").http.request("GET", f"{stack.api_url}/openapi.json").data)

    assert served == openapi_document(app.routes(), stack.api_url)
