"""A crew as a form has it: not checked, with everything that the user has written."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.text import slugify

from crews.models import Agent, Crew
from crews.text import storable
from runs.crew_files.writing import Description, describe, tasks_of
from runs.editor import budget_fields
from runs.editor.parameters import fields_of, fits, number, taken

MAX_PARTS = 120  # agents, tasks and steps of a crew that the page shows; YAML has no such limit
NEW = "+"  # begins the key of an agent without a slug, and the id of a task without a record
NEW_KEY = re.compile(rf"{re.escape(NEW)}(\d{{1,9}})")  # a longer number is none of ours
NAME = re.compile(r"(agents|tasks)-(\d{1,4})-(?:steps-(\d{1,4})-)?(params-)?(\w+)")
TOO_MANY = f"A crew of more than {MAX_PARTS} agents, tasks and steps is edited as YAML."


@dataclass
class AgentDraft:
    key: str  # the slug, or NEW and a number
    name: str = ""
    role: str = ""

    @property
    def is_new(self) -> bool:
        return self.key.startswith(NEW)


@dataclass
class StepDraft:
    """``rest``: parameters that no field of the form can show."""

    tool: str
    params: dict[str, Any] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass
class TaskDraft:
    id: str  # the record's, or NEW and a number
    name: str = ""
    agent: str = ""  # its key
    after: list[str] = field(default_factory=list)  # ids of other tasks
    continue_on_error: bool = False
    steps: list[StepDraft] = field(default_factory=list)


@dataclass
class Draft:
    """``seen``: the digest of the crew when the form was opened; empty for a new crew."""

    organization: str
    slug: str = ""
    name: str = ""
    description: str = ""
    is_active: bool = True
    max_active_runs: str = ""
    max_parallel: str = "1"
    own_directories: bool = False
    agents: list[AgentDraft] = field(default_factory=list)
    tasks: list[TaskDraft] = field(default_factory=list)
    seen: str = ""
    budget: dict[str, str] = field(default_factory=dict)  # by the name of the field

    @property
    def parts(self) -> int:
        return len(self.agents) + len(self.tasks) + sum(len(task.steps) for task in self.tasks)

    def new_key(self) -> str:
        return _new(agent.key for agent in self.agents)

    def new_id(self) -> str:
        return _new(task.id for task in self.tasks)

    def describe(self) -> Description:
        """As ``checking.check`` takes it. New agents get slugs made of their names."""
        slugs = self._slugs()
        names = {task.id: task.name for task in self.tasks}
        return {
            "organization": self.organization,
            "slug": self.slug or slugify(self.name)[: _slug_length(Crew)].strip("-"),
            "name": self.name,
            "description": self.description,
            "is_active": self.is_active,
            "max_active_runs": number(self.max_active_runs),
            "max_parallel": number(self.max_parallel),
            "own_directories": self.own_directories,
            **budget_fields.described(self.budget),
            "agents": [
                {"slug": slugs[agent.key], "name": agent.name, "role": agent.role}
                for agent in self.agents
            ],
            "tasks": [
                {
                    "name": task.name,
                    "agent": slugs.get(task.agent, ""),
                    "after": [names[other] for other in task.after if other in names],
                    "continue_on_error": task.continue_on_error,
                    "steps": [
                        {"tool": step.tool, "params": {**step.params, **step.rest}}
                        for step in task.steps
                    ],
                }
                for task in self.tasks
            ],
        }

    def _slugs(self) -> dict[str, str]:
        slugs = {agent.key: agent.key for agent in self.agents if not agent.is_new}
        longest = _slug_length(Agent)
        for agent in self.agents:
            if not agent.is_new:
                continue
            base = slugify(agent.name)[: longest - 4].strip("-") or "agent"
            names = (base, *(f"{base}-{n}" for n in range(2, len(self.agents) + 2)))
            slugs[agent.key] = next(name for name in names if name not in slugs.values())
        return slugs


def of_crew(crew: Crew) -> tuple[Draft, Description]:
    """The draft of a crew as it is, and the part of its description that the form shows."""
    description = describe(crew, optional=())
    tasks = tasks_of(crew)
    most = description["max_active_runs"]
    draft = Draft(
        description["organization"],
        description["slug"],
        description["name"],
        description["description"],
        description["is_active"],
        "" if most is None else str(most),
        str(description["max_parallel"]),
        description["own_directories"],
        [
            AgentDraft(entry["slug"], entry["name"], entry["role"])
            for entry in description["agents"]
        ],
        [
            TaskDraft(
                str(task.pk),
                entry["name"],
                entry["agent"],
                list(task.after),
                entry["continue_on_error"],
                [_step(step) for step in entry["steps"]],
            )
            for task, entry in zip(tasks, description["tasks"], strict=True)
        ],
        budget=budget_fields.shown(description),
    )
    return draft, description


def of_post(post: QueryDict, *, organization: str, slug: str = "") -> Draft:
    """Return the draft in a form. Raises ``BadRequest`` for more parts than the page shows."""
    agents: dict[int, dict[str, list[str]]] = {}
    tasks: dict[int, dict[str, list[str]]] = {}
    steps: dict[int, dict[int, dict[str, list[str]]]] = {}
    for name in post:
        if not (found := NAME.fullmatch(name)):
            continue
        kind, index, step, _, last = found.groups()
        row = (agents if kind == "agents" else tasks).setdefault(int(index), {})
        if step is not None:
            row = steps.setdefault(int(index), {}).setdefault(int(step), {})
        row[(found[4] or "") + last] = post.getlist(name)
    draft = Draft(
        organization,
        slug or post.get("slug", "").strip(),
        post.get("name", "").strip(),
        post.get("description", "").strip(),
        "is_active" in post,
        post.get("max_active_runs", "").strip(),
        post.get("max_parallel", "").strip(),
        "own_directories" in post,
        [
            AgentDraft(_text(row, "key"), _text(row, "name"), _text(row, "role"))
            for _, row in sorted(agents.items())
        ],
        [
            TaskDraft(
                _text(row, "id"),
                _text(row, "name"),
                _text(row, "agent"),
                row.get("after", []),
                _text(row, "on_failure") == "continue",
                [_step_of_post(step) for _, step in sorted(steps.get(index, {}).items())],
            )
            for index, row in sorted(tasks.items())
        ],
        post.get("seen", ""),
        budget_fields.of_post(post),
    )
    if draft.parts > MAX_PARTS:
        raise BadRequest(TOO_MANY)
    return draft


def _new(keys: Iterable[str]) -> str:
    numbers = [int(found[1]) for key in keys if (found := NEW_KEY.fullmatch(key))]
    return f"{NEW}{max(numbers, default=0) + 1}"


def _step(step: dict[str, Any]) -> StepDraft:
    draft = StepDraft(step.get("tool", ""))
    fields = fields_of(draft.tool)
    for name, value in step["params"].items():
        is_shown = name in fields and fits(fields[name], value)
        (draft.params if is_shown else draft.rest)[name] = value
    return draft


def _step_of_post(row: dict[str, list[str]]) -> StepDraft:
    draft = StepDraft(_text(row, "tool"), rest=_rest(_text(row, "rest")))
    for name, described in fields_of(draft.tool).items():
        texts = row.get(f"params-{name}")
        if name in draft.rest or not texts:
            continue
        if (value := taken(described, texts)) is not None:
            draft.params[name] = value
    return draft


def _rest(text: str) -> dict[str, Any]:
    try:
        found = storable(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        raise BadRequest("The form was not complete. Open the page again.") from None
    return found if isinstance(found, dict) else {}


def _text(row: dict[str, list[str]], name: str) -> str:
    return row[name][-1].strip() if name in row else ""


def _slug_length(model: Any) -> int:
    return model._meta.get_field("slug").max_length
