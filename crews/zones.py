"""The names of time zones that people may write."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

ZONE_LIMIT = 64  # characters


def validate_zone(name: str) -> None:
    if len(name) <= ZONE_LIMIT and name not in zones():
        raise ValidationError(
            f"There is no time zone {name}. Write one as Europe/Berlin, America/New_York or UTC."
        )


@cache
def zones() -> tuple[str, ...]:
    """The names of all time zones, in order."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))
