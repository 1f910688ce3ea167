"""The git commands of a clone: what they connect to, and what they leave out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from runs.tools.base import Credential
from runs.tools.git_address import Address

# git runs no command that a repository, a system or a user has configured.
GUARDS = {
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "http.followRedirects": "false",
    "transfer.bundleURI": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "filter.lfs.smudge": "",
    "filter.lfs.process": "",
    "filter.lfs.required": "false",
    "credential.helper": "",
    "advice.detachedHead": "false",
}
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
ASKPASS = Path(__file__).parent / "askpass"
# In its box git may run as another user than the owner of a repository on this machine.
ANY_OWNER = "git -c safe.directory='*' upload-pack"

COMMIT = re.compile(r"(?i)[0-9a-f]{40}|[0-9a-f]{64}")


def commit_of(params: dict[str, Any]) -> str:
    """Return the commit id that the step names as its branch, or ""."""
    branch = params.get("branch", "")
    return branch.lower() if COMMIT.fullmatch(branch) else ""


def clone(address: Address, params: dict[str, Any], addresses: Sequence[str] = ()) -> list[str]:
    """Return the clone command.

    It connects only to `addresses`. git takes nothing after ``--`` for an option.
    """
    command = [*_git(address, addresses), "clone", "--progress", "--no-recurse-submodules"]
    command.append("--template=")
    if address.path:
        command.append(f"--upload-pack={ANY_OWNER}")
    if commit_of(params):
        command.append("--no-checkout")
    elif branch := params.get("branch"):
        command.append(f"--branch={branch}")
    if depth := params.get("depth"):
        command.append(f"--depth={depth}")
    return [*command, "--", address.url, params["directory"]]


def fetch(address: Address, params: dict[str, Any], addresses: Sequence[str] = ()) -> list[str]:
    """Return the command that fetches the commit, which no branch or tag of a clone may contain."""
    command = [*_git(address, addresses), "-C", params["directory"], "fetch", "--progress"]
    command += ["--no-recurse-submodules", "--no-tags"]
    if address.path:
        command.append(f"--upload-pack={ANY_OWNER}")
    if depth := params.get("depth"):
        command.append(f"--depth={depth}")
    return [*command, "--", "origin", commit_of(params)]


def checkout(address: Address, params: dict[str, Any]) -> list[str]:
    """Return the command that checks out the commit. It does not use the network."""
    command = [*_git(address), "-C", params["directory"], "checkout", "--progress", "--detach"]
    return [*command, commit_of(params), "--"]


def environment(address: Address, credential: Credential | None) -> dict[str, str]:
    """Return git's environment variables."""
    found = ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": address.scheme}
    if settings.TOOLS_GIT_CA_FILE:
        found["GIT_SSL_CAINFO"] = settings.TOOLS_GIT_CA_FILE
    if credential:
        found["GIT_ASKPASS"] = str(ASKPASS)
        found["CREWOPS_SECRETS_HOST"] = credential.host
    return found


def _git(address: Address, addresses: Sequence[str] = ()) -> list[str]:
    guards = GUARDS | {f"protocol.{address.scheme}.allow": "always"}
    command = ["git"]
    for name, value in guards.items():
        command += ["-c", f"{name}={value}"]
    if addresses:
        pinned = ",".join(f"[{ip}]" if ":" in ip else ip for ip in addresses)
        command += ["-c", f"http.curloptResolve={address.host}:{address.port}:{pinned}"]
    return command
