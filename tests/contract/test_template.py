"""template.yaml: least privilege, a log and an alarm for everything, and what the code takes for granted."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.store.runs import open_run
from imagemill.domain.product import MAX_RECEIVE_COUNT
from ingest.app import MAX_INGEST_RECEIVE_COUNT
from process.app import handler as process
from tests.support.account import ENVIRONMENT, JOB_ID, OTHER_JOB_ID, PROJECT
from tests.support.template import Resource, as_list, functions, of_type, target

FUNCTIONS = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/app.py"))
EVENTS = sorted((PROJECT / "events").glob("*.json"))
#: Set for glibc alone, not read by our code.
MEMORY_SETTINGS = re.compile("(MALLOC|PILLOW)_.*")
BUCKET_PREFIX = "/(inbox|uploads|outputs|outbox|images)/"
WILDCARD = re.compile(
    rf"[^*]+({BUCKET_PREFIX}|:execution:[^*]+-completion:|:schedule/\${{ScheduleGroup}}/"
    r"|:cloudwatch:\${AWS::Region}:\${AWS::AccountId}:alarm:)\*"
)
OPTIONAL_POLICIES = [
    {"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]}
    for condition, name in (("IsTraced", "TracingPolicy"), ("InVpc", "NetworkPolicy"))
]
SET_BY_LAMBDA = re.compile("AWS_LAMBDA_.*")


def role_statements(template: Resource) -> Iterator[tuple[str, Resource]]:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            assert policy in OPTIONAL_POLICIES, f"{name}: AWS's own policies are wider than what is needed"
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def source_queues(function: Resource) -> list[str]:
    events = function.get("Events", {}).values()
    return [target(event["Properties"]["Queue"]) for event in events if event["Type"] == "SQS"]


def default(template: Resource, value: Any) -> int:
    """A number, or the default of the parameter that it refers to."""
    return int(template["Parameters"][target(value)]["Default"] if isinstance(value, dict) else value)


def alarmed_queues(template: Resource) -> set[str]:
    return {
        target(dimension["Value"])
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }


def test_no_role_may_do_everything_or_act_on_everything(template):
    statements = list(role_statements(template))

    assert statements
    for role, statement in statements:
        assert not {"NotAction", "NotResource"} & set(statement), role
        for action in as_list(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), f"{role}: {action}"
        for resource in as_list(statement["Resource"]):
            assert resource != "*", f"{role}: {statement['Action']}"


def test_a_wildcard_stands_for_objects_under_a_prefix_or_for_names_in_a_machine_or_group_or_for_alarms_alone(template):
    for role, statement in role_statements(template):
        for resource in as_list(statement["Resource"]):
            text = str(*resource.values())
            if "*" in text:
                assert WILDCARD.fullmatch(text), f"{role}: {text}"


def test_every_function_has_a_role_of_its_own(template):
    roles = {name: target(function["Role"]) for name, function in functions(template).items()}

    assert roles == {name: name.removesuffix("Function") + "Role" for name in roles}
    assert not any("Policies" in function for function in functions(template).values())


def test_a_role_may_write_to_the_log_of_its_function_alone(template):
    for role, statement in role_statements(template):
        if any(action.startswith("logs:") for action in as_list(statement["Action"])):
            assert target(statement["Resource"]) == role.replace("Role", "Logs")


def test_every_function_has_a_log_group_with_retention(template):
    logs = of_type(template, "AWS::Logs::LogGroup")

    for name, function in functions(template).items():
        group = target(function["LoggingConfig"]["LogGroup"])
        assert group == name.removesuffix("Function") + "Logs"
        assert logs[group]["RetentionInDays"] > 0


def test_every_queue_that_feeds_a_function_has_dead_letters_with_an_alarm(template):
    queues = of_type(template, "AWS::SQS::Queue")
    dead_letters = {
        name: target(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for name, queue in queues.items()
        if "RedrivePolicy" in queue
    }

    for function in functions(template).values():
        for queue in source_queues(function):
            assert queue in dead_letters, queue
    assert set(dead_letters.values()) <= alarmed_queues(template)


def test_a_dead_letter_is_kept_longer_than_it_may_have_waited_before(template):
    """It keeps the age that it had (SQS developer guide, "message retention period")."""
    queues = of_type(template, "AWS::SQS::Queue")

    dead = {
        target(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues.values() if "RedrivePolicy" in queue
    }
    longest_wait = max(queue["MessageRetentionPeriod"] for name, queue in queues.items() if name not in dead)
    assert all(queues[name]["MessageRetentionPeriod"] >= 2 * longest_wait for name in dead)


def test_a_message_stays_hidden_for_as_long_as_its_function_may_run(template):
    queues = of_type(template, "AWS::SQS::Queue")

    for name, function in functions(template).items():
        for queue in source_queues(function):
            visibility = default(template, queues[queue]["VisibilityTimeout"])
            assert visibility >= default(template, function["Timeout"]), name


def test_a_product_is_received_as_often_as_the_code_takes_for_granted(template):
    products = of_type(template, "AWS::SQS::Queue")["ProductsQueue"]

    assert products["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVE_COUNT


def test_an_ingest_message_is_received_as_often_as_the_code_takes_for_granted(template):
    ingest = of_type(template, "AWS::SQS::Queue")["IngestQueue"]

    assert ingest["RedrivePolicy"]["maxReceiveCount"] == MAX_INGEST_RECEIVE_COUNT


def test_batches_of_products_may_fail_in_part(template):
    [trigger] = functions(template)["ProcessFunction"]["Events"].values()

    assert trigger["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_folder_of_functions_is_a_function_and_every_handler_a_folder(template):
    handlers = {name: function["Handler"] for name, function in functions(template).items()}

    assert sorted(handlers.values()) == [f"{name}.app.handler" for name in FUNCTIONS]
    assert all(name == handler.partition(".")[0].capitalize() + "Function" for name, handler in handlers.items())


def test_the_functions_get_the_environment_that_these_tests_give(template):
    declared = set(template["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions(template).values():
        declared |= set(function.get("Environment", {}).get("Variables", {}))

    assert {name for name in declared if not MEMORY_SETTINGS.fullmatch(name)} == {
        name for name in ENVIRONMENT if not SET_BY_LAMBDA.fullmatch(name)
    }


def test_every_variable_that_a_function_reads_is_set_for_it(template):
    everywhere = set(template["Globals"]["Function"]["Environment"]["Variables"])

    for name, function in functions(template).items():
        folder = PROJECT / "functions" / function["Handler"].partition(".")[0]
        source = "".join(path.read_text() for path in folder.glob("*.py"))
        named = re.findall(r"""os\.environ(?:\[|\.get\()"([A-Z_]+)\"""", source)
        read = {name for name in named if not SET_BY_LAMBDA.fullmatch(name)}
        assert read <= everywhere | set(function.get("Environment", {}).get("Variables", {})), name


def test_webhooks_are_tried_and_secrets_overlap_as_the_contract_says(template):
    minute, hour = 60, 3600
    delays = [0, 5, 5 * minute, 30 * minute, *(hours * hour for hours in (2, 5, 10, 14, 20, 24))]

    assert template["Parameters"]["WebhookDelaysSeconds"]["Default"] == ",".join(map(str, delays))
    assert template["Parameters"]["SecretOverlapSeconds"]["Default"] == 24 * hour


def test_every_object_that_arrives_is_told_to_ingest(template):
    bucket = of_type(template, "AWS::S3::Bucket")["CatalogueBucket"]
    rules = bucket["NotificationConfiguration"]["QueueConfigurations"]

    prefixes = {rule["Filter"]["S3Key"]["Rules"][0]["Value"] for rule in rules}
    assert prefixes == {"uploads/", "inbox/"}
    assert {(rule["Event"], target(rule["Queue"])) for rule in rules} == {("s3:ObjectCreated:*", "IngestQueue")}


def test_all_but_health_pages_and_preflight_need_a_key(template):
    routes = [route["Properties"] for route in functions(template)["ApiFunction"]["Events"].values()]
    keyless = {
        (route["Method"], route["Path"]) for route in routes if not route.get("Auth", {}).get("ApiKeyRequired", True)
    }

    assert template["Resources"]["Api"]["Properties"]["Auth"]["ApiKeyRequired"] is True
    public = {("GET", path) for path in ("/health", "/openapi.json", "/docs", "/")}
    assert keyless == {*public, ("OPTIONS", "/{proxy+}")}


def test_every_answer_of_the_gateway_is_a_problem_that_a_page_can_read(template):
    responses = template["Resources"]["Api"]["Properties"]["GatewayResponses"]

    assert {"DEFAULT_4XX", "DEFAULT_5XX", "INVALID_API_KEY", "THROTTLED", "QUOTA_EXCEEDED"} <= set(responses)
    for name, response in responses.items():
        headers = response["ResponseParameters"]["Headers"]
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        assert set(problem) == {"type", "title", "status", "detail", "code"}, name
        assert problem["status"] == response["StatusCode"], name
        assert headers["x-request-id"] == "context.requestId", name
        assert headers["Content-Type"] == "'application/problem+json'", name
        assert headers["Access-Control-Allow-Origin"]["Fn::If"][:2] == ["CallsFromPages", "'*'"], name
        assert ("retry-after" in headers) is (response["StatusCode"] == 429), name


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event_is_named_after_a_function_and_can_be_read(path):
    assert path.stem.partition("_")[0] in FUNCTIONS
    assert json.loads(path.read_text(encoding="utf-8"))


def test_every_function_has_an_event():
    assert {path.stem.partition("_")[0] for path in EVENTS} == set(FUNCTIONS)


def test_what_decodes_strangers_bytes_reaches_no_tenants_secrets(template, aws, context, event, web, picture):
    [tables] = [
        statement
        for name, statement in role_statements(template)
        if name == "ProcessRole" and any("dynamodb:" in action for action in as_list(statement["Action"]))
    ]
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)
    asked_for: set[str] = set()

    def note(params: Any, **_: Any) -> None:
        asked_for.update(re.findall(r'"pk": \{"S": "([A-Z]+#)', json.dumps(json.loads(params["body"]))))

    events = clients.dynamodb().meta.events
    events.register("before-call.dynamodb.*", note)
    try:
        web.route("/sku1-front.jpg", picture)
        process(event("process_products", web.url), context)
    finally:
        events.unregister("before-call.dynamodb.*", note)

    assert tables["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["JOB#*", "ORIGIN#*", "SOURCE#*"]}
    }
    assert asked_for == {"JOB#", "ORIGIN#"}
