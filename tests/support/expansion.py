"""A program for the emulator's Python, which has the SAM translator: a template on stdin, CloudFormation on stdout.

What lies in local folders is taken for uploaded. Parameters are `Name=value`, as to `sam deploy`.
"""

import json
import os
import sys

import boto3
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

UPLOADED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


def main() -> None:
    template = json.load(sys.stdin)
    for name, resource in template["Resources"].items():
        if resource["Type"] in UPLOADED:
            resource["Properties"][UPLOADED[resource["Type"]]] = f"s3://uploads/{name}"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # The client is asked for AWS's own policies where one is named; ours names none.
    loader = ManagedPolicyLoader(boto3.client("iam"))
    json.dump(transform(template, dict(value.split("=", 1) for value in sys.argv[1:]), loader), sys.stdout)


if __name__ == "__main__":
    main()
