"""Parameters that contradict each other are refused before anything is made, and names fit wherever a stack is."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.stack import CODE_BUCKET
from tests.support.shop import Shop

DOMAIN = {"ImageDomainName": "images.shop.example"}
CERTIFICATE = {"ImageCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/a"}
DEV = {"Stage": "dev"}


def propose(shop: Shop, name: str, parameters: dict[str, str]) -> Any:
    return shop.aws("cloudformation").create_change_set(
        StackName=name,
        ChangeSetName="create",
        ChangeSetType="CREATE",
        TemplateURL=f"{shop.stack.aws_endpoint_url}/{CODE_BUCKET}/template.yaml",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (DEV | DOMAIN, "ImageDomainName needs ImageCertificateArn"),
        (DEV | CERTIFICATE, "ImageCertificateArn needs ImageDomainName"),
        (DEV | DOMAIN | CERTIFICATE | {"OutputBaseUrl": "https://cdn.example"}, "give one of them"),
        (DEV | {"EmulatorUrl": "http://127.0.0.1:1"}, "EmulatorUrl is for Stage local"),
        ({"Stage": "local"}, "on AWS use dev or prod"),
        (DEV | {"ProductsVisibilitySeconds": "299"}, "as long as any timeout"),
        (DEV | {"IngestVisibilitySeconds": "300"}, "as long as any timeout"),
        (DEV | {"ReportVisibilitySeconds": "300"}, "as long as any timeout"),
        (DEV | {"ProcessTimeoutSeconds": "120"}, "ProcessTimeoutSeconds is 300, 600 or 900"),
        (DEV | {"SubnetIds": "subnet-0a"}, "SubnetIds needs SecurityGroupIds"),
        (DEV | {"SecurityGroupIds": "sg-0a"}, "SecurityGroupIds needs SubnetIds"),
        (DEV | {"WarmWrites": "8000"}, "both WarmReads and WarmWrites"),
        (DEV | {"SubnetIds": "10.0.0.0/24"}, "SubnetIds"),
        (DEV | {"WebAclArn": "arn:aws:wafv2:us-east-1:000000000000:global/webacl/a/b"}, "WebAclArn"),
        (DEV | {"ProcessConcurrency": "1"}, "ProcessConcurrency"),
        (DEV | {"RetentionDays": "3"}, "RetentionDays"),
        ({"Stage": "staging"}, "Stage"),
    ],
)
def test_what_cannot_be_is_refused_with_words_and_nothing_is_made(
    shop: Shop, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        propose(shop, "refused", parameters)
    with pytest.raises(ClientError):
        shop.aws("cloudformation").describe_stacks(StackName="refused")


def test_an_upper_case_name_of_56_characters_deploys_and_deploys_again_after_its_deletion(shop: Shop) -> None:
    cloudformation, name = shop.aws("cloudformation"), "Mill-" + "x" * 51
    pace: Any = {"Delay": 1, "MaxAttempts": 60}
    buckets = set()
    for _ in range(2):
        propose(shop, name, {"Stage": "local", "EmulatorUrl": shop.stack.aws_endpoint_url})
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName="create", WaiterConfig=pace
        )
        cloudformation.execute_change_set(StackName=name, ChangeSetName="create")
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=pace)
        outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        buckets |= {output["OutputValue"] for output in outputs if output["OutputKey"].endswith("BucketName")}
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=pace)

    assert len(buckets) == 4
    listed = {bucket["Name"] for bucket in shop.aws("s3").list_buckets()["Buckets"]}
    assert buckets < listed
