"""How well a tool's processes are isolated. CrewOps uses the best of these tiers that works:

- ``namespaces``: own users, processes, mounts and network (user namespaces, Linux 5.12 or newer).
  A tool sees the system read-only and its workspace, and nothing else.
- ``user``: the worker is root. Its tools run as a user who cannot read root's private files.
- ``limits``: resource limits and an own session. A tool can do everything the worker's user can.
- ``none``: no tool runs. The worker is root, and its tools cannot run as another user. The kernel
  does not limit root's processes. ``TOOLS_ALLOW_UNBOXED_ROOT`` replaces this tier by ``limits``.

docs/box.md says what each tier prevents.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from runs.tools import fork_server
from runs.tools.launch import Launched, Limits, Order
from runs.tools.removal import remove_tree

# System paths that a command needs. From /etc only entries that are known to hold no secret.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "group"),
    *("host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"),
    *("mime.types", "nsswitch.conf", "os-release", "passwd", "pki", "protocols", "resolv.conf"),
    *("services", "ssl/certs", "ssl/openssl.cnf", "timezone"),
)
# Entries of a Python installation. Its directory may also be a checkout.
INSTALLATION = ("bin", "include", "lib", "lib64", "pyvenv.cfg", "share")

SANDBOX = "namespaces"  # the tier in which tools see no secret, no network and no other process

# The user of tools if the worker is root: 60578-61183 are unassigned (systemd.io/UIDS-GIDS).
TOOLS_UID = 60999

NONE_S = 10.0  # for which it is remembered that no tier works

# Shown to users: what each tier below the sandbox does not protect.
TIER_WARNINGS = {
    "user": (
        "Tools have a user of their own, but share network and files with the worker's machine."
    ),
    "limits": "Tools have limits, but can do and read whatever their worker can.",
    "none": "No tool runs: the worker has found no way to box it.",
}


@dataclass(frozen=True, slots=True)
class Tier:
    """The tier in use. `shortfall` says why no better one works, "" for the best."""

    name: str
    uid: int | None = None
    shortfall: str = ""

    @property
    def is_sandbox(self) -> bool:
        """Whether tools see no secret, no network and no other process."""
        return self.name == SANDBOX

    @property
    def refusal(self) -> str:
        """Why no tool runs in this tier, or ""."""
        if settings.TOOLS_REQUIRE_SANDBOX and not self.is_sandbox:
            return f"Tools do not run here: TOOLS_REQUIRE_SANDBOX is set. {self.shortfall}"
        if self.name == "none":
            return f"Tools do not run here: no way was found to box them. {self.shortfall}"
        return ""

    @property
    def secrets_refusal(self) -> str:
        """Why no tool gets a secret in this tier, or ""."""
        if self.is_sandbox or settings.TOOLS_ALLOW_UNBOXED_SECRETS:
            return ""
        return (
            f"No secret is handed over in the tier {self.name!r}, in which other tools could read "
            "it. See docs/box.md, or set TOOLS_ALLOW_UNBOXED_SECRETS."
        )


_tier: Tier | None = None  # found in this process or in the one that forked it
_looked_at = 0.0  # when, on the monotonic clock


def tier() -> Tier:
    """Return the best tier that works here, found by a command in each.

    The result is cached, the tier ``none`` only for ``NONE_S``: a disk that is full now may have
    space later.
    """
    global _tier, _looked_at
    if _tier and (_tier.name != "none" or time.monotonic() - _looked_at < NONE_S):
        return _tier
    try:
        _tier = _find_tier()
    finally:
        fork_server.end()  # a worker's main process asks for the tier, but runs no tool
    _looked_at = time.monotonic()
    return _tier


def _find_tier() -> Tier:
    if os.geteuid() == 0:
        candidates = [Tier(SANDBOX, TOOLS_UID), Tier("user", TOOLS_UID)]
        if settings.TOOLS_ALLOW_UNBOXED_ROOT:
            candidates.append(Tier("limits"))
    else:
        candidates = [Tier(SANDBOX), Tier("limits")]
    shortfalls: list[str] = []
    for candidate in candidates:
        found = Tier(candidate.name, candidate.uid, " ".join(shortfalls))
        if not (fault := _try(found)):
            return found
        shortfalls.append(f"{candidate.name}: {fault}")
    return Tier("none", None, " ".join(shortfalls))


def order(
    argv: Sequence[str],
    *,
    workspace: Path,
    cwd: Path,
    env: dict[str, str],
    in_tier: Tier,
    readable: Sequence[Path] = (),
    network: bool = False,
) -> Order:
    """Make the order to run `argv` in a box. The command can also read the paths in `readable`."""
    return Order(
        argv=list(argv),
        cwd=str(cwd),
        env=env,
        workspace=str(workspace),
        tier=in_tier.name,
        uid=in_tier.uid,
        limits=limits(),
        readable=[*_readable(python()), *map(str, readable)],
        network=network,
    )


def environment(workspace: Path) -> dict[str, str]:
    """Return a command's whole environment. The worker's own, which has secrets, is left out."""
    return {
        "PATH": f"{Path(python()).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(workspace / ".home"),
        "TMPDIR": str(workspace / ".tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def limits() -> Limits:
    """Return the limits of one tool call, from the settings."""
    return Limits(
        cpu_s=settings.TOOLS_LIMIT_CPU_S,
        memory_bytes=settings.TOOLS_LIMIT_MEMORY_BYTES,
        file_bytes=settings.TOOLS_LIMIT_FILE_BYTES,
        open_files=settings.TOOLS_LIMIT_OPEN_FILES,
        processes=settings.TOOLS_LIMIT_PROCESSES,
        workspace_bytes=settings.TOOLS_LIMIT_WORKSPACE_BYTES,
        workspace_files=settings.TOOLS_LIMIT_WORKSPACE_FILES,
    )


def python() -> str:
    """Return the interpreter for tools: ``TOOLS_PYTHON``, by default the project's own."""
    return settings.TOOLS_PYTHON or sys.executable


@cache
def _readable(interpreter: str) -> tuple[str, ...]:
    """Return the paths of this machine that a command can read, parents before their children."""
    if interpreter == sys.executable:
        prefixes = [sys.base_prefix, sys.prefix]
    else:
        show = "import sys; print(sys.base_prefix); print(sys.prefix)"
        command = [interpreter, "-I", "-c", show]
        prefixes = subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.splitlines()
    return (
        *SYSTEM,
        *(f"/etc/{name}" for name in CONFIGURATION),
        *(
            f"{prefix}/{name}"
            for prefix in dict.fromkeys(prefixes)
            if not prefix.startswith("/usr")
            for name in INSTALLATION
        ),
        *settings.TOOLS_READABLE_PATHS,
    )


def _try(candidate: Tier) -> str:
    """Return why the tools' interpreter does not run in this tier, or ""."""
    workspace = settings.WORKSPACES_DIR / str(uuid4())  # if it is left, it is removed like others
    try:
        workspace.mkdir(parents=True, mode=0o700)
    except OSError as error:
        return f"The workspace could not be made: {error.strerror}."
    try:
        command = [python(), "-c", "import encodings, socket"]
        env = environment(workspace)
        launched = Launched(
            order(command, workspace=workspace, cwd=workspace, env=env, in_tier=candidate)
        )
        ended, output = False, ""
        while not ended:
            text, _, ended = launched.output.read(timeout=1.0)
            output += text
            ended = ended or launched.overdue()
        report = launched.finish()
    finally:
        remove_tree(workspace)
    if report.get("exit_code") == 0:
        return ""
    return report.get("error") or f"exit code {report['exit_code']}. {output.strip()[-500:]}"
