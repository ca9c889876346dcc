"""template.yaml as the tests read it: resources by type, and the ids that they name."""

from typing import Any

import yaml

from tests.support.account import PROJECT

Resource = dict[str, Any]


class CloudFormationLoader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions as their long ones: `!GetAtt A.B` as `{"Fn::GetAtt": "A.B"}`."""


def _intrinsic(loader: CloudFormationLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


CloudFormationLoader.add_multi_constructor("!", _intrinsic)


def read_template() -> Resource:
    """template.yaml, its intrinsic functions in their long form."""
    document: Resource = yaml.load((PROJECT / "template.yaml").read_text(), CloudFormationLoader)
    return document


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
