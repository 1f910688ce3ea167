"""Looking for what a secret has left behind."""

import json
from pathlib import Path

from django.apps import apps


def shown_by_processes(secret: str) -> set[str]:
    """What of the processes of this machine shows it: "cmdline", "environ"."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if secret.encode() in (entry / name).read_bytes():
                    found.add(name)
            except OSError:  # it has ended, or is another user's
                continue
    return found


def files_that_hold(secret: str, root: Path) -> list[str]:
    """Names of the files below `root` that do."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path.name for path in files if secret.encode() in path.read_bytes()]


def dump() -> str:
    """Every row of every table."""
    rows = [list(model._base_manager.values()) for model in apps.get_models()]
    return json.dumps(rows, default=str, ensure_ascii=False)
