"""The content of the editor's page: rows of fields, each with its faults beside it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from rest_framework import serializers

from crews.models import Agent, Crew, Secret, Task
from runs.crew_files.faults import Fault
from runs.editor.budget_fields import fields_of as fields_of_budget
from runs.editor.draft import Draft, StepDraft, TaskDraft
from runs.editor.fields import Choices, Field, Row, Summary, target
from runs.editor.parameters import fields_of, kind_of, shown
from runs.tools import REGISTRY

FAILURE: Choices = [("stop", "Stop the run"), ("continue", "Go on with the others")]
AFTER_HELP = "It begins when these have succeeded."
SLUG_HELP = "For files and the terminal. It stays. Empty: made of the name."
LINES_HELP = "One per line."
OF_CREW = (  # name, label, kind and help of the fields that every crew has, after those with text
    (
        "max_active_runs", "Runs at once", "number",
        "More wait for a free place. Empty: no limit of its own.",
    ),
    (
        "max_parallel", "Tasks at once", "number",
        "How many tasks of a run may be running. 1: one after the other.",
    ),
    (
        "own_directories", "A directory for each task", "switch",
        "Otherwise the tasks of a run share one.",
    ),
    ("is_active", "Active", "switch", "A crew that is not active starts no run."),
)  # fmt: skip


class EditForm:
    """The form of a draft. ``focus``: the id of the element that the browser goes to."""

    def __init__(
        self,
        draft: Draft,
        *,
        secrets: Iterable[Secret],
        faults: Iterable[Fault] = (),
        focus: str = "",
        is_new: bool = False,
    ) -> None:
        self.draft = draft
        self.focus = focus
        self.tools = sorted(REGISTRY)
        self._secrets = [(each.name, f"{each.name} (for {each.host})") for each in secrets]
        self._errors: dict[str, list[str]] = defaultdict(list)
        self.faults = list(faults)
        for fault in self.faults:
            self._errors[target(fault.path)].append(fault.message)
        self.crew = self._crew(draft, is_new)
        self.budgets = [
            (period, title, list(fields_of_budget(draft.budget, self._field, period)))
            for period, title in (("run", "Each run"), ("day", "All runs of a day"))
        ]
        agents = [(agent.key, agent.name or "(no name yet)") for agent in draft.agents]
        self.agents = [self._agent(draft, index) for index in range(len(draft.agents))]
        self.tasks = [
            self._task(draft, index, task, agents) for index, task in enumerate(draft.tasks)
        ]
        ids = set(self._ids())
        self.summary = [Summary.of(fault, ids) for fault in self.faults]

    def _ids(self) -> Iterator[str]:
        """The ids of the page's elements that a fault can be about."""
        yield from ("agents", "tasks")
        yield from (each.id for each in self.crew)
        yield from (each.id for _, _, fields in self.budgets for each in fields)
        steps = [step for task in self.tasks for step in task.steps]
        for row in (*self.agents, *self.tasks, *steps):
            yield row.id
            yield from (each.id for each in row.fields)
        yield from (f"{task.id}-steps" for task in self.tasks)

    def _field(self, name: str, label: str, kind: str, value: Any, **options: Any) -> Field:
        return Field(name, label, kind, value, errors=self._errors.get(name, ()), **options)

    def _text(self, name: str, label: str, value: str, model: Any, **options: Any) -> Field:
        """A text of a field of the model, which the last word of ``name`` names."""
        longest = model._meta.get_field(name.rpartition("-")[2]).max_length
        return self._field(name, label, "text", value, limits={"maxlength": longest}, **options)

    def _crew(self, draft: Draft, is_new: bool) -> list[Field]:
        fields = [
            self._text("name", "Name", draft.name, Crew, is_required=True),
            self._text("description", "Description", draft.description, Crew),
        ]
        if is_new:
            fields.append(self._text("slug", "Slug", draft.slug, Crew, help=SLUG_HELP))
        return fields + [
            self._field(name, label, kind, getattr(draft, name), help=about)
            for name, label, kind, about in OF_CREW
        ]

    def _agent(self, draft: Draft, index: int) -> Row:
        agent, name = draft.agents[index], f"agents-{index}"
        fields = [
            self._text(f"{name}-name", "Name", agent.name, Agent, is_required=True),
            self._text(f"{name}-role", "Role", agent.role, Agent),
        ]
        hidden = [(f"{name}-key", agent.key)]
        title = agent.name or f"Agent {index + 1}"
        return self._row(name, title, fields, hidden, index, len(draft.agents))

    def _task(self, draft: Draft, index: int, task: TaskDraft, agents: Choices) -> Row:
        name = f"tasks-{index}"
        failure = "continue" if task.continue_on_error else "stop"
        known = task.agent in dict(agents)
        choices = agents if known else [("", "Choose an agent"), *agents]
        fields = [
            self._text(f"{name}-name", "Name", task.name, Task, is_required=True),
            self._field(
                f"{name}-agent",
                "Agent",
                "choice",
                task.agent if known else "",
                is_required=True,
                choices=choices,
            ),
            self._field(f"{name}-on_failure", "When it fails", "choice", failure, choices=FAILURE),
        ]
        others = [
            (other.id, other.name or f"Task {number}")
            for number, other in enumerate(draft.tasks, start=1)
            if other is not task
        ]
        if others:
            after = self._field(
                f"{name}-after", "After", "several", task.after, choices=others, help=AFTER_HELP
            )
            fields.append(after)
        title = task.name or f"Task {index + 1}"
        row = self._row(name, title, fields, [(f"{name}-id", task.id)], index, len(draft.tasks))
        row.errors = [*row.errors, *self._errors.get(f"{name}-steps", ())]
        row.steps = [
            self._step(f"{name}-steps-{number}", step, number, len(task.steps))
            for number, step in enumerate(task.steps)
        ]
        return row

    def _step(self, name: str, step: StepDraft, index: int, count: int) -> Row:
        fields = [
            self._parameter(f"{name}-params-{each}", each, described, step)
            for each, described in fields_of(step.tool).items()
            if each not in step.rest
        ]
        hidden = [(f"{name}-tool", step.tool)]
        if step.rest:
            hidden.append((f"{name}-rest", json.dumps(step.rest)))
        # An unticked box sends nothing, which is not the same as a switch that is set to off.
        hidden += [(each.id, "off") for each in fields if step.params.get(_last(each)) is False]
        row = self._row(name, step.tool, fields, hidden, index, count)
        places = {each.id for each in fields}
        others = [key for key in self._errors if key.startswith(f"{name}-") and key not in places]
        row.errors = [*row.errors, *(each for key in others for each in self._errors[key])]
        row.kept = "\n".join(f"{key}: {value!r}" for key, value in step.rest.items())
        return row

    def _parameter(
        self, name: str, label: str, described: serializers.Field, step: StepDraft
    ) -> Field:
        kind = kind_of(described)
        value = shown(described, step.params.get(label))
        choices: list[tuple[str, str]] = []
        if kind in ("choice", "secret"):
            given = [*described.choices.items()] if kind == "choice" else self._secrets
            known = value in dict(given)
            choices = [*([] if known and described.required else [("", "(none)")]), *given]
            if value and not known:
                choices.append((value, f"{value} (not there)"))
        longest = getattr(described, "max_length", None) if kind in ("text", "code") else None
        about = [str(described.help_text or ""), LINES_HELP if kind == "lines" else ""]
        return self._field(
            name,
            str(described.label),
            "choice" if kind == "secret" else kind,
            value,
            help=" ".join(filter(None, about)),
            is_required=described.required,
            choices=choices,
            limits={} if longest is None else {"maxlength": longest},
        )

    def _row(
        self,
        name: str,
        title: str,
        fields: list[Field],
        hidden: list[tuple[str, str]],
        index: int,
        count: int,
    ) -> Row:
        errors = self._errors.get(name, ())
        return Row(name, title, fields, hidden, index == 0, index == count - 1, errors, index=index)


def _last(each: Field) -> str:
    return each.id.rpartition("-")[2]
