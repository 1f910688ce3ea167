"""Which expressions are accepted, and when they fire where clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from runs.schedules import cron

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def local(expression: str, zone: str, after: str, number: int) -> list[str]:
    """The next fire times as a clock in the zone shows them, from a time in UTC on."""
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = cron.next_times(expression, zone, start, number)
    assert found == sorted(set(found))
    assert all(at > start for at in found)
    return [f"{at.astimezone(ZoneInfo(zone)):%d %H:%M %z}" for at in found]


def refusal(expression: str) -> str:
    with pytest.raises(ValidationError) as refused:
        cron.validate_expression(expression)
    return refused.value.messages[0]


@pytest.mark.parametrize(
    "expression",
    [
        "0 2 * * 1-5",
        "*/5 * * * *",
        "0 0 29 2 *",
        "0 9 L * *",
        "0 9 * * MON#1",
        "@daily",
        " @Hourly ",
    ],
)
def test_accepted(expression):
    cron.validate_expression(expression)
    assert len(cron.next_times(expression, "UTC", NOON, 2)) == 2


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "five fields"),
        ("0 2 * *", "five fields"),
        ("0 0 2 * * 1", "five fields"),
        ("@reboot", "five fields"),
        ("60 2 * * *", "60 is no minute"),
        ("0 24 * * *", "24 is no hour"),
        ("0 0 32 * *", "32 is no day of the month"),
        ("0 0 * 13 *", "13 is no month"),
        ("0 0 * * FUN", "FUN is no day of the week"),
        ("5-1 0 * * *", "5-1 is no minute"),
        ("*/0 0 * * *", "*/0 is no minute"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 2,4,6 *", "never fires"),
        ("* * * * *", "every 1 min"),
        ("0,58 0,23 * * *", "every 2 min"),
        ("*/4 * * * *", "At least 5 min"),
    ],
)
def test_refused_with_the_reason(expression, says):
    assert says in refusal(expression)


def test_the_shortest_time_between_two_is_a_setting(settings):
    settings.SCHEDULES_SHORTEST_MINUTES = 1
    cron.validate_expression("* * * * *")
    settings.SCHEDULES_SHORTEST_MINUTES = 61
    assert "every 60 min" in refusal("@hourly")


def test_a_fixed_time_that_the_clock_skips_fires_when_the_gap_ends():
    # In Berlin 02:00 was followed by 03:00 on 29 March 2026.
    assert local("30 2 * * *", BERLIN, "2026-03-28T00:00", 3) == [
        "28 02:30 +0100",
        "29 03:00 +0200",
        "30 02:30 +0200",
    ]


def test_two_times_in_the_gap_and_the_one_at_its_end_are_one():
    assert local("0,30 2,3 * * *", BERLIN, "2026-03-29T00:00", 3) == [
        "29 03:00 +0200",
        "29 03:30 +0200",
        "30 02:00 +0200",
    ]


def test_a_fixed_time_that_comes_twice_fires_the_first_time():
    # In Berlin 03:00 was followed by 02:00 on 25 October 2026.
    assert local("30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == [
        "25 02:30 +0200",
        "26 02:30 +0100",
    ]


def test_asked_during_the_second_passage_it_does_not_name_the_first():
    assert local("15,45 2 * * *", BERLIN, "2026-10-25T01:20", 1) == ["26 02:15 +0100"]


def test_every_hour_fires_in_each_hour_that_passes():
    assert local("30 * * * *", BERLIN, "2026-10-24T23:45", 4) == [
        "25 02:30 +0200",
        "25 02:30 +0100",
        "25 03:30 +0100",
        "25 04:30 +0100",
    ]
    assert local("30 * * * *", BERLIN, "2026-03-28T23:45", 3) == [
        "29 01:30 +0100",
        "29 03:30 +0200",
        "29 04:30 +0200",
    ]


def test_a_step_of_minutes_in_a_skipped_hour_does_not_fire_that_day():
    assert local("*/30 2 * * *", BERLIN, "2026-03-28T12:00", 2) == [
        "30 02:00 +0200",
        "30 02:30 +0200",
    ]


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "America/Havana"])
@pytest.mark.parametrize("expression", ["15 0 * * *", "*/20 * * * *", "0 */2 * * *", "45 1 * * *"])
def test_a_year_has_no_time_twice_and_no_day_without(zone, expression):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = []
    for at in cron.times(expression, zone, start):
        if at > start + timedelta(days=365):
            break
        found.append(at)
    assert found == sorted(set(found))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert max(gaps) <= timedelta(hours=25)


def test_a_day_that_a_zone_left_out_fires_when_the_next_begins():
    # Apia went from 29 to 31 December 2011.
    assert local("0 8 * * *", "Pacific/Apia", "2011-12-29T20:00", 2) == [
        "31 00:00 +1400",
        "31 08:00 +1400",
    ]


def test_what_is_due_after_a_week_is_counted():
    first = NOON - timedelta(days=7)
    last, number, following = cron.due_times("0 * * * *", "UTC", first, NOON)
    assert (last, number, following) == (NOON, 7 * 24 + 1, NOON + timedelta(hours=1))


def test_what_is_due_on_time_is_one():
    due = cron.due_times("0 12 * * *", "UTC", NOON, NOON + timedelta(seconds=1))
    assert due == (NOON, 1, NOON + timedelta(days=1))


@pytest.mark.parametrize("expression", ["*/5 * * * *", "*/5 0-3 1 * *"])
def test_after_years_the_last_is_found_and_the_count_is_limited(expression):
    first = cron.next_times(expression, "UTC", NOON - timedelta(days=3_000), 1)[0]
    last, number, following = cron.due_times(expression, "UTC", first, NOON)
    assert number == cron.COUNTED_TIMES
    assert last <= NOON < following
    assert cron.next_times(expression, "UTC", last, 1) == [following]
