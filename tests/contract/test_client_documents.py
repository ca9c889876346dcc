"""The client's types of the API's documents are those of the OpenAPI document."""

from typing import Any, NotRequired, get_origin, get_type_hints, is_typeddict

import pytest

from api.app import app
from api.openapi.document import openapi_document
from imagemill_client import documents

SCHEMAS = {
    "JobDocument": "Job",
    "ProductDocument": "Product",
    "ImageDocument": "Image",
    "WebhookDocument": "Webhook",
    "ScheduleDocument": "Schedule",
    "RedeliveredMessage": "Redelivery.messages",
    "ProductCounts": "Job.products",
    "ImageCounts": "Job.images",
    "ByteCounts": "Job.bytes",
    "Links": "Job.links",
    "Columns": "Reading.columns",
}
#: That the schema has in another place: `WebhookWithSecret`.
BESIDE = {"WebhookDocument": {"secret"}}
#: That a release before did not give, which the client may meet.
YOUNG = {
    "JobDocument": {"csv", "unchanged_since", "schedule_id"},
    "ProductCounts": {"skipped"},
    "ImageCounts": {"reused"},
    "ImageDocument": {"reused"},
}
DOCUMENTS = [
    name for name, kind in vars(documents).items() if is_typeddict(kind) and kind.__module__ == documents.__name__
]


def schema_of(name: str) -> Any:
    schemas = openapi_document(app.routes(), "https://api.example/v1")["components"]["schemas"]
    owner, _, field = SCHEMAS.get(name, name).partition(".")
    schema = schemas[owner]
    if field:
        schema = schema["properties"][field]
        schema = schema.get("items", schema)
        schema = next((kind for kind in schema.get("anyOf", []) if kind.get("type") == "object"), schema)
    return schema


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_the_fields_of_its_schema(name):
    hints, schema = get_type_hints(getattr(documents, name), include_extras=True), schema_of(name)
    required = {field for field, hint in hints.items() if get_origin(hint) is not NotRequired}

    assert set(hints) - BESIDE.get(name, set()) == set(schema["properties"])
    assert required == set(schema["required"]) - YOUNG.get(name, set())


def test_every_document_is_looked_at():
    assert set(SCHEMAS) < set(DOCUMENTS)
