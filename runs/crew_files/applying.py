"""Changes a crew to match a description, in one transaction, and shows the difference.

Agents are found by their slugs, tasks by their names (or by ids, where the caller knows them).
Agents and tasks that the description does not name are deleted. Approval rules and the schedule
stay as they are if the description does not have their key. A run that is active is not affected:
it keeps the plan with which it was requested.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import pairwise
from typing import Any

from django.db import transaction

from crews.models import Agent, Crew, Organization, Task
from crews.models.budget import BUDGET_FIELDS
from crews.scoping import User
from runs.crew_files.approval_rules import apply_rules, lock_rules, warnings_of
from runs.crew_files.faults import Fault, InvalidDescription
from runs.crew_files.saving import save, update
from runs.crew_files.schedule import apply_schedule
from runs.crew_files.writing import (
    Description,
    agents_of,
    describe,
    digest,
    optional_of,
    tasks_of,
    text_of,
)
from runs.execution import credentials

CREW_FIELDS = (
    *("name", "description", "is_active", "max_active_runs", "max_parallel", "own_directories"),
    *BUDGET_FIELDS,
)
LAST_PLACE = 32767  # of the column `order`
SAME = 3  # unchanged lines around each change
NO_SLUG = "A crew keeps its slug and its organization. Write slug: {} and organization: {}."


@dataclass(frozen=True, slots=True)
class Applied:
    """``diff`` is empty if nothing changes. ``crew`` is None after a dry run of a new crew.

    ``warnings``: of the approval rules that are new or changed, those that match no step.
    """

    crew: Crew | None
    is_new: bool
    diff: str
    warnings: Sequence[str] = ()


class Stale(Exception):
    """The crew is not as the caller has seen it: another user has changed it meanwhile."""

    def __init__(self, current: Description) -> None:
        super().__init__("Somebody else has changed the crew meanwhile.")
        self.current = current


def difference(before: Description | None, after: Description) -> str:
    """A unified diff of the two as YAML. ``before`` is None for a new crew."""
    old = text_of(before) if before else ""
    if before:
        after = {key: after[key] for key in before}  # a form has them in another order
    lines = unified_diff(
        old.splitlines(), text_of(after).splitlines(), "now", "then", lineterm="", n=SAME
    )
    return "\n".join(lines)


def apply(
    description: Description,
    crew: Crew | None,
    organization: Organization,
    *,
    seen: str | None = None,
    task_ids: Sequence[str] = (),
    by: User | None = None,
    dry_run: bool = False,
) -> Applied:
    """Change ``crew``, or create one in ``organization``, to match a checked ``description``.

    ``seen`` is the digest of the crew as the caller has seen it; without it, any is changed.
    ``task_ids`` has an id, or "" for a new task, for each task of the description. ``by`` is the
    user who sets the schedule; None for a program. The caller has checked that the user manages
    the organization. Raises ``InvalidDescription`` and ``Stale``.
    """
    _refuse_another(description, crew, organization)
    with transaction.atomic():
        if crew is None:
            before = None
            crew, is_new = Crew(organization=organization, slug=description["slug"]), True
            _save_crew(crew, description)
            _apply_schedule(crew, description, by)
        else:
            is_new = False
            # A record of our own: the caller's stays as it is, also if this is refused.
            crew = Crew.objects.unscoped().select_related("organization").get(pk=crew.pk)
            before = _change_crew(crew, description, seen, by)
        _refuse_secrets(description, organization)
        agents = _save_agents(crew, description["agents"])
        _save_tasks(crew, description["tasks"], agents, task_ids)
        slugs = [agent["slug"] for agent in description["agents"]]
        for agent in crew.agents.exclude(slug__in=slugs):
            agent.delete()
        warnings = warnings_of(apply_rules(crew, description.get("approval_rules")))
        diff = difference(before, describe(crew, optional_of(description)))
        if dry_run:
            transaction.set_rollback(True)
    return Applied(None if dry_run and is_new else crew, is_new, diff, warnings)


def _refuse_another(
    description: Description, crew: Crew | None, organization: Organization
) -> None:
    slug = crew.slug if crew else description["slug"]
    if (description["organization"], description["slug"]) != (organization.slug, slug):
        key = "slug" if description["organization"] == organization.slug else "organization"
        raise InvalidDescription([Fault((key,), NO_SLUG.format(slug, organization.slug))])


def _change_crew(
    crew: Crew, description: Description, seen: str | None, by: User | None
) -> Description:
    """Lock and save the crew and its schedule. Return what there was. Raises ``Stale``.

    Whoever saves a rule or a schedule locks its row before the crew's, so this does, too.
    """
    if "approval_rules" in description:
        lock_rules(crew)
    schedule = _apply_schedule(crew, description, by)
    with crew.locked():
        before = describe(crew, optional_of(description)) | schedule
        if seen is not None and seen != digest(before):
            raise Stale(before)
        if _crew_differs(before, description):
            _save_crew(crew, description)
    return before


def _apply_schedule(crew: Crew, description: Description, by: User | None) -> Description:
    """Return the key with what there was, or nothing if the description is without it."""
    if "schedule" not in description:
        return {}
    return {"schedule": apply_schedule(crew, description["schedule"], by)}


def _crew_differs(before: Description, description: Description) -> bool:
    return any(before[name] != description[name] for name in CREW_FIELDS)


def _save_crew(crew: Crew, description: Description) -> None:
    for name in CREW_FIELDS:
        setattr(crew, name, description[name])
    save(crew, (), about="slug")


def _save_agents(crew: Crew, entries: Sequence[dict[str, Any]]) -> dict[str, Agent]:
    """Return the agents by slug, in the order of the entries."""
    there = {agent.slug: agent for agent in agents_of(crew)}
    wanted = [there.get(entry["slug"]) for entry in entries]
    agents = {}
    for index, (entry, order) in enumerate(
        zip(entries, _places(list(there.values()), wanted), strict=True)
    ):
        agent = wanted[index] or Agent(crew=crew, slug=entry["slug"])
        values = {"name": entry["name"], "role": entry["role"], "order": order}
        agents[agent.slug] = update(agent, values, ("agents", index))
    return agents


def _save_tasks(
    crew: Crew, entries: Sequence[dict[str, Any]], agents: dict[str, Agent], ids: Sequence[str]
) -> None:
    there = list(tasks_of(crew))
    wanted = _by_id(there, ids) if ids else _by_name(there, entries)
    kept = {task.pk for task in wanted if task}
    places = _places([task for task in there if task.pk in kept], wanted)
    tasks = [task or Task(crew=crew) for task in wanted]
    # `checking` refuses an `after` with a name that several tasks have.
    pk_of = {entry["name"]: str(task.pk) for entry, task in zip(entries, tasks, strict=True)}
    for index, (entry, task, order) in enumerate(zip(entries, tasks, places, strict=True)):
        values = {
            "name": entry["name"],
            "agent": agents[entry["agent"]],
            "order": order,
            "after": [pk_of[name] for name in entry["after"]],
            "continue_on_error": entry["continue_on_error"],
            "steps": entry["steps"],
        }
        if _same_steps(task.steps, entry["steps"]):
            values["steps"] = task.steps
        update(task, values, ("tasks", index))
    for task in there:
        if task.pk not in kept:
            task.delete()


def _by_id(there: Iterable[Task], ids: Sequence[str]) -> list[Task | None]:
    by_id = {str(task.pk): task for task in there}
    return [by_id.pop(pk, None) for pk in ids]


def _by_name(there: Iterable[Task], entries: Iterable[dict[str, Any]]) -> list[Task | None]:
    """Of several tasks with one name the first is that of the first entry with it, and so on."""
    left = list(there)
    found = []
    for entry in entries:
        task = next((task for task in left if task.name == entry["name"]), None)
        if task:
            left.remove(task)
        found.append(task)
    return found


def _same_steps(before: Any, after: list[dict[str, Any]]) -> bool:
    def whole(steps: Any) -> list[dict[str, Any]]:
        return [{"params": {}, **step} for step in steps]

    return whole(before) == whole(after)


def _places(there: Sequence[Agent | Task], wanted: Sequence[Any]) -> list[int]:
    """The numbers for ``order``: those that records have, if these are in order already."""
    kept = [record for record in wanted if record]
    added = len(wanted) - len(kept)
    last = max((record.order for record in there), default=-1)
    # Records with equal numbers are sorted by name, so a new name would move them.
    in_order = all(before.order < after.order for before, after in pairwise(kept))
    if in_order and wanted[: len(kept)] == kept and last + added <= LAST_PLACE:
        return [record.order for record in kept] + [last + 1 + n for n in range(added)]
    return list(range(len(wanted)))


def _refuse_secrets(description: Description, organization: Organization) -> None:
    faults = [
        Fault(("tasks", task, "steps", step, "params", name), message)
        for task, entry in enumerate(description["tasks"])
        for step, given in enumerate(entry["steps"])
        for name, message in credentials.faults_of(given, organization.pk).items()
    ]
    if faults:
        raise InvalidDescription(faults)
