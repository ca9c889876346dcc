"""The stack as production has it, on the emulated account: without the parameters that stage `local` needs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import urllib3

from local.stack import _create_stack, _packaged_template, client
from tests.runtime.runtime import emulated_aws

from .test_expanded_template import EVERYTHING

#: The emulated AWS has no WAF.
KNOWN = tuple(each for each in EVERYTHING if not each.startswith("WebAclArn="))


@pytest.fixture
def account() -> Iterator[str]:
    with emulated_aws() as endpoint:
        client("s3", endpoint).create_bucket(Bucket="logs")
        yield endpoint


@pytest.mark.parametrize("given", [("Stage=prod",), KNOWN], ids=["prod", "everything"])
def test_it_is_made_answers_and_is_updated_though_no_code_has_changed(account: str, given: tuple[str, ...]) -> None:
    """Lambda publishes no version of a function that is as it was, and CloudFormation then takes all back."""
    values = dict(each.split("=", 1) for each in given)
    formation, template = client("cloudformation", account), _packaged_template(account)

    outputs = _create_stack(formation, "imagemill-prod", template, values)

    health = urllib3.request("GET", f"{account}/_aws/execute-api/{outputs['ApiId']}/v1/health")
    assert (health.status, json.loads(health.data)["status"]) == (200, "ok")
    [stack] = formation.describe_stacks(StackName="imagemill-prod")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    for changed in ({"Release": "2"}, {"Release": "2", "RedeliverySeconds": "60,60"}):
        formation.update_stack(
            StackName="imagemill-prod",
            TemplateURL=template,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in (values | changed).items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        formation.get_waiter("stack_update_complete").wait(
            StackName="imagemill-prod", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        versions = client("lambda", account).list_versions_by_function(FunctionName="imagemill-prod-api")["Versions"]
        alias = client("lambda", account).get_alias(FunctionName="imagemill-prod-api", Name="live")
        assert alias["FunctionVersion"] == max(each["Version"] for each in versions if each["Version"] != "$LATEST")
