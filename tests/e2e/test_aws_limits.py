"""The embedded AWS refuses what AWS refuses: docs/reference/aws-limits.md."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.shop import Shop


def code_of(fault: pytest.ExceptionInfo[ClientError]) -> str:
    return str(fault.value.response["Error"]["Code"])


@pytest.mark.parametrize("group", ["My Shop", "Müller", "o" * 129])
def test_a_message_group_of_other_characters(shop: Shop, group: str) -> None:
    queue, sqs = shop.queue("products"), shop.aws("sqs")

    with pytest.raises(ClientError) as fault:
        sqs.send_message(QueueUrl=queue, MessageBody="{}", MessageGroupId=group)
    batch = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "{}", "MessageGroupId": group}])

    assert code_of(fault) == "InvalidParameterValue"
    assert [(entry["Code"], entry["SenderFault"]) for entry in batch["Failed"]] == [("InvalidParameterValue", True)]


def test_a_queue_of_a_long_name(shop: Shop) -> None:
    with pytest.raises(ClientError) as fault:
        shop.aws("sqs").create_queue(QueueName="q" * 81)
    assert code_of(fault) == "InvalidParameterValue"


def test_a_message_and_a_batch_over_a_mebibyte(shop: Shop) -> None:
    queue, sqs = shop.queue("products"), shop.aws("sqs")

    with pytest.raises(ClientError) as single:
        sqs.send_message(QueueUrl=queue, MessageBody="x" * (1024**2 + 1))
    halves = [{"Id": str(index), "MessageBody": "x" * 600_000} for index in range(2)]
    with pytest.raises(ClientError) as batch:
        sqs.send_message_batch(QueueUrl=queue, Entries=halves)

    assert code_of(single) == "InvalidParameterValue"
    assert code_of(batch).endswith("BatchRequestTooLong")


def test_an_item_over_400_kib(shop: Shop) -> None:
    item: Any = {"pk": {"S": "LIMITS"}, "sk": {"S": "1"}, "text": {"S": "x" * 400 * 1024}}
    with pytest.raises(ClientError) as fault:
        shop.aws("dynamodb").put_item(TableName=shop.stack.table, Item=item)
    assert code_of(fault) == "ValidationException"


def test_metadata_over_two_kib_and_a_key_over_a_kib(shop: Shop) -> None:
    s3, bucket = shop.aws("s3"), shop.stack.catalogue_bucket

    with pytest.raises(ClientError) as metadata:
        s3.put_object(Bucket=bucket, Key="limits/a", Body=b"", Metadata={"a": "x" * 2_048})
    with pytest.raises(ClientError) as key:
        s3.put_object(Bucket=bucket, Key="limits/" + "ü" * 512, Body=b"")
    s3.put_object(Bucket=bucket, Key="limits/a", Body=b"", Metadata={"a": "x" * 2_047})

    assert (code_of(metadata), code_of(key)) == ("MetadataTooLarge", "KeyTooLongError")


def test_an_executions_input_over_256_kib_and_a_name_of_other_characters(shop: Shop) -> None:
    states = shop.aws("stepfunctions")
    machines = states.list_state_machines()["stateMachines"]
    [machine] = [machine["stateMachineArn"] for machine in machines if machine["name"].endswith("-completion")]

    with pytest.raises(ClientError) as large:
        states.start_execution(stateMachineArn=machine, input=json.dumps("x" * 262_144))
    with pytest.raises(ClientError) as named:
        states.start_execution(stateMachineArn=machine, name="a b", input="{}")

    assert (code_of(large), code_of(named)) == ("ValidationException", "InvalidName")


def test_an_event_over_256_kib(shop: Shop) -> None:
    entry: Any = {"Source": "imagemill", "DetailType": "Test", "Detail": json.dumps("x" * 262_144)}
    with pytest.raises(ClientError) as fault:
        shop.aws("events").put_events(Entries=[entry])
    assert code_of(fault) == "ValidationException"


@pytest.mark.parametrize("megabytes", [5, 11])
def test_a_body_that_lambda_or_the_gateway_cannot_take(shop: Shop, megabytes: int) -> None:
    """5 MB are over 6 in base64."""
    headers = {"x-api-key": shop.stack.api_key, "Content-Type": "text/csv"}
    answer = shop.http.request("POST", f"{shop.stack.api_url}/jobs", body=b"x" * megabytes * 10**6, headers=headers)
    assert (answer.status, answer.json()["code"]) == (413, "FILE_TOO_LARGE")


def test_a_head_over_10_kib(shop: Shop) -> None:
    headers = {"x-api-key": shop.stack.api_key, "x-note": "x" * 10_240}
    answer = shop.http.request("GET", f"{shop.stack.api_url}/jobs", headers=headers)
    assert (answer.status, answer.json()["code"]) == (400, "REQUEST_REFUSED")
