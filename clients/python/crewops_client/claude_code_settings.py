"""`crewops claude-code`: the hooks of Claude Code that report to CrewOps, in its settings file."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import json_edits
from .json_edits import find, members
from .settings import Settings, from_environment

FILE = Path(".claude", "settings.local.json")
PATH = "/api/report/claude-code/"
SLUG = re.compile(r"[a-zA-Z0-9_-]{1,50}")
VARIABLE = "CREWOPS_API_KEY"
TIMEOUT_S = 5  # Claude Code waits for the answer
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
# What the file is where there was none. Without a line feed at its end, unlike files of editors:
# so `--undo` knows that nobody else has made it.
NEW = "{}"


class Unusable(Exception):
    """The settings file cannot be changed; the text says why."""


def slug_of(directory: Path) -> str:
    """The crew of a project's directory."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "-", directory.name).strip("-")[:50] or "claude-code"


def group(settings: Settings, crew: str | None, key: str) -> dict[str, Any]:
    """What stands in the settings for each hook. Its key is the variable's name, or the key."""
    query = f"?crew={urllib.parse.quote(crew)}" if crew else ""
    hook: dict[str, Any] = {
        "type": "http",
        "url": settings.url.rstrip("/") + PATH + query,
        "headers": {"Authorization": f"Bearer {key}"},
        "timeout": TIMEOUT_S,
    }
    if key.startswith("$"):
        hook["allowedEnvVars"] = [VARIABLE]
    return {"hooks": [hook]}


def write(text: str, ours: dict[str, Any]) -> str:
    """The settings with our hooks, each once."""
    there = [(name, found) for name, found, _, _ in _own(text)]
    if sorted(name for name, _ in there) == sorted(HOOKS) and all(g == ours for _, g in there):
        return text
    text = undo(text)
    indent = json_edits.indent_of(text)
    for name in HOOKS:
        if find(text, "hooks") is None:
            text = json_edits.insert(text, _at(text), "hooks", {}, indent)
        if find(text, "hooks", name) is None:
            text = json_edits.insert(text, _at(text, "hooks"), name, [], indent)
        text = json_edits.insert(text, _at(text, "hooks", name), "", ours, indent)
    return text


def undo(text: str) -> str:
    """The settings without our hooks, and without what that leaves empty."""
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
    """Our hooks: for each its event, its group, and the positions of both in their lists."""
    for name, groups in _parsed(text).items():
        for group_at, found in enumerate(groups):
            hooks = found.get("hooks") if isinstance(found, dict) else None
            for hook_at, hook in enumerate(hooks if isinstance(hooks, list) else []):
                url = hook.get("url") if isinstance(hook, dict) else None
                if isinstance(url, str) and url.split("?")[0].endswith(PATH):
                    yield name, found, group_at, hook_at


def _parsed(text: str) -> dict[str, list[Any]]:
    """The hooks in the settings, by event."""
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


def add_to(commands: Any) -> None:
    """Add the command to the parser of `crewops`."""
    own = commands.add_parser(
        "claude-code",
        help="show what Claude Code does: write hooks into its settings",
        description="Write hooks into the settings of Claude Code that report to CREWOPS_URL.",
    )
    own.add_argument(
        "--crew", help="the slug of the crew; without it the name of the project's directory"
    )
    own.add_argument("--settings", type=Path, metavar="FILE", help=f"instead of {FILE}")
    own.add_argument(
        "--with-key",
        action="store_true",
        help=f"write the API key itself; without it {VARIABLE} is read when claude runs",
    )
    what = own.add_mutually_exclusive_group()
    what.add_argument("--print", dest="show", action="store_true", help="print them, write nothing")
    what.add_argument("--undo", action="store_true", help="remove them, and nothing else")
    own.set_defaults(call=command)


def command(given: argparse.Namespace) -> int:
    try:
        if given.undo:
            return _undo(given.settings or FILE)
        return _write(given.settings, given.crew, given.show, given.with_key)
    except (Unusable, OSError) as error:
        print(f"crewops: {error}", file=sys.stderr)
        return 1


def _write(file: Path | None, crew: str | None, show: bool, with_key: bool) -> int:
    settings = from_environment()
    if settings.problem:
        raise Unusable(settings.problem)
    if crew is None and file is None:
        crew = slug_of(Path.cwd())
    elif crew is not None and not SLUG.fullmatch(crew):
        raise Unusable(f"{crew!r} is no slug of a crew: 1 to 50 of a-z A-Z 0-9 - _")
    path = file or FILE
    ours = group(settings, crew, settings.api_key if with_key else f"${VARIABLE}")
    if show:
        print(json.dumps({"hooks": {name: [ours] for name in HOOKS}}, indent=2))
        return 0
    before = _read(path)
    after = write(before or NEW, ours)
    if after != before:
        _save(path, after, is_secret=with_key)
    print(f"{path} has the hooks. What Claude Code does here is shown in {settings.url}.")
    if not with_key:
        print(f"Set {VARIABLE} where you start claude: the file holds only its name.")
    elif not _is_ignored(path):
        print(
            f"crewops: warning: {path} now holds your API key, and git does not ignore the file. "
            f"Do not commit it: add it to .gitignore, or write it without --with-key.",
            file=sys.stderr,
        )
    return 0


def _undo(path: Path) -> int:
    before = _read(path)
    after = undo(before) if before is not None else None
    if before == after:
        print(f"{path} has no hooks of CrewOps.")
    elif after == NEW:
        path.unlink()
        print(f"{path} is removed: it held nothing else.")
    else:
        _save(path, str(after))
        print(f"{path} has no hooks of CrewOps any more.")
    return 0


def _read(path: Path) -> str | None:
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Unusable(f"{path} is not UTF-8. It is left as it is.") from None
    try:
        _parsed(text)
    except Unusable as error:
        raise Unusable(f"{path} {error} It is left as it is.") from None
    return text


def _save(path: Path, text: str, *, is_secret: bool = False) -> None:
    """Replace the file at once: Claude Code reads it at any time."""
    path = path.resolve()  # a symbolic link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & (0o700 if is_secret else 0o777) if path.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(text.encode())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _is_ignored(path: Path) -> bool:
    """Whether git will not commit the file; also where there is no repository."""
    where = path.resolve()
    try:
        asked = subprocess.run(
            ["git", "-C", str(where.parent), "check-ignore", "--quiet", str(where)],
            capture_output=True,
            check=False,
        )
    except OSError:
        return True
    return asked.returncode != 1  # 128: this is no repository
