"""Alarms and dashboard: nothing unwatched, nothing watched that nobody emits, and each alarm with its page."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from imagemill.domain.codes import ImageCode
from imagemill.metrics import DIMENSIONS, NAMESPACE, Metric
from tests.support.documents import document
from tests.support.template import functions, of_type, target

#: Metrics of AWS's own, by namespace, with the dimensions that single out a resource.
AWS_METRICS = {
    "AWS/SQS": (
        {"QueueName"},
        {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateAgeOfOldestMessage",
        },
    ),
    "AWS/Lambda": ({"FunctionName"}, {"Duration", "Errors", "Throttles", "ConcurrentExecutions"}),
    "AWS/ApiGateway": ({"ApiName", "Stage"}, {"Count", "4XXError", "5XXError", "Latency"}),
    "AWS/States": (
        {"StateMachineArn"},
        {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"},
    ),
}
PSEUDO_PARAMETERS = {"AWS::Region", "AWS::StackName"}
#: What Lambda writes after an invocation, and what may follow it: after a warm start, a cold one, and a kill.
REPORT = (
    "REPORT RequestId: 3f1c\tDuration: 741.17 ms\tBilled Duration: 742 ms\t"
    "Memory Size: 1769 MB\tMax Memory Used: 384 MB\t"
)
REPORT_ENDS = ["", "Init Duration: 345.65 ms\t", "Status: timeout"]

Resource = dict[str, Any]
Watched = tuple[str, str, frozenset[tuple[str, str]]]


@pytest.fixture(scope="session")
def alarms(template: Resource) -> dict[str, Resource]:
    return of_type(template, "AWS::CloudWatch::Alarm")


@pytest.fixture(scope="session")
def widgets(template: Resource) -> list[Resource]:
    """The dashboard's widgets, references left as `${…}`."""
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    listed: list[Resource] = body["widgets"]
    return listed


def text_of(value: Any) -> str:
    """A value of a dimension: a text, or what it refers to as `Fn::Sub` would write it."""
    if isinstance(value, str):
        return value
    [(function, reference)] = value.items()
    return str(reference) if function == "Fn::Sub" else f"${{{reference}}}"


def watched(metric: Resource) -> Watched:
    dimensions = frozenset((dimension["Name"], text_of(dimension["Value"])) for dimension in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], dimensions


def watched_by(alarm: Resource) -> list[Watched]:
    if "MetricName" in alarm:
        return [watched(alarm)]
    return [watched(query["MetricStat"]["Metric"]) for query in alarm["Metrics"] if "MetricStat" in query]


def alarmed(alarms: dict[str, Resource], metric: str) -> set[str]:
    """The logical ids whose metric has an alarm."""
    return {
        value.strip("${}").partition(".")[0]
        for alarm in alarms.values()
        for _, name, dimensions in watched_by(alarm)
        for _, value in dimensions
        if name == metric
    }


def shown(widget: Resource) -> Iterator[tuple[Watched | None, Resource]]:
    """Each metric of a widget, shorthands written out, with its options; None for an expression."""
    before: list[str] = []
    for entry in widget["properties"]["metrics"]:
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        words = [word for word in entry if isinstance(word, str)]
        if not words:
            yield None, options
            continue
        before = before if words == ["..."] else words
        namespace, name, *pairs = before
        yield (namespace, name, frozenset(zip(pairs[::2], pairs[1::2], strict=True))), options


def is_emitted(metric: Watched, template: Resource) -> bool:
    namespace, name, dimensions = metric
    names = {dimension for dimension, _ in dimensions}
    if namespace in AWS_METRICS:
        own, known = AWS_METRICS[namespace]
        return names == own and name in known
    filtered = {
        text_of(transformation["MetricName"])
        for resource in of_type(template, "AWS::Logs::MetricFilter").values()
        for transformation in resource["MetricTransformations"]
    }
    if name in filtered:
        return namespace == NAMESPACE and not names
    expected = {"service", DIMENSIONS.get(Metric(name))} - {None}
    return namespace == NAMESPACE and names == expected and ("service", "${AWS::StackName}") in dimensions


def test_every_alarm_says_what_to_do_and_names_its_section_of_the_operations_guide(alarms):
    sections = document("docs/howto/operate.md").anchors

    for name, alarm in alarms.items():
        text, _, place = alarm["AlarmDescription"].rpartition(" ")
        page, _, section = place.partition("#")
        assert page == "docs/howto/operate.md", name
        assert section in sections, name
        assert text.count(". ") + text.endswith(("?", ".")) >= 1, name


