"""Runs the emulated AWS (ministack) in this process, mending the few places where it differs from AWS.

Runs in a venv of its own, beside the functions': `local.stack` starts it and states its environment. The
emulator is pinned by hash, so what is replaced here is known to be there.
"""
# ruff: noqa: SLF001, PLC0415, ANN401

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from local.aws_limits import refuse_what_aws_refuses

#: The API's id in its address.
API_ID = "imagemill"
#: How soon an emulator whose parent was killed notices, in seconds.
PARENT_POLL_SECONDS = 0.5
#: What the emulator sleeps before an execution begins. Its own waits of a state machine are whole seconds.
PAUSE_BEFORE_EXECUTION_SECONDS = 0.15
#: SQS authorises a batch by the single action's name (SQS developer guide, "API permissions").
BATCH_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def name_the_caller() -> None:
    """Give Lambda the API key's id and the domain name, as API Gateway does (requestContext, payload 1.0)."""
    from ministack.services import apigateway_v1

    build_event = apigateway_v1._build_lambda_event_v1

    def build_event_with_caller(*args: Any, **kwargs: Any) -> dict[str, Any]:
        event: dict[str, Any] = build_event(*args, **kwargs)
        headers = {name.lower(): value for name, value in event["headers"].items()}
        context = event["requestContext"]
        context["domainName"] = headers.get("host", "localhost")
        key = apigateway_v1._resolve_api_key(headers.get("x-api-key"))
        if key is not None:
            context["identity"] |= {"apiKeyId": key["id"], "apiKey": key["value"]}
        return event

    apigateway_v1._build_lambda_event_v1 = build_event_with_caller


def keep_addresses_and_keys() -> None:
    """Give the API a name of its own, its first key the value that the environment states, and keys ids by their value.

    So address, keys and tenants are the same at every start.
    """
    from ministack.services import apigateway_v1

    create_key = apigateway_v1._create_api_key
    find_id = apigateway_v1._resolve_custom_rest_api_id

    def create_known_key(data: dict[str, Any]) -> Any:
        known = {key["value"] for key in apigateway_v1._api_keys.values()}
        first = os.environ["IMAGEMILL_API_KEY"]
        if data.get("value") is None and first not in known:
            data = {**data, "value": first}
        status, headers, body = create_key(data)
        if status != 201:
            return status, headers, body
        key = apigateway_v1._api_keys.pop(json.loads(body)["id"])
        key["id"] = hashlib.sha256(key["value"].encode()).hexdigest()[:10]
        apigateway_v1._api_keys[key["id"]] = key
        return apigateway_v1._v1_response(key, 201)

    def find_known_id(tags: dict[str, Any]) -> Any:
        custom, error = find_id(tags)
        free = apigateway_v1.find_api_scope(API_ID) is None
        return (API_ID, None) if custom is None and error is None and free else (custom, error)

    apigateway_v1._create_api_key = create_known_key
    apigateway_v1._resolve_custom_rest_api_id = find_known_id


