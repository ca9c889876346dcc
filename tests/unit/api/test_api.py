"""The API function as a whole: its health, its faults, and who may call it from a page."""

import importlib
import json
import sys
from typing import Any

import pytest

import api
import api.products
from api.app import handler
from imagemill import __version__
from imagemill.adapters.aws import clients
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, OTHER_TENANT


def test_a_fault_of_ours_is_a_500_that_tells_nothing(caller, event):
    clients.s3().delete_bucket(Bucket=CATALOGUE_BUCKET)

    document = caller.send(event("api_post_jobs_csv"))

    assert caller.problem(document) == (500, "INTERNAL_ERROR")
    assert "NoSuchBucket" not in json.dumps(document)


def test_health_needs_no_key(caller, event):
    asked = event("api_get_job") | {"path": "/health"}
    asked["requestContext"]["identity"]["apiKeyId"] = None

    assert caller.send(asked) == {"status": "ok", "version": __version__}


@pytest.fixture
def handler_with_origins(monkeypatch):
    """The function as it starts with origins allowed."""
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example, https://admin.example")
    monkeypatch.setattr(api, "app", api.app)
    monkeypatch.delitem(sys.modules, "api.app")
    return importlib.import_module("api.app").handler


def preflight(event: Any, origin: str) -> dict[str, Any]:
    asked: dict[str, Any] = event("api_get_job") | {"httpMethod": "OPTIONS"}
    asked["headers"] = {"origin": origin, "access-control-request-method": "POST"}
    asked["multiValueHeaders"] = {name: [value] for name, value in asked["headers"].items()}
    return asked


@pytest.mark.parametrize("origin", ["https://shop.example", "https://admin.example"])
def test_an_origin_that_is_named_may_call(aws, event, context, handler_with_origins, origin):
    answer = handler_with_origins(preflight(event, origin), context)

    assert answer["statusCode"] == 204
    assert answer["multiValueHeaders"]["Access-Control-Allow-Origin"] == [origin]
    allowed = answer["multiValueHeaders"]["Access-Control-Allow-Headers"][0].lower()
    assert {"content-type", "x-api-key", "idempotency-key"} <= set(allowed.split(","))


def test_another_origin_may_not_call(aws, event, context, handler_with_origins):
    answer = handler_with_origins(preflight(event, "https://evil.example"), context)

    assert "Access-Control-Allow-Origin" not in answer["multiValueHeaders"]


def test_by_default_no_origin_may_call(aws, event, context):
    answer = handler(preflight(event, "https://shop.example"), context)

    assert "Access-Control-Allow-Origin" not in answer["multiValueHeaders"]


def test_an_unknown_route_is_not_found(caller):
    assert caller.problem(caller.get("/nothing")) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/jobs", "GET, POST"), ("POST", "/health", "GET"), ("DELETE", f"/jobs/{JOB_ID}", "GET")],
)
def test_a_method_that_a_route_does_not_take_is_told_those_that_it_takes(caller, event, method, path, allowed):
    document = caller.send(event("api_get_job") | {"path": path, "httpMethod": method})

    assert caller.problem(document) == (405, "METHOD_NOT_ALLOWED")
    assert caller.headers["Allow"] == [allowed]


def test_each_tenant_has_a_signing_secret_of_its_own(caller):
    first = caller.get("/signing-secret")["secret"]

    assert first.startswith("whsec_")
    assert caller.get("/signing-secret")["secret"] == first
    assert caller.get("/signing-secret", tenant=OTHER_TENANT)["secret"] != first