def test_every_alarm_tells_the_topic_that_the_deployer_names_when_it_rings_and_when_it_ends(alarms):
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}

    assert {name for name, alarm in alarms.items() if alarm["AlarmActions"] != topic} == set()
    assert {name for name, alarm in alarms.items() if alarm["OKActions"] != topic} == set()


def test_every_function_has_an_alarm_for_its_errors_and_its_throttles(alarms, template):
    assert alarmed(alarms, "Errors") == set(functions(template))
    assert alarmed(alarms, "Throttles") == set(functions(template))


def test_every_queue_of_work_has_an_alarm_for_its_age_and_every_queue_of_dead_letters_has_one(alarms, template):
    queues = of_type(template, "AWS::SQS::Queue")
    dead = {
        target(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues.values() if "RedrivePolicy" in queue
    }

    ages, depths = (alarmed(alarms, f"Approximate{what}") for what in ("AgeOfOldestMessage", "NumberOfMessagesVisible"))
    assert set(queues) - dead <= ages
    assert dead <= ages | depths


def test_no_two_alarms_watch_the_same(alarms):
    """Each takes over the settings of another, and so its metric too, if one forgets to name its own."""
    counted = Counter(metric for alarm in alarms.values() for metric in watched_by(alarm))

    assert [metric for metric, times in counted.items() if times > 1] == []


def test_an_alarm_watches_nothing_that_nobody_emits(alarms, template):
    for name, alarm in alarms.items():
        for metric in watched_by(alarm):
            assert is_emitted(metric, template), name
            codes = {value for dimension, value in metric[2] if dimension == "code"}
            assert codes <= set(ImageCode), name


def test_the_dashboard_shows_nothing_that_nobody_emits(widgets, template):
    for widget in widgets:
        for metric, _ in shown(widget):
            assert metric is None or is_emitted(metric, template), metric


def test_the_dashboard_shows_all_that_we_count(widgets):
    text = json.dumps(widgets)

    assert {metric for metric in Metric if f'"{metric}' not in text} == set()


def test_the_dashboard_refers_to_what_there_is(template):
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    references = set(re.findall(r"\$\{([^}]+)\}", dashboard["DashboardBody"]["Fn::Sub"]))

    assert {name.partition(".")[0] for name in references} <= set(template["Resources"]) | PSEUDO_PARAMETERS


def test_searches_on_the_dashboard_name_a_metric_with_its_dimension(widgets):
    searches = [options["expression"] for widget in widgets for _, options in shown(widget) if "SEARCH" in str(options)]

    assert len(searches) == 4
    for search in searches:
        found = re.fullmatch(
            r"SEARCH\('\{(\w+),service,(\w+)\} MetricName=\"(\w+)\" service=\"\$\{AWS::StackName\}\"', 'Sum', \d+\)",
            search,
        )
        assert found, search
        assert (found[1], found[2]) == (NAMESPACE, DIMENSIONS[Metric(found[3])])


def test_expressions_of_a_widget_use_its_own_ids(widgets):
    for widget in widgets:
        options = [option for _, option in shown(widget)]
        ids = [option["id"] for option in options if "id" in option]
        assert len(ids) == len(set(ids))
        for option in options:
            if "expression" in option and "SEARCH" not in option["expression"]:
                assert set(re.findall(r"[a-z]\w*", option["expression"])) <= set(ids), option


def test_widgets_lie_side_by_side(widgets):
    places = {(widget["x"], widget["y"]) for widget in widgets}

    assert len(places) == len(widgets)
    assert all(widget["x"] % widget["width"] == 0 and widget["y"] % widget["height"] == 0 for widget in widgets)
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)


@pytest.mark.parametrize("end", REPORT_ENDS)
def test_the_memory_filters_read_the_memory_out_of_lambdas_report(template, end):
    filters = of_type(template, "AWS::Logs::MetricFilter")

    for resource in filters.values():
        *fields, rest = resource["FilterPattern"].strip("[]").split(", ")
        assert rest == "..."
        words = (REPORT + end).split()
        for field, word in zip(fields, words, strict=False):
            _, _, expected = field.partition("=")
            assert not expected or re.fullmatch(expected.replace("*", ".*"), word)
        [transformation] = resource["MetricTransformations"]
        assert words[fields.index(transformation["MetricValue"].strip("$"))] == "384"
        assert target({"Ref": resource["LogGroupName"]["Ref"]}) in template["Resources"]
