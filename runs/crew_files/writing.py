"""A crew's description, from the database and as text."""

from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Any

import yaml
from django.db.models import QuerySet

from crews.models import Agent, ApprovalRule, Crew, Task
from crews.models.budget import BUDGET_FIELDS
from crews.text import plain_number
from runs.crew_files.approval_rules import OPTIONS as RULE_OPTIONS
from runs.crew_files.approval_rules import describe_rules
from runs.crew_files.schedule import OPTIONS as SCHEDULE_OPTIONS
from runs.crew_files.schedule import describe_schedule
from runs.schedules.models import Schedule
from runs.tools import REGISTRY
from runs.tools.text_parameters import with_text

# The text leaves out these values, because leaving them out means the same.
DEFAULTS = {
    "description": "", "role": "", "is_active": True, "max_active_runs": None,
    "max_parallel": 1, "own_directories": False, "after": [],
    "continue_on_error": False, "agent_id": "",
    "approval_rules": [], "schedule": None,
    **{
        name: model._meta.get_field(name).get_default()
        for model, names in (
            (Crew, BUDGET_FIELDS), (ApprovalRule, RULE_OPTIONS), (Schedule, SCHEDULE_OPTIONS),
        )
        for name in names
    },
}  # fmt: skip
# A description may be without these keys. It then says nothing about them.
OPTIONAL = {"approval_rules": describe_rules, "schedule": describe_schedule}
ONE_LINE = 10**6  # characters; longer lines are not folded, so a difference shows one line

Description = dict[str, Any]


def optional_of(description: Description) -> list[str]:
    """The optional keys that the description has."""
    return [key for key in OPTIONAL if key in description]


def agents_of(crew: Crew) -> QuerySet[Agent]:
    return crew.agents.order_by("order", "slug")


def tasks_of(crew: Crew) -> QuerySet[Task]:
    """In the order of a run; tasks that share place and name always in the same one."""
    return crew.tasks.select_related("agent").order_by("order", "name", "pk")


def describe(crew: Crew, optional: Iterable[str] = OPTIONAL) -> Description:
    """The crew as ``checking.check`` returns it, with these of the optional keys."""
    tasks = list(tasks_of(crew))
    names = {str(task.pk): task.name for task in tasks}
    return {
        "organization": crew.organization.slug,
        "slug": crew.slug,
        "name": crew.name,
        "description": crew.description,
        "is_active": crew.is_active,
        "max_active_runs": crew.max_active_runs,
        "max_parallel": crew.max_parallel,
        "own_directories": crew.own_directories,
        **{name: getattr(crew, name) for name in BUDGET_FIELDS},
        "agents": [
            {"slug": agent.slug, "name": agent.name.strip() or agent.slug, "role": agent.role}
            for agent in agents_of(crew)
        ],
        "tasks": [
            {
                "name": task.name,
                "agent": task.agent.slug,
                "after": [names[pk] for pk in task.after if pk in names],
                "continue_on_error": task.continue_on_error,
                "steps": [_step(step) for step in task.steps],
            }
            for task in tasks
        ],
        **describe_only(crew, optional),
    }


def describe_only(crew: Crew, optional: Iterable[str] = OPTIONAL) -> Description:
    """These optional keys of the crew's description, and nothing else."""
    return {key: OPTIONAL[key](crew) for key in optional}


def text_of(description: Description) -> str:
    """The description as YAML that ``reading.read`` accepts."""
    return yaml.dump(
        _without_defaults(description),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=ONE_LINE,
    )


def digest(description: Description) -> str:
    """It changes whenever the description does. 64 characters."""
    return sha256(text_of(description).encode()).hexdigest()


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """Parameters in the tool's order: PostgreSQL does not keep the one in which they were saved.

    Numbers that were stored in place of text are written as text.
    """
    params = step.get("params", {})
    tool = REGISTRY.get(step.get("tool", ""))
    if tool:
        params = with_text(tool.params(), params)
    names = [*(tool.params().fields if tool else ()), *sorted(params)]
    return {**step, "params": {name: params[name] for name in names if name in params}}


def _without_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item if key == "params" else _without_defaults(item)
        for key, item in value.items()
        if not _is_default(key, item)
    }


def _is_default(key: str, value: Any) -> bool:
    if key == "params":  # a step's are a mapping, a rule's are a pattern
        return not value
    return key in DEFAULTS and value == DEFAULTS[key]


class _Dumper(yaml.SafeDumper):
    """Lines of code stay lines; no value is written as a reference to an equal one.

    Text with invisible characters, such as those that change the direction of writing, is escaped:
    a difference shows what there is.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        self.allow_unicode = _is_visible(text)
        super().write_double_quoted(text, split)
        self.allow_unicode = True


def _is_visible(text: str) -> bool:
    return text.replace("\n", "").replace("\t", "").isprintable()


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = ("|" if "\n" in value else None) if _is_visible(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    kind = "float" if value % 1 else "int"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", plain_number(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, _decimal)