def import_gateway_responses() -> None:
    """Take the error bodies that SAM writes into the API's definition, as API Gateway does at import."""
    from ministack.services import apigateway_v1

    import_api = apigateway_v1._import_rest_api

    def import_with_responses(definition: Any, *args: Any, **kwargs: Any) -> Any:
        api_id = import_api(definition, *args, **kwargs)
        for kind, response in definition.get("x-amazon-apigateway-gateway-responses", {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        return api_id

    apigateway_v1._import_rest_api = import_with_responses


def match_media_types() -> None:
    """Read `text~1csv` as `text/csv`: CloudFormation wants slashes of BinaryMediaTypes escaped so."""
    from ministack.services import apigateway_v1

    matches = apigateway_v1._media_type_matches

    def matches_unescaped(media_type: str, patterns: list[str]) -> bool:
        return bool(matches(media_type, [pattern.replace("~1", "/") for pattern in patterns]))

    apigateway_v1._media_type_matches = matches_unescaped


def read_ranges_of_versions() -> None:
    """Give of a version the bytes that were asked for. The emulator reads `Range` of the latest version alone."""
    from ministack.services import s3

    get_object = s3._get_object

    def get_range(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Any:
        status, answered, body = get_object(bucket, key, headers, query)
        asked = headers.get("range", "")
        if status != 200 or not asked or not s3._qp(query or {}, "versionId", ""):
            return status, answered, body
        found = s3._parse_range(asked, len(body))
        if found is None:
            told = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
            return 416, told, s3._xml_body(s3._range_error_xml(bucket, key))
        start, end = found
        # S3 gives no checksum of the whole with a part of it.
        kept = {name: value for name, value in answered.items() if not name.lower().startswith("x-amz-checksum-")}
        part = {"Content-Length": str(end + 1 - start), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
        return 206, kept | part, body[start : end + 1]

    s3._get_object = get_range


def authorise_batches() -> None:
    from ministack.core import iam_actions

    extract = iam_actions.extract_iam_action

    def extract_single_action(*args: Any, **kwargs: Any) -> Any:
        action = extract(*args, **kwargs)
        return BATCH_ACTIONS.get(action, action)

    iam_actions.extract_iam_action = extract_single_action


def name_scheduled_times() -> None:
    """Put the time into a timer's message, as EventBridge Scheduler does; and name its group in what is authorised."""
    from ministack.core import iam_actions
    from ministack.services import eventbridge

    invoke, resource = eventbridge._invoke_target, iam_actions.extract_resource_arn

    def invoke_with_time(target: dict[str, Any], event: dict[str, Any], *args: Any) -> Any:
        if event.get("Source") == "aws.scheduler" and "Input" in target:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"]))
            target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", at)}
        return invoke(target, event, *args)

    def resource_in_group(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *args: Any
    ) -> Any:
        arn = resource(service, method, path, headers, body, query, *args)
        if service != "scheduler" or ":schedule/default/" not in str(arn):
            return arn
        given = query.get("groupName") or json.loads(body or b"{}").get("GroupName") or "default"
        group = given[0] if isinstance(given, list) else given
        return arn.replace(":schedule/default/", f":schedule/{group}/")

    eventbridge._invoke_target = invoke_with_time
    iam_actions.extract_resource_arn = resource_in_group


class _InZone(str):
    """A timer's expression that knows its time zone. The emulator hands on the expression alone."""

    zone: ZoneInfo


def fire_by_time_zones() -> None:
    """Read a timer's cron line in its time zone, as EventBridge Scheduler does."""
    from ministack.services import eventbridge, scheduler

    tick, parse, next_fire = scheduler._tick_schedules, eventbridge._parse_cron_fields, eventbridge._cron_next_fire

    def tick_in_zones() -> None:
        for timer in list(scheduler._schedules._data.values()):
            expression = timer["ScheduleExpression"] = _InZone(timer["ScheduleExpression"])
            expression.zone = ZoneInfo(timer["ScheduleExpressionTimezone"])
        tick()

    def parse_in_zone(expression: str) -> Any:
        fields = parse(expression)
        return (fields, expression.zone) if fields and isinstance(expression, _InZone) else fields

    def next_in_zone(fields: Any, after: datetime) -> datetime | None:
        if len(fields) == 2:
            fields, zone = fields
            after = after.astimezone(zone)
        found: datetime | None = next_fire(fields, after)
        return found

    scheduler._tick_schedules = tick_in_zones
    eventbridge._parse_cron_fields = parse_in_zone
    eventbridge._cron_next_fire = next_in_zone


def tell_events_source() -> None:
    """Let policies ask for an event's source (`events:source`), as IAM does at PutEvents."""
    from ministack.core import iam_actions

    tags = iam_actions.request_tag_context

    def with_source(service: str, action: str, body: bytes, *args: Any) -> dict[str, Any]:
        context: dict[str, Any] = tags(service, action, body, *args)
        if action != "events:PutEvents":
            return context
        sources = {entry.get("Source") for entry in json.loads(body).get("Entries", [])}
        return context | {"events:source": sources.pop() if len(sources) == 1 else sorted(map(str, sources))}

    iam_actions.request_tag_context = with_source


def count_concurrency() -> None:
    """Read MaximumConcurrency as the number that it is, also when a template parameter gave it as text."""
    from ministack.services import lambda_svc

    concurrency = lambda_svc._sqs_esm_concurrency

    def numeric_concurrency(mapping: dict[str, Any], *args: Any) -> Any:
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *args)

    lambda_svc._sqs_esm_concurrency = numeric_concurrency


def move_aliases_at_once() -> None:
    """Take CodeDeploy's resources without doing anything: here an alias moves in the update itself, all at once."""
    from ministack.services.cloudformation import provisioners

    def create(logical_id: str, *_: Any) -> tuple[str, dict[str, str]]:
        return logical_id, {}

    nothing = {"create": create, "delete": lambda *_: None}
    provisioners._RESOURCE_HANDLERS |= {
        "AWS::CodeDeploy::Application": nothing,
        "AWS::CodeDeploy::DeploymentGroup": nothing,
    }


def take_alarms_of_several_metrics() -> None:
    """Take an alarm over several metrics for one over the first of them: the emulator refuses it, and rings none."""
    from ministack.services.cloudformation import provisioners

    record = provisioners._cw_metric_alarm_record

    def of_the_first(name: str, properties: dict[str, Any]) -> Any:
        if properties.get("Metrics"):
            first = next(each["MetricStat"] for each in properties["Metrics"] if "MetricStat" in each)
            of_one = {"Metrics": None, **first["Metric"], "Period": first["Period"], "Statistic": first["Stat"]}
            properties = {**properties, **of_one}
        return record(name, properties)

    provisioners._cw_metric_alarm_record = of_the_first


def hand_in_at_once() -> None:
    """Send an event's head and body to a function together, by leaving out Nagle's algorithm.

    The emulator's Runtime API writes them one after the other; each invocation waited 40 ms for the second.
    """
    import socketserver

    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def leading_to_console(app: Any) -> Any:
    """An app that sends a browser from the port's root to the console. S3 lists its buckets there, but signed."""

    async def lead(scope: Any, receive: Any, send: Any) -> None:
        asks_for_root = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and scope["path"] == "/"
        names = {name for name, _ in scope.get("headers", ())}
        if not asks_for_root or scope["query_string"] or names & {b"authorization", b"x-amz-date", b"x-amz-target"}:
            await app(scope, receive, send)
            return
        headers = [(b"location", f"/_aws/execute-api/{API_ID}/v1/".encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return lead


def serve_with_uvicorn() -> None:
    """Let uvicorn's parser, which is C, read the requests: hypercorn's takes a fifth of the emulator's time.

    What the emulator itself says of its answers (Server, Date) stays.
    """
    import hypercorn.asyncio
    import uvicorn

    async def serve(app: Any, config: Any) -> None:
        host, _, port = config.bind[0].rpartition(":")
        await uvicorn.Server(
            uvicorn.Config(
                leading_to_console(app),
                host=host,
                port=int(port),
                http="httptools",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=config.keep_alive_timeout,
                timeout_graceful_shutdown=1,
            )
        ).serve()

    hypercorn.asyncio.serve = serve


def begin_executions_at_once() -> None:
    """Leave out the pause before an execution's first state: each run of a job ended that much later."""
    from ministack.services import stepfunctions

    def sleep(seconds: float) -> None:
        if seconds != PAUSE_BEFORE_EXECUTION_SECONDS:
            time.sleep(seconds)

    stepfunctions.time = SimpleNamespace(**(vars(time) | {"sleep": sleep}))


def end_with_parent() -> None:
    """Leave when the parent is gone, even by kill -9: nothing that `make dev` started may outlive it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_SECONDS)
        os.killpg(0, 9)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    from ministack.app import main

    end_with_parent()
    name_the_caller()
    keep_addresses_and_keys()
    import_gateway_responses()
    match_media_types()
    read_ranges_of_versions()
    authorise_batches()
    name_scheduled_times()
    fire_by_time_zones()
    tell_events_source()
    count_concurrency()
    move_aliases_at_once()
    take_alarms_of_several_metrics()
    refuse_what_aws_refuses()
    hand_in_at_once()
    begin_executions_at_once()
    serve_with_uvicorn()
    main()
