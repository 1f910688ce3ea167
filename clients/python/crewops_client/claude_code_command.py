"""`crewops claude-code`: write the hooks into a settings file of Claude Code, or remove them."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .approvals import LONGEST_S, SHORTEST_S
from .claude_code_settings import NEW, VARIABLE, Unusable, groups, parsed, slug_of, undo, write
from .settings import from_environment

FILE = Path(".claude", "settings.local.json")
SLUG = re.compile(r"[a-zA-Z0-9_-]{1,50}")
APPROVE_S = 3600  # the default time for a person to decide


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
    own.add_argument(
        "--approve",
        type=_seconds,
        nargs="?",
        const=APPROVE_S,
        metavar="SECONDS",
        help="let people answer the permission requests of Claude Code in CrewOps, within these "
        f"seconds ({APPROVE_S}); a request without an answer by then is denied",
    )
    what = own.add_mutually_exclusive_group()
    what.add_argument("--print", dest="show", action="store_true", help="print them, write nothing")
    what.add_argument("--undo", action="store_true", help="remove them, and nothing else")
    own.set_defaults(call=command)


def command(given: argparse.Namespace) -> int:
    try:
        if given.undo:
            return _undo(given.settings or FILE)
        return _write(given.settings, given.crew, given.show, given.with_key, given.approve)
    except (Unusable, OSError) as error:
        print(f"crewops: {error}", file=sys.stderr)
        return 1


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and SHORTEST_S <= int(text[:9]) <= LONGEST_S):
        limits = f"{SHORTEST_S} to {LONGEST_S}"
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: {limits}")
    return int(text)


def _write(
    file: Path | None, crew: str | None, show: bool, with_key: bool, approve_s: int | None
) -> int:
    settings = from_environment()
    if settings.problem:
        raise Unusable(settings.problem)
    if crew is None and file is None:
        crew = slug_of(Path.cwd())
    elif crew is not None and not SLUG.fullmatch(crew):
        raise Unusable(f"{crew!r} is no slug of a crew: 1 to 50 of a-z A-Z 0-9 - _")
    path = file or FILE
    ours = groups(settings, crew, settings.api_key if with_key else f"${VARIABLE}", approve_s)
    if show:
        print(json.dumps({"hooks": {name: [own] for name, own in ours.items()}}, indent=2))
        return 0
    before = _read(path)
    after = write(before or NEW, ours)
    if after != before:
        _save(path, after, is_secret=with_key)
    print(f"{path} has the hooks. Claude Code reports what it does here to {settings.url}.")
    if approve_s is not None:
        asked = "Its permission requests wait there for a person"
        print(f"{asked}, and are denied after {approve_s} s: {settings.url.rstrip('/')}/approvals/")
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
        parsed(text)
    except Unusable as error:
        raise Unusable(f"{path} {error} It is left as it is.") from None
    return text


def _save(path: Path, text: str, *, is_secret: bool = False) -> None:
    """Replace the file in one step, because Claude Code may read it at any time."""
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
    """Return whether git will not commit the file. Outside of a repository this is True."""
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
