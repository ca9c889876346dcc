"""The OpenAPI document: it describes the routes that there are, all of them, with the codes that they answer."""

import json
import re
from typing import Any

import pytest

from api.app import app
from api.openapi.document import described, openapi_document, problem_codes
from api.openapi.operations import OPERATIONS
from imagemill.domain.codes import FileCode, ImageCode, JobStatus, ProductStatus, RowCode
from imagemill.domain.options import MAX_QUALITY, OPTION_NAMES
from tests.support.account import PROJECT

#: What the gateway sends on to the function although it matches no route, and preflights.
CATCH_ALL = "/{proxy+}"
METHODS = ("get", "post", "patch", "delete", "put")


@pytest.fixture
def document() -> Any:
    return openapi_document(app.routes(), "https://api.example/v1")


def routes_of(template: Any) -> list[tuple[str, str]]:
    events = template["Resources"]["ApiFunction"]["Properties"]["Events"].values()
    routes = [(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events]
    return sorted(route for route in routes if route[1] != CATCH_ALL)


def test_every_route_is_in_the_template_and_in_the_document(template, document):
    documented = [
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS
    ]

    assert sorted(app.routes()) == routes_of(template)
    assert sorted(documented) == routes_of(template)


def test_a_route_that_is_not_there_is_not_described():
    assert set(openapi_document([("GET", "/health")], "https://a")["paths"]) == {"/health"}


def test_the_name_of_a_parameter_is_the_resolvers():
    document = openapi_document([("PATCH", "/webhooks/{endpoint}")], "https://a")

    [parameter] = document["paths"]["/webhooks/{endpoint}"]["patch"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("endpoint", "path", True)


def test_a_route_needs_a_key_in_the_template_where_the_document_says_so(template):
    events = template["Resources"]["ApiFunction"]["Properties"]["Events"].values()
    for event in (event["Properties"] for event in events):
        if event["Path"] != CATCH_ALL:
            operation = OPERATIONS[described((event["Method"], event["Path"]))]
            assert operation.needs_key is event.get("Auth", {}).get("ApiKeyRequired", True), event


def test_every_code_that_the_api_answers_is_described():
    source = "".join(path.read_text() for path in (PROJECT / "functions" / "api").rglob("*.py"))
    codes = set(re.findall(r"ProblemError\(\s*HTTPStatus\.\w+,\s*\"([A-Z_]+)\"", source))

    assert len(codes) > 10
    assert codes <= set(problem_codes())


def test_every_code_that_the_gateway_answers_is_described(template):
    responses = template["Resources"]["Api"]["Properties"]["GatewayResponses"].values()
    codes = {json.loads(response["ResponseTemplates"]["application/json"])["code"] for response in responses}

    assert codes <= set(problem_codes())


def test_codes_options_and_limits_are_those_of_the_domain(document):
    schemas = document["components"]["schemas"]

    assert schemas["JobStatus"]["enum"] == list(JobStatus)
    assert schemas["ProductStatus"]["enum"] == list(ProductStatus)
    assert schemas["ImageErrorCode"]["enum"] == list(ImageCode)
    assert set(schemas["Fault"]["properties"]["code"]["enum"]) == {*FileCode, *RowCode, *ImageCode}
    upload = document["paths"]["/uploads"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(upload["properties"]) == {"filename", *OPTION_NAMES}
    assert upload["properties"]["quality"]["anyOf"][0]["maximum"] == MAX_QUALITY
    parameters = {parameter["name"] for parameter in document["paths"]["/jobs"]["post"]["parameters"]}
    assert {*OPTION_NAMES, "dry_run", "Idempotency-Key"} == parameters


def test_every_message_to_a_receiver_is_described(document):
    ended = {f"job.{status.value.lower()}" for status in JobStatus if status.has_ended}

    assert set(document["webhooks"]) == {*ended, "webhook.test"}


def test_every_answer_carries_the_request_id_and_every_failure_is_a_problem(document):
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                assert "x-request-id" in response["headers"]
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}


def test_every_reference_leads_somewhere(document):
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))

    assert set(references) <= set(document["components"]["schemas"])


def test_names_of_operations_are_unique():
    names = [operation.name for operation in OPERATIONS.values()]

    assert len(names) == len(set(names))


def test_it_is_served_with_the_address_that_the_caller_used(caller, document):
    served = caller.get("/openapi.json")

    assert served["servers"] == [{"url": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1"}]
    assert served["paths"] == document["paths"]
