"""When an endpoint is disabled: gone, or failing for five days."""

from datetime import UTC, timedelta

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deliver.app import handler
from imagemill.adapters.store.deliveries import list_attempts
from imagemill.adapters.store.webhooks import change_webhook, delete_webhook, get_webhook, list_webhooks
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.webhooks.endpoint import MAX_FAILING, DisabledReason, has_failed_too_long
from imagemill.domain.webhooks.message import Delivery
from imagemill.steps.webhooks import announce
from tests.support.account import JOB_ID, TENANT, a_job
from tests.support.endpoints import WEBHOOK_ID, endpoint, iso, register
from tests.support.web import Answer

DAY_SECONDS = 86_400
#: Each example of a property makes some AWS calls, on endpoints of its own.
FEW = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def test_an_endpoint_that_is_gone_is_disabled(aws, context, event, told_endpoint):
    told_endpoint(Answer(410))

    assert handler(event("deliver_webhook"), context)["state"] == "GIVEN_UP"

    assert (endpoint().enabled, endpoint().disabled_reason) == (False, DisabledReason.GONE)


def test_an_endpoint_deleted_during_the_call_is_not_brought_back(aws, context, event, web, told_endpoint):
    told_endpoint(lambda _: (delete_webhook(TENANT, WEBHOOK_ID), Answer(410))[1])

    handler(event("deliver_webhook"), context)

    assert list_webhooks(TENANT) == []
    assert list_attempts(JOB_ID)[0].status == 410


def test_a_410_of_an_old_url_does_not_disable_the_new_one(aws, context, event, web, told_endpoint):
    told_endpoint(lambda _: (change_webhook(TENANT, WEBHOOK_ID, {"url": f"{web.url}/new"}), Answer(410))[1])

    handler(event("deliver_webhook"), context)

    assert endpoint().enabled


@FEW
@given(
    attempts=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([200, 204, 301, 404, 500, 503])), min_size=1, max_size=8
    )
)
def test_five_days_of_nothing_but_failures_disable_an_endpoint(aws, context, web, clock, attempts):
    """attempts: hours after the one before, and what was answered."""
    statuses: list[int] = []
    webhook_id, job_id = new_id(), new_id()
    announce(a_job(job_id=job_id, status=JobStatus.COMPLETED, ended_at=clock()))
    register(web.route("/hook", lambda _: Answer(statuses[-1])), webhook_id=webhook_id)
    failing_since = None
    enabled = True

    for number, (hours, status) in enumerate(attempts, 1):
        clock.now += timedelta(hours=hours)
        statuses.append(status)
        handler(Delivery(job_id, 1, webhook_id, attempt=number).as_dict(), context)
        if enabled:
            failing_since = None if status < 300 else failing_since or clock.now
            enabled = failing_since is None or clock.now - failing_since < MAX_FAILING

        webhook = get_webhook(TENANT, webhook_id)
        assert webhook
        assert webhook.enabled is enabled
        assert webhook.disabled_reason == (None if enabled else DisabledReason.FAILING)
        assert webhook.failing_since == (failing_since and iso(failing_since))


@given(
    start=st.datetimes(timezones=st.just(UTC), allow_imaginary=False),
    milliseconds=st.integers(0, 10 * DAY_SECONDS * 1000),
)
def test_the_fifth_day_counts_to_the_millisecond(start, milliseconds):
    assume(start.year < 9999)
    start = start.replace(microsecond=start.microsecond // 1000 * 1000)
    at = start + timedelta(milliseconds=milliseconds)

    assert has_failed_too_long(iso(start), iso(at)) is (milliseconds >= 5 * DAY_SECONDS * 1000)


def test_a_success_forgives_all_failures_before_it(aws, context, event, clock, told_endpoint):
    statuses = iter([500, 200, 500])
    told_endpoint(lambda _: Answer(next(statuses)))

    handler(event("deliver_webhook"), context)
    clock.now += timedelta(days=4)
    handler({**event("deliver_webhook"), "attempt": 2}, context)
    clock.now += timedelta(days=4)
    handler({**event("deliver_webhook"), "attempt": 3}, context)

    assert endpoint().enabled
    assert endpoint().failing_since == clock()


@pytest.mark.parametrize("status", [204, 410, 500])
def test_a_crash_at_any_point_is_mended_by_the_retry(aws, context, event, told_endpoint, clock, status):
    told_endpoint(lambda request: Answer(500 if request.number == 1 else status))
    handler(event("deliver_webhook"), context)
    clock.now += MAX_FAILING
    second = {**event("deliver_webhook"), "attempt": 2}
    point, crashed = 0, True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            answer = handler(second, context)
        crashed = len(points) == point

    delivered = status == 204
    # A crash between disabling and logging leaves an endpoint that the retry must not call.
    assert answer["state"] == ("DELIVERED" if delivered else "GIVEN_UP")
    assert [attempt.number for attempt in list_attempts(JOB_ID)] == [1, 2]
    assert list_attempts(JOB_ID)[1].delivered is delivered
    assert endpoint().enabled is delivered
    assert endpoint().disabled_reason == {410: DisabledReason.GONE, 500: DisabledReason.FAILING}.get(status)
