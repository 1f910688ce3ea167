"""The hooks of Claude Code that report to CrewOps, in the text of its settings file."""

import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import json_edits
from .json_edits import find, members
from .settings import Settings

PATH = "/api/report/claude-code/"
VARIABLE = "CREWOPS_API_KEY"
TIMEOUT_S = 5  # Claude Code waits for the answer
LATE_S = 30  # Claude Code waits this much longer than the server, which denies in time
HOOKS = (
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
# The text of a new settings file. It has no line feed at its end, unlike a file of an editor. So
# `--undo` knows that this command made the file.
NEW = "{}"


class Unusable(Exception):
    """The settings file cannot be changed. The text says why."""


def slug_of(directory: Path) -> str:
    """Return the slug of the crew of a project's directory."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "-", directory.name).strip("-")[:50] or "claude-code"


def groups(
    settings: Settings, crew: str | None, key: str, approve_s: int | None = None
) -> dict[str, dict[str, Any]]:
    """Return the settings of each hook. ``key`` is the API key, or `$` and the variable's name.

    With ``approve_s`` a PermissionRequest waits this many seconds for a person in CrewOps.
    """
    return {
        name: _group(settings, crew, key, approve_s if name == "PermissionRequest" else None)
        for name in HOOKS
    }


def _group(settings: Settings, crew: str | None, key: str, approve_s: int | None) -> dict[str, Any]:
    query = urllib.parse.urlencode(
        {name: value for name, value in (("crew", crew), ("approve", approve_s)) if value}
    )
    hook: dict[str, Any] = {
        "type": "http",
        "url": settings.url.rstrip("/") + PATH + (f"?{query}" if query else ""),
        "headers": {"Authorization": f"Bearer {key}"},
        "timeout": TIMEOUT_S if approve_s is None else approve_s + LATE_S,
    }
    if key.startswith("$"):
        hook["allowedEnvVars"] = [VARIABLE]
    return {"hooks": [hook]}


def write(text: str, ours: dict[str, dict[str, Any]]) -> str:
    """Return the settings with our hooks, each once."""
    there = [(name, found) for name, found, _, _ in _own(text)]
    if len(there) == len(ours) and dict(there) == ours:
        return text
    text = undo(text)
    indent = json_edits.indent_of(text)
    for name in HOOKS:
        if find(text, "hooks") is None:
            text = json_edits.insert(text, _at(text), "hooks", {}, indent)
        if find(text, "hooks", name) is None:
            text = json_edits.insert(text, _at(text, "hooks"), name, [], indent)
        text = json_edits.insert(text, _at(text, "hooks", name), "", ours[name], indent)
    return text


def undo(text: str) -> str:
    """Return the settings without our hooks, and without lists and objects that become empty."""
    while found := next(_own(text), None):
        name, _, group_at, hook_at = found
        event = _at(text, "hooks", name)
        own = members(text, event)[0][group_at].value
        position = json_edits.position_of(text, own, "hooks")
        hooks = members(text, own)[0][position or 0].value
        if len(members(text, hooks)[0]) > 1:
            text = json_edits.remove(text, hooks, hook_at)
            continue
        text = json_edits.remove(text, event, group_at)
        for path in (("hooks", name), ("hooks",)):
            holder = _at(text, *path[:-1])
            position = json_edits.position_of(text, holder, path[-1])
            if position is not None and not members(text, _at(text, *path))[0]:
                text = json_edits.remove(text, holder, position)
    return text


def _own(text: str) -> Iterator[tuple[str, dict[str, Any], int, int]]:
    """Yield for each of our hooks its event, its group, and the positions of group and hook."""
    for name, groups in parsed(text).items():
        for group_at, found in enumerate(groups):
            hooks = found.get("hooks") if isinstance(found, dict) else None
            for hook_at, hook in enumerate(hooks if isinstance(hooks, list) else []):
                url = hook.get("url") if isinstance(hook, dict) else None
                if isinstance(url, str) and url.split("?")[0].endswith(PATH):
                    yield name, found, group_at, hook_at


def parsed(text: str) -> dict[str, list[Any]]:
    """Return the hooks in the settings, by event. Raises `Unusable`."""
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"is no JSON: {error}.") from None
    if not isinstance(settings, dict):
        raise Unusable("holds no JSON object.")
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(each, list) for each in hooks.values()):
        raise Unusable("has `hooks` that are not as Claude Code writes them.")
    return hooks


def _at(text: str, *names: str) -> int:
    found = find(text, *names)
    assert found is not None, names
    return found
