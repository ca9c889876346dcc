"""What AWS refuses for its size, its name or its characters, and ministack takes: so that tests see it here.

Each figure is a quota of the service named, as docs/reference/aws-limits.md lists them. What ministack holds itself
(a message's and a batch's size, an item's 400 KB, keys' lengths, a batch's entries) is not here again.
"""
# ruff: noqa: SLF001, PLC0415, ANN401

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

#: A message group: 1 to 128 letters, digits and ASCII punctuation (SQS API reference, SendMessage).
MESSAGE_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
#: CreateQueue, CreateFunction, CreateStateMachine and StartExecution, API references.
QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")
FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
EXECUTION_NAME = re.compile(r"[^\x00-\x20\x7f-\x9f<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")
#: A synchronous invocation's request and answer, in bytes: 6 MB and what surrounds them (Lambda quotas).
INVOCATION_BYTES = 6_291_556
#: What API Gateway takes: the body, and the request line with all header values (API Gateway quotas).
GATEWAY_BODY_BYTES, GATEWAY_HEAD_BYTES = 10 * 1024**2, 10_240
#: Input and output of a state, a task and an execution (Step Functions quotas).
STATE_BYTES = 262_144
#: An entry of PutEvents (EventBridge quotas).
EVENT_BYTES = 262_144
#: An object's key and all of its user metadata, names and values (S3 user guide).
KEY_BYTES, METADATA_BYTES = 1_024, 2_048


