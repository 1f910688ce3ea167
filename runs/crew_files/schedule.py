"""The crew's schedule in its description. A description without one does not change it."""

from typing import Any

from rest_framework import serializers

from crews.api.choices import ChoiceField
from crews.models import Crew
from crews.scoping import User
from runs.crew_files.fields import EntrySerializer, Text, check_by_model, of_field
from runs.schedules.models import Schedule

OPTIONS = ("zone", "overlap", "missed", "is_enabled")  # each has a default


class ScheduleEntry(EntrySerializer):
    default_error_messages = {"invalid": "Write a mapping here: expression: 0 2 * * 1-5."}

    expression = of_field(Text, Schedule, "expression")
    zone = of_field(Text, Schedule, "zone", required=False, default="UTC")
    overlap = ChoiceField(
        Schedule.Overlap.choices, required=False, default=Schedule.Overlap.SKIP.value
    )
    missed = ChoiceField(
        Schedule.Missed.choices, required=False, default=Schedule.Missed.ONCE.value
    )
    is_enabled = serializers.BooleanField(required=False, default=True)

    def validate(self, schedule: dict[str, Any]) -> dict[str, Any]:
        check_by_model(Schedule(**schedule), exclude={"crew"})
        return schedule


def describe_schedule(crew: Crew) -> dict[str, Any] | None:
    """None if the crew has no schedule."""
    return _described(Schedule.objects.unscoped().filter(crew=crew).first())


def apply_schedule(
    crew: Crew, entry: dict[str, Any] | None, by: User | None
) -> dict[str, Any] | None:
    """Give the crew this schedule, or delete the one that it has. Return what there was.

    Locks the schedule's row, so the caller locks the crew's after it. ``by``: None for a program.
    """
    rows = Schedule.objects.unscoped().filter(crew=crew)
    rows.lock()
    there = rows.first()
    before = _described(there)
    if entry is None and there:
        there.delete()
    elif entry is not None and entry != before:
        Schedule.objects.put(crew, by=by, **entry)
    return before


def _described(schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is None:
        return None
    return {name: getattr(schedule, name) for name in ("expression", *OPTIONS)}
