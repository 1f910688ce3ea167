"""Checks the values of a crew's description, each against the model or the tool that it is for."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.core.validators import MaxValueValidator
from rest_framework import serializers

from crews.models import Agent, Crew, Organization, Task
from crews.models.crew import MAX_PARALLEL
from crews.task_order import cycle_in, cycle_message
from runs import tools
from runs.crew_files.approval_rules import RuleEntry
from runs.crew_files.budgets import budget_fields
from runs.crew_files.faults import InvalidDescription, faults_of, refuse
from runs.crew_files.fields import EntrySerializer, OptionalText, Slug, Text, of_field
from runs.crew_files.reading import Lines, read
from runs.crew_files.schedule import ScheduleEntry
from runs.tools.text_parameters import refuse_numbers

MAX_RUNS = 2**31 - 1  # the column's
NO_LIST = "Write [] to remove all approval rules, or leave the key out to keep them."


class AgentEntry(EntrySerializer):
    slug = of_field(Slug, Agent, "slug")
    name = of_field(Text, Agent, "name")
    role = of_field(OptionalText, Agent, "role")


class StepEntry(EntrySerializer):
    tool = Text()
    params = serializers.DictField(required=False, default=dict)

    def validate(self, step: dict[str, Any]) -> dict[str, Any]:
        try:
            tool = tools.get(step["tool"])
        except LookupError as error:
            raise refuse(str(error), "tool") from None
        try:
            refuse_numbers(tool.params(), step["params"])
            tool.clean(step["params"])
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"params": error.detail}) from None
        return step


class TaskEntry(EntrySerializer):
    name = of_field(Text, Task, "name")
    agent = Text(allow_blank=True)  # refused below, with the agents that there are
    after = serializers.ListField(
        child=Text(allow_blank=True), required=False, allow_null=True, default=list
    )
    continue_on_error = serializers.BooleanField(required=False, default=False)
    steps = StepEntry(many=True)

    def validate_after(self, after: list[str] | None) -> list[str]:
        return list(dict.fromkeys(after or ()))

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not steps:
            raise serializers.ValidationError("A task needs at least one step. Add one.")
        if len(steps) > tools.MAX_STEPS:
            raise serializers.ValidationError(
                f"At most {tools.MAX_STEPS} steps; these are {len(steps)}. Make two tasks of it."
            )
        return steps


class CrewEntry(EntrySerializer):
    organization = of_field(Slug, Organization, "slug")
    slug = of_field(Slug, Crew, "slug")
    name = of_field(Text, Crew, "name")
    description = of_field(OptionalText, Crew, "description")
    is_active = serializers.BooleanField(required=False, default=True)
    max_active_runs = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        validators=[MaxValueValidator(MAX_RUNS)],
    )
    max_parallel = serializers.IntegerField(
        required=False, allow_null=True, default=1, min_value=1, max_value=MAX_PARALLEL
    )
    own_directories = serializers.BooleanField(required=False, default=False)
    agents = AgentEntry(many=True)
    tasks = TaskEntry(many=True)
    approval_rules = RuleEntry(many=True, required=False, error_messages={"null": NO_LIST})
    schedule = ScheduleEntry(required=False, allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**super().get_fields(), **budget_fields()}

    def validate_agents(self, agents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first: dict[str, int] = {}
        for index, agent in enumerate(agents):
            if (earlier := first.setdefault(agent["slug"], index)) != index:
                message = f"agents[{earlier}] has this slug already. Give each its own."
                raise refuse(message, index, "slug")
        return agents

    def validate_max_parallel(self, most: int | None) -> int:
        return most or 1

    def validate(self, crew: dict[str, Any]) -> dict[str, Any]:
        slugs = [agent["slug"] for agent in crew["agents"]]
        wrong = {
            index: {"agent": [f"The crew has no such agent. It has: {', '.join(slugs) or 'none'}."]}
            for index, task in enumerate(crew["tasks"])
            if task["agent"] not in slugs
        }
        if wrong := wrong or _wrong_order(crew["tasks"]):
            raise serializers.ValidationError({"tasks": wrong})
        return crew


def _wrong_order(tasks: list[dict[str, Any]]) -> dict[int, Any]:
    """Faults of ``after``, by the task's index."""
    names = [task["name"] for task in tasks]
    count = Counter(names)
    wrong = {}
    for index, task in enumerate(tasks):
        faults = [
            f"Several tasks have the name {name!r}. Give each its own."
            if count[name]
            else f"The crew has no task {name!r}."
            for name in task["after"]
            if count[name] != 1
        ]
        if task["name"] in task["after"]:
            faults.append("A task cannot come after itself.")
        if faults:
            wrong[index] = {"after": faults}
    if not wrong and (cycle := cycle_in({task["name"]: task["after"] for task in tasks})):
        wrong[names.index(cycle[-1])] = {"after": [cycle_message(cycle)]}
    return wrong


def load(content: bytes | str) -> tuple[dict[str, Any], Lines]:
    """Return the description that a YAML file has, and the lines of its values.

    Raises ``InvalidDescription``, with lines.
    """
    data, lines = read(content)
    try:
        return check(data), lines
    except InvalidDescription as refused:
        raise refused.with_lines(lines) from None


def check(data: Any) -> dict[str, Any]:
    """Return the description with its defaults. Raises ``InvalidDescription`` with all faults.

    ``{"organization": slug, "slug", "name", "description", "is_active", "max_active_runs",
    "max_parallel", "own_directories", "budget_run_tokens": number or None, and the other budgets,
    "agents": [{"slug", "name", "role"}],
    "tasks": [{"name", "agent": slug, "after": [name], "continue_on_error",
    "steps": [{"tool", "params"}]}]}``

    Only if they are given: ``"approval_rules": [{"tool", "params", "agent_id", "is_enabled",
    "expires_after_s", "admins_only"}], "schedule": {"expression", "zone", "is_enabled", "overlap",
    "missed"} or None``.
    """
    entry = CrewEntry(data=data)
    if not entry.is_valid():
        raise InvalidDescription(faults_of(entry.errors))
    return _plain(entry.validated_data)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
