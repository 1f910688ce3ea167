"""The changes that a button of the form makes to a draft: add, move, copy and delete parts."""

import re
from copy import deepcopy
from typing import Any

from runs.editor.draft import MAX_PARTS, TOO_MANY, AgentDraft, Draft, StepDraft, TaskDraft
from runs.tools import MAX_STEPS, REGISTRY

ACTION = re.compile(
    r"(?P<verb>up|down|copy|delete):(?P<list>agents|tasks|tasks-(?P<task>\d{1,4})-steps)"
    r"-(?P<index>\d{1,4})"
)
ADD_STEP = re.compile(r"add-step:(?P<task>\d{1,4}):(?P<tool>\w+)")
COPY = "Copy of "
NAME_CHARS = 100


class InvalidAction(Exception):
    """The action is not possible. The message says why."""


def act(draft: Draft, action: str) -> str:
    """Change the draft. Return the id of the element that gets the focus.

    Raises ``InvalidAction``.
    """
    if action == "add-agent":
        _refuse_more(draft, 1)
        draft.agents.append(AgentDraft(draft.new_key()))
        return f"agents-{len(draft.agents) - 1}-name"
    if action == "add-task":
        _refuse_more(draft, 1)
        only = draft.agents[0].key if len(draft.agents) == 1 else ""
        draft.tasks.append(TaskDraft(draft.new_id(), agent=only))
        return f"tasks-{len(draft.tasks) - 1}-name"
    if found := ADD_STEP.fullmatch(action):
        return _add_step(draft, int(found["task"]), found["tool"])
    if found := ACTION.fullmatch(action):
        try:
            parts = draft.tasks[int(found["task"])].steps if found["task"] else None
            parts = getattr(draft, found["list"]) if parts is None else parts
            parts[int(found["index"])]
        except IndexError:
            raise InvalidAction("That part is not there any more.") from None
        return _change(draft, parts, found["verb"], found["list"], int(found["index"]))
    raise InvalidAction("The form was not complete. Press the button again.")


def _change(draft: Draft, parts: list[Any], verb: str, prefix: str, index: int) -> str:
    if verb == "delete":
        if isinstance(gone := parts.pop(index), TaskDraft):
            for task in draft.tasks:
                task.after = [other for other in task.after if other != gone.id]
        if not parts:
            return f"add-{prefix}"
        return f"{prefix}-{min(index, len(parts) - 1)}-delete"
    if verb == "copy":
        _copy(draft, parts, index)
        return f"{prefix}-{index + 1}-copy"
    to = index - 1 if verb == "up" else index + 1
    if 0 <= to < len(parts):
        parts[index], parts[to] = parts[to], parts[index]
    else:
        to = index
    at_end = to == (0 if verb == "up" else len(parts) - 1)
    other = {"up": "down", "down": "up"}[verb]
    return f"{prefix}-{to}-{other if at_end else verb}"


def _copy(draft: Draft, parts: list[Any], index: int) -> None:
    copy = deepcopy(parts[index])
    if isinstance(copy, AgentDraft):
        copy.key = draft.new_key()
    if isinstance(copy, TaskDraft):
        copy.id = draft.new_id()
    _refuse_more(draft, 1 + len(getattr(copy, "steps", ())))
    if isinstance(copy, AgentDraft | TaskDraft):
        copy.name = f"{COPY}{copy.name}"[:NAME_CHARS]
    elif len(parts) >= MAX_STEPS:
        raise InvalidAction(f"A task has at most {MAX_STEPS} steps.")
    parts.insert(index + 1, copy)


def _add_step(draft: Draft, task: int, tool: str) -> str:
    if task >= len(draft.tasks) or tool not in REGISTRY:
        raise InvalidAction("The form was not complete. Press the button again.")
    steps = draft.tasks[task].steps
    if len(steps) >= MAX_STEPS:
        raise InvalidAction(f"A task has at most {MAX_STEPS} steps.")
    _refuse_more(draft, 1)
    steps.append(StepDraft(tool))
    return f"tasks-{task}-steps-{len(steps) - 1}"


def _refuse_more(draft: Draft, added: int) -> None:
    if draft.parts + added > MAX_PARTS:
        raise InvalidAction(f"{TOO_MANY} Save, and go on there.")
