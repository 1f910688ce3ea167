"""Cron expressions with a time zone: which are accepted, and when they fire.

`cronsim` follows Debian's cron where clocks change. docs/schedules.md says what that means.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.conf import settings
from django.core.exceptions import ValidationError

EXPRESSION_LIMIT = 100  # characters
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
DAY_MINUTES = 24 * 60
COUNTED_TIMES = 1_000  # fire times that are counted at most
LOOK_BACK = tuple(timedelta(hours=24**power) for power in range(5))  # up to 38 years


def validate_expression(expression: str) -> None:
    """Refuse text that is not a cron expression, or that never fires or fires too often."""
    if len(expression) > EXPRESSION_LIMIT:
        return  # the field refuses it
    parts = _parts(expression)
    if len(parts) != len(FIELDS):
        raise ValidationError(
            f"Write five fields with spaces between them: {', '.join(FIELDS)}. "
            "0 2 * * 1-5 is two o'clock from Monday to Friday."
        )
    for number, name in enumerate(FIELDS):
        alone = ["*"] * len(FIELDS)
        alone[number] = parts[number]
        if not _is_read(alone):
            raise ValidationError(f"{parts[number]} is no {name}. 0 2 * * 1-5 would be accepted.")
    start = datetime.now(UTC)
    # Only a day that none of the months has is refused here.
    if not _is_read(parts) or next(_local_times(parts, start), None) is None:
        raise ValidationError("This never fires: none of these months has such a day.")
    if (shortest := shortest_minutes(expression)) < settings.SCHEDULES_SHORTEST_MINUTES:
        raise ValidationError(
            f"This would fire every {shortest} min at times. At least "
            f"{settings.SCHEDULES_SHORTEST_MINUTES} min have to lie between two fire times "
            "(SCHEDULES_SHORTEST_MINUTES)."
        )


def shortest_minutes(expression: str) -> int:
    """The shortest time between two fire times, in minutes, as if the clocks never changed.

    The last one of a day and the first one of the next day count as two such times.
    """
    cron = CronSim(" ".join(_parts(expression)), datetime.now(UTC))
    at = sorted(60 * hour + minute for hour in cron.hours for minute in cron.minutes)
    return min(later - earlier for earlier, later in pairwise([*at, at[0] + DAY_MINUTES]))


def times(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the fire times later than ``after``, in UTC, in order, each once.

    Ends when there is none within 50 years.
    """
    last = after.astimezone(UTC)
    for local in _local_times(_parts(expression), after.astimezone(ZoneInfo(zone))):
        at = local.astimezone(UTC)
        # In the hour that comes twice, cronsim names the first passage also during the second.
        if at > last:
            last = at
            yield at


def next_times(expression: str, zone: str, after: datetime, number: int) -> list[datetime]:
    return list(islice(times(expression, zone, after), number))


def due_times(
    expression: str, zone: str, first: datetime, now: datetime
) -> tuple[datetime, int, datetime | None]:
    """Return the last fire time due at ``now``, how many are due, and the one after ``now``.

    ``first`` is the earliest fire time that has not been handled. At most ``COUNTED_TIMES`` due
    times are counted.
    """
    due = [first]
    for at in islice(times(expression, zone, first), COUNTED_TIMES):
        if at > now:
            return due[-1], len(due), at
        due.append(at)
    if len(due) <= COUNTED_TIMES:  # there is no other
        return due[-1], len(due), None
    return _last_until(expression, zone, due[-1], now), COUNTED_TIMES, _after(expression, zone, now)


def _last_until(expression: str, zone: str, known: datetime, now: datetime) -> datetime:
    """The last fire time until ``now``, looked for from the end; at least ``known``."""
    for back in LOOK_BACK:
        begin = max(known, now - back)
        last = None
        for at in times(expression, zone, begin):
            if at > now:
                break
            last = at
        if last or begin == known:
            return last or known
    return known


def _after(expression: str, zone: str, now: datetime) -> datetime | None:
    return next(times(expression, zone, now), None)


def _parts(expression: str) -> list[str]:
    text = " ".join(expression.split())
    return SHORTHANDS.get(text.lower(), text).split()


def _is_read(parts: list[str]) -> bool:
    try:
        CronSim(" ".join(parts), datetime.now(UTC))
    except CronSimError:
        return False
    return True


def _local_times(parts: list[str], after: datetime) -> Iterator[datetime]:
    yield from CronSim(" ".join(parts), after)
