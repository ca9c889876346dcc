"""How often a feed is fetched: a duration, or a cron line in a time zone (contract A4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from imagemill.errors import InvalidOptionError

#: Of a duration, in minutes: an hour, and a week.
MIN_MINUTES, MAX_MINUTES = 60, 7 * 24 * 60
#: A line that fires does so within that time: 29 February, around the year 2100.
MAX_DAYS_BETWEEN = 8 * 366
MAX_EVERY_CHARACTERS = 128

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

#: ISO 8601-1 section 5.5.2, of units that are as long everywhere and always.
_DURATION = re.compile(r"P(?:(\d{1,5})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?)?)", re.ASCII)
_TERM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d{1,2}))?", re.ASCII)

DURATION_ALLOWED = "an ISO 8601 duration from PT1H to P7D, or a cron line of five fields"


@dataclass(frozen=True, slots=True)
class Interval:
    minutes: int

    def next_after(self, moment: datetime, anchor: datetime) -> datetime:
        """The first of the times that count from `anchor`, itself not among them."""
        length = timedelta(minutes=self.minutes)
        return anchor + length * max(1, (moment - anchor) // length + 1)


@dataclass(frozen=True, slots=True)
class CronLine:
    """Each field's values, in order; weekdays from 0, Sunday. One minute: so it fires hourly at the most."""

    minute: int
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    timezone: str

    def next_after(self, moment: datetime, anchor: datetime) -> datetime:  # noqa: ARG002 - as an Interval's
        """A time that clocks pass over is left out, one that they show twice is taken the first time.

        So does EventBridge Scheduler (its user guide, "Daylight savings time").
        """
        zone = ZoneInfo(self.timezone)
        day = moment.astimezone(zone).date()
        for _ in range(MAX_DAYS_BETWEEN):
            if day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                for hour in self.hours:
                    shown = datetime(day.year, day.month, day.day, hour, self.minute, tzinfo=zone)
                    found = shown.astimezone(UTC)
                    is_shown = found.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None)
                    if is_shown and found > moment:
                        return found
            day += timedelta(days=1)
        raise AssertionError("a line that never fires is refused")


Recurrence = Interval | CronLine


def parse_recurrence(every: object, timezone: object) -> Recurrence:
    """Read what a caller says.

    Raises:
        InvalidOptionError: naming `every` or `timezone`, and what is allowed.
    """
    if not isinstance(every, str) or len(every) > MAX_EVERY_CHARACTERS:
        raise InvalidOptionError("every", DURATION_ALLOWED)
    if not isinstance(timezone, str | None):
        raise InvalidOptionError("timezone", "text")
    if len(every.split()) > 1:
        return _cron_line(every.split(), timezone)
    if timezone:
        raise InvalidOptionError("timezone", "with a cron line alone: a duration is as long everywhere")
    return Interval(_minutes(every.strip()))


def _minutes(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()) or text.endswith("T"):
        raise InvalidOptionError("every", DURATION_ALLOWED)
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
    total = ((weeks * 7 + days) * 24 + hours) * 60 + minutes
    if not MIN_MINUTES <= total <= MAX_MINUTES:
        raise InvalidOptionError("every", f"{DURATION_ALLOWED}; {text} is {'less' if total < MIN_MINUTES else 'more'}")
    return total


def _cron_line(parts: Sequence[str], timezone: str | None) -> CronLine:
    if len(parts) != 5:
        raise InvalidOptionError("every", "a cron line has five fields: minute, hour, day, month, weekday")
    if not timezone:
        raise InvalidOptionError("timezone", "required with a cron line, such as Europe/Berlin")
    if timezone not in _timezones():
        raise InvalidOptionError("timezone", "a name of the IANA time zone database, such as Europe/Berlin")
    minutes = _values(parts[0], "minute", 0, 59)
    if len(minutes) != 1:
        raise InvalidOptionError("every", "hourly at the most: the first field of a cron line is one minute")
    hours = _values(parts[1], "hour", 0, 23)
    days = _values(parts[2], "day", 1, 31)
    months = _values(parts[3], "month", 1, 12, {name: index for index, name in enumerate(MONTH_NAMES, 1)})
    weekdays = _values(parts[4], "weekday", 0, 7, {name: index for index, name in enumerate(WEEKDAY_NAMES)})
    weekdays = tuple(sorted({weekday % 7 for weekday in weekdays}))
    if len(days) < 31 and len(weekdays) < 7:
        raise InvalidOptionError("every", "days of the month or weekdays, not both: one of the two fields is *")
    if min(days) > max(LONGEST_MONTHS[month - 1] for month in months):
        raise InvalidOptionError("every", "a day that there is: this line never comes")
    return CronLine(minutes[0], hours, days, months, weekdays, timezone)


def _values(text: str, name: str, low: int, high: int, names: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """A field's values: `*`, numbers, names, `a-b`, `*/n`, `a-b/n`, and lists of them (POSIX crontab, with steps)."""
    refused = InvalidOptionError("every", f"the {name} is *, or {low} to {high}, with , - and /")
    found: set[int] = set()
    for term in text.lower().split(","):
        parts = _TERM.fullmatch(term)
        if parts is None:
            raise refused
        first, last, step = parts.groups()
        if step is not None and (int(step) == 0 or (first and not last)):
            raise refused
        begin = low if first is None else _number(first, names)
        end = high if first is None else begin if last is None else _number(last, names)
        if begin is None or end is None or not low <= begin <= end <= high:
            raise refused
        found.update(range(begin, end + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(text: str, names: Mapping[str, int] | None) -> int | None:
    if text.isdecimal() and len(text) <= 2:
        return int(text)
    return (names or {}).get(text)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
