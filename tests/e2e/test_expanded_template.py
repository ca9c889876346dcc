"""What CloudFormation gets of template.yaml: the SAM translator takes it, and makes nothing that may do too much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import pytest

from tests.support.expanded import ExpansionError, decided, expanded
from tests.support.template import Resource, as_list, of_type, read_template

#: All that parameters can add.
EVERYTHING = (
    "Stage=prod",
    "Tracing=Active",
    "ApiAccessLogs=on",
    "AccessLogBucket=logs",
    "WebAclArn=arn:aws:wafv2:us-east-1:123456789012:regional/webacl/a/b",
    "SubnetIds=subnet-12345678",
    "SecurityGroupIds=sg-12345678",
    "ImageDomainName=images.example.com",
    "ImageCertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/x",
    "WarmReads=1000",
    "WarmWrites=1000",
)
#: template.yaml has the reason of each.
ALLOWED_EVERYTHING = {"TracingPolicy", "NetworkPolicy"}


@pytest.fixture(scope="module", params=[("Stage=dev",), ("Stage=prod",), EVERYTHING], ids=["dev", "prod", "everything"])
def deployed(request: pytest.FixtureRequest) -> Resource:
    return decided(expanded(read_template(), *request.param), *request.param)


def allowed(template: Resource) -> Iterator[tuple[str, Resource]]:
    """Every statement that allows a role something, and whose it is."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            yield from ((name, each) for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow")
    for name, policy in of_type(template, "AWS::IAM::ManagedPolicy").items():
        yield from ((name, each) for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow")


def test_no_role_may_do_everything_or_act_on_everything(deployed: Resource) -> None:
    statements = list(allowed(deployed))

    assert len({name for name, _ in statements}) >= 10
    for name, statement in statements:
        for action in as_list(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), f"{name}: {action}"
        if name not in ALLOWED_EVERYTHING:
            assert "*" not in as_list(statement["Resource"]), f"{name}: {statement['Action']}"


def test_no_role_has_a_policy_of_awss_own(deployed: Resource) -> None:
    for name, role in of_type(deployed, "AWS::IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            assert policy["Ref"] in ALLOWED_EVERYTHING, f"{name}: {policy}"


def test_every_role_is_the_templates(deployed: Resource) -> None:
    """What SAM makes by itself is wider than what is needed."""
    assert set(of_type(deployed, "AWS::IAM::Role")) == set(of_type(read_template(), "AWS::IAM::Role"))


def test_nothing_calls_a_function_past_its_alias(deployed: Resource) -> None:
    aliases = {name for name, resource in deployed["Resources"].items() if resource["Type"] == "AWS::Lambda::Alias"}
    sources = of_type(deployed, "AWS::Lambda::EventSourceMapping").values()
    permissions = of_type(deployed, "AWS::Lambda::Permission").values()

    assert len(aliases) == 7
    for called in (each["FunctionName"] for each in (*sources, *permissions)):
        assert called.get("Ref") in aliases, called


def references(value: Any) -> Iterator[str]:
    """What a resource, or a part of it, names: it is made after these."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for kind, of in value.items():
            match kind:
                case "Ref" | "DependsOn":
                    yield from as_list(of)
                case "Fn::GetAtt":
                    yield as_list(of)[0].partition(".")[0]
                case "Fn::Sub":
                    text, given = (of, {}) if isinstance(of, str) else of
                    yield from (name for name in re.findall(r"\${([\w:]+)[.}]", text) if name not in given)
                    yield from references(given)
                case _:
                    yield from references(of)


def test_every_reference_leads_somewhere(deployed: Resource) -> None:
    there = {*deployed["Resources"], *deployed["Parameters"]}

    for name in references(deployed["Resources"]):
        assert name in there or name.startswith("AWS::"), name


def test_nothing_is_made_after_itself(deployed: Resource) -> None:
    """CloudFormation refuses such a template. The embedded stack does not."""
    before = {
        name: {each for each in references(resource) if each in deployed["Resources"]}
        for name, resource in deployed["Resources"].items()
    }

    assert len(list(TopologicalSorter(before).static_order())) == len(before)


def test_what_the_translator_does_not_take_is_told() -> None:
    template = json.loads(json.dumps(read_template()))
    del template["Resources"]["ApiFunction"]["Properties"]["Handler"]

    with pytest.raises(ExpansionError, match="Handler"):
        expanded(template, "Stage=prod")
