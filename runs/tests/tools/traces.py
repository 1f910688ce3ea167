"""Looking for a secret that was marked as a canary."""

import json
from pathlib import Path

from django.apps import apps

CANARY = b"canary-"


def processes_with_a_canary() -> set[str]:
    """What of the processes of this machine shows one: "cmdline", "environ"."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if CANARY in (entry / name).read_bytes():
                    found.add(name)
            except OSError:  # it has ended, or is another user's
                continue
    return found


def files_with_a_canary(root: Path) -> list[str]:
    """Names of the files below `root` that hold one."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path.name for path in files if CANARY in path.read_bytes()]


def dump() -> str:
    """Every row of every table."""
    rows = [list(model._base_manager.values()) for model in apps.get_models()]
    return json.dumps(rows, default=str, ensure_ascii=False)
