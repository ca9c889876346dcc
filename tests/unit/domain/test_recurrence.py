"""How often a feed is fetched: durations, cron lines, time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.aws.timers import expression
from imagemill.domain.recurrence import CronLine, Interval, parse_recurrence
from imagemill.errors import InvalidOptionError

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("every", "minutes"),
    [("PT1H", 60), ("PT90M", 90), ("P1D", 1440), ("P1DT12H", 2160), ("P7D", 10080), ("P1W", 10080), ("PT168H", 10080)],
)
def test_a_duration_is_read(every, minutes):
    assert parse_recurrence(every, None) == Interval(minutes)
    assert expression(Interval(minutes)) == f"rate({minutes} minutes)"


@pytest.mark.parametrize(
    "every",
    [
        *("PT59M", "PT0H", "P8D", "P7DT1M", "P2W", "PT3600S", "P1M", "P1Y", "P", "PT", "P1DT", "P1W1D", "p1d", "-P1D"),
        *(
            "1h",
            "",
            " ",
            "PT1.5H",
            "hourly",
            "@daily",
            "rate(1 hour)",
            "cron(0 3 * * ? *)",
            "P" + "9" * 200 + "D",
            "P١D",
        ),
        *(None, 3600, True, ["PT1H"], {}),
    ],
)
def test_what_is_no_duration_from_an_hour_to_a_week_is_refused(every):
    with pytest.raises(InvalidOptionError) as refused:
        parse_recurrence(every, None)

    assert refused.value.name == "every"
    assert "PT1H" in refused.value.allowed or "five fields" in refused.value.allowed


@pytest.mark.parametrize(
    ("line", "aws"),
    [
        ("0 3 * * *", "cron(0 3 * * ? *)"),
        ("30 * * * *", "cron(30 * * * ? *)"),
        ("5 */6 * * *", "cron(5 0,6,12,18 * * ? *)"),
        ("0 8-18/2 * * mon-fri", "cron(0 8,10,12,14,16,18 ? * 2,3,4,5,6 *)"),
        ("0 0 1,15 jan,7 *", "cron(0 0 1,15 1,7 ? *)"),
        ("0 6 * * 0", "cron(0 6 ? * 1 *)"),
        ("0 6 * * 5-7", "cron(0 6 ? * 1,6,7 *)"),
        ("0 6 */1 * 1,0", "cron(0 6 ? * 1,2 *)"),
        ("59 23 29 2 *", "cron(59 23 29 2 ? *)"),
    ],
)
def test_a_cron_line_is_put_in_eventbridges_words(line, aws):
    assert expression(parse_recurrence(line, BERLIN)) == aws


@pytest.mark.parametrize(
    "line",
    [
        *("* * * * *", "*/30 * * * *", "0,30 3 * * *", "0-1 3 * * *"),
        *("0 24 * * *", "60 3 * * *", "0 3 0 * *", "0 3 * 13 *", "0 3 * * 8", "0 3 31 2,4 *", "0 3 30 2 *"),
        *("0 3 1 * 1", "0 3 * *", "0 3 * * * *", "0 3 ? * *", "0 3 L * *", "0 5-3 * * *", "0 3/2 * * *", "0 */0 * * *"),
        *("0 , * * *", "0 3, * * *", "0 mon * * *", "0 3 * * funday", "0 -1 * * *", "0 ٣ * * *"),
    ],
)
def test_a_line_that_fires_too_often_never_or_cannot_be_read_is_refused(line):
    with pytest.raises(InvalidOptionError) as refused:
        parse_recurrence(line, BERLIN)

    assert refused.value.name == "every"


@pytest.mark.parametrize("timezone", [None, "", "Mars/Olympus", "../../etc/passwd", "europe/berlin", "+01:00", 7])
def test_a_line_needs_a_time_zone_that_there_is(timezone):
    with pytest.raises(InvalidOptionError) as refused:
        parse_recurrence("0 3 * * *", timezone)

    assert refused.value.name == "timezone"


def test_a_duration_takes_no_time_zone():
    with pytest.raises(InvalidOptionError, match="timezone"):
        parse_recurrence("P1D", BERLIN)


def test_clocks_that_change_are_followed():
    line = parse_recurrence("30 2 * * *", BERLIN)
    times = []
    moment = datetime(2026, 3, 27, 12, tzinfo=UTC)
    for _ in range(3):
        moment = line.next_after(moment, moment)
        times.append(moment.strftime("%d %H:%M"))

    # There is no 02:30 on the 29th.
    assert times == ["28 01:30", "30 00:30", "31 00:30"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert line.next_after(autumn, autumn).strftime("%d %H:%M") == "25 00:30"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("0 3 1 mar *", "2027-03-01T03:00"),
        ("0 3 * * sun", "2026-11-29T03:00"),
        ("0 3 29 2 *", "2028-02-29T03:00"),
        ("30 * * * *", "2026-11-25T12:30"),
    ],
)
def test_months_days_and_weekdays_are_waited_for(line, found):
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)

    assert parse_recurrence(line, "UTC").next_after(moment, moment) == datetime.fromisoformat(f"{found}+00:00")


hours = st.sets(st.integers(0, 23), min_size=1)
moments = st.integers(0, 6 * 366 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(st.integers(0, 59), hours, st.sampled_from([BERLIN, "Asia/Kathmandu", "America/New_York", "UTC"]), moments)
def test_a_line_fires_when_it_says_and_hourly_at_the_most(minute, wanted, zone, moment):
    line = parse_recurrence(f"{minute} {','.join(map(str, wanted))} * * *", zone)
    assert isinstance(line, CronLine)

    first = line.next_after(moment, moment)
    second = line.next_after(first, moment)

    assert moment < first <= moment + timedelta(days=2)
    assert second - first >= timedelta(hours=1)
    for found in (first, second):
        shown = found.astimezone(ZoneInfo(zone))
        assert (shown.minute, shown.second) == (minute, 0)
        assert shown.hour in wanted


@given(st.integers(60, 10080), moments, moments)
def test_a_duration_counts_from_its_anchor(minutes, anchor, moment):
    interval = Interval(minutes)
    length = timedelta(minutes=minutes)

    found = interval.next_after(moment, anchor)

    assert (found - anchor) % length == timedelta(0)
    assert found > max(moment, anchor)
    assert found - length <= max(moment, anchor)


@given(st.text(alphabet="0123456789*/,-PTDHMW monfri", max_size=30))
def test_whatever_is_given_is_read_or_refused(text):
    try:
        found = parse_recurrence(text, BERLIN)
    except InvalidOptionError:
        return
    assert found.next_after(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert len(expression(found)) <= 256