def json_bytes(value: Any) -> int:
    """The length of a value as the services carry it: JSON in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def metadata_bytes(headers: Mapping[str, str]) -> int:
    """The bytes of `x-amz-meta-` headers, as S3 counts them: names without the prefix, and values."""
    prefix = "x-amz-meta-"
    names = [name for name in headers if name.lower().startswith(prefix)]
    return sum(len(name[len(prefix) :].encode()) + len(headers[name].encode()) for name in names)


def event_bytes(entry: Mapping[str, Any]) -> int:
    """The size of an entry of PutEvents (EventBridge user guide, "Calculating event entry size")."""
    texts = [str(entry.get(name) or "") for name in ("Source", "DetailType", "Detail")]
    stamp = 14 if entry.get("Time") is not None else 0
    return stamp + sum(len(text.encode()) for text in [*texts, *(entry.get("Resources") or [])])


def head_bytes(method: str, path: str, headers: Mapping[str, str]) -> int:
    """The request line and the values of all headers."""
    return len(f"{method} {path} HTTP/1.1".encode()) + sum(len(str(value).encode()) for value in headers.values())


def refuse_what_aws_refuses() -> None:
    """Hold the emulator to all of these limits. Its errors have the codes of AWS."""
    _hold_queues()
    _hold_functions()
    _hold_gateway()
    _hold_state_machines()
    _hold_events()
    _hold_objects()


def _hold_queues() -> None:
    from ministack.services import sqs

    send, create = sqs._act_send_message, sqs._act_create_queue

    def send_held(data: dict[str, Any], url: str) -> Any:
        group = data.get("MessageGroupId")
        if group is not None and not MESSAGE_GROUP.fullmatch(group):
            raise sqs._Err(
                "InvalidParameterValue",
                f"Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include "
                "alphanumeric and punctuation characters. 1 to 128 in length.",
            )
        return send(data, url)

    def create_held(data: dict[str, Any], url: str) -> Any:
        if not QUEUE_NAME.fullmatch(data.get("QueueName", "")):
            raise sqs._Err(
                "InvalidParameterValue",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            )
        return create(data, url)

    sqs._act_send_message = send_held
    sqs._HANDLERS |= {"SendMessage": send_held, "CreateQueue": create_held}


def _hold_functions() -> None:
    from ministack.services import lambda_svc

    execute, create = lambda_svc._execute_function, lambda_svc._create_function

    def execute_held(function: dict[str, Any], event: Any) -> Any:
        result = execute(function, event)
        if not result.get("error") and json_bytes(result.get("body")) > INVOCATION_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({INVOCATION_BYTES} bytes)."
            body = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
            return {"body": body, "error": True, "log": result.get("log", "")}
        return result

    def create_held(data: dict[str, Any]) -> Any:
        name = str(data.get("FunctionName", "")).rsplit(":", 1)[-1]
        if not FUNCTION_NAME.fullmatch(name):
            message = (
                f"Value '{name}' at 'functionName' failed to satisfy constraint: at most 64 letters, digits, - and _"
            )
            return lambda_svc.error_response_json("ValidationException", message, 400)
        return create(data)

    lambda_svc._execute_function = execute_held
    lambda_svc._create_function = create_held


def _hold_gateway() -> None:
    from ministack.services import apigateway_v1

    invoke, build = apigateway_v1._invoke_lambda_proxy_v1, apigateway_v1._build_lambda_event_v1

    class TooLargeError(Exception):
        pass

    def build_held(*args: Any, **kwargs: Any) -> Any:
        event = build(*args, **kwargs)
        if json_bytes(event) > INVOCATION_BYTES:
            raise TooLargeError
        return event

    async def invoke_held(*args: Any, **kwargs: Any) -> Any:
        _, _, _, _, _, path, method, headers, body = args[:9]
        if head_bytes(method, path, headers) > GATEWAY_HEAD_BYTES:
            return apigateway_v1._gw_error("BAD_REQUEST_BODY", "Request header too large")
        try:
            if len(body or b"") > GATEWAY_BODY_BYTES:
                raise TooLargeError
            return await invoke(*args, **kwargs)
        except TooLargeError:
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")

    apigateway_v1._build_lambda_event_v1 = build_held
    apigateway_v1._invoke_lambda_proxy_v1 = invoke_held


def _hold_state_machines() -> None:
    from ministack.services import stepfunctions

    start, call = stepfunctions._start_execution, stepfunctions._call_lambda

    def start_held(data: dict[str, Any]) -> Any:
        name = data.get("name")
        if name is not None and not EXECUTION_NAME.fullmatch(name):
            return stepfunctions.error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
        if len(data.get("input", "{}").encode()) > STATE_BYTES:
            message = (
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {STATE_BYTES}"
            )
            return stepfunctions.error_response_json("ValidationException", message, 400)
        return start(data)

    def call_held(function: Any, event: Any) -> Any:
        result = call(function, event)
        if json_bytes(result) > STATE_BYTES:
            raise stepfunctions._ExecutionError(
                "States.DataLimitExceeded",
                "The state/task returned a result with a size exceeding the maximum number of bytes service limit.",
            )
        return result

    stepfunctions._start_execution = start_held
    stepfunctions._call_lambda = call_held


def _hold_events() -> None:
    from ministack.services import eventbridge

    put = eventbridge._put_events

    def put_held(data: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if sum(map(event_bytes, data.get("Entries", []))) > EVENT_BYTES:
            message = "Total size of the entries in the request is over the limit."
            return eventbridge.error_response_json("ValidationException", message, 400)
        return put(data, *args, **kwargs)

    eventbridge._put_events = put_held


def _hold_objects() -> None:
    from ministack.services import s3

    def hold(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_held(bucket: str, key: str, *rest: Any) -> Any:
            if len(key.encode()) > KEY_BYTES:
                return s3._error("KeyTooLongError", "Your key is too long", 400)
            if metadata_bytes(rest[-1]) > METADATA_BYTES:
                message = "Your metadata headers exceed the maximum allowed metadata size"
                return s3._error("MetadataTooLarge", message, 400)
            return write(bucket, key, *rest)

        return write_held

    s3._put_object = hold(s3._put_object)
    s3._copy_object = hold(s3._copy_object)
    s3._create_multipart_upload = hold(s3._create_multipart_upload)
