"""template.yaml as the tests read it: resources by type, and the ids that they name."""

from typing import Any

Resource = dict[str, Any]


def of_type(template: Resource, kind: str) -> dict[str, Resource]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def target(reference: Any) -> str:
    """The logical id that `Ref` or `GetAtt` names."""
    [name] = reference.values()
    return str(name).partition(".")[0]


def functions(template: Resource) -> dict[str, Resource]:
    return of_type(template, "AWS::Serverless::Function")
