"""The `git_clone` tool: a clone in the workspace, with git's own percentages as progress."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from rest_framework import serializers

from runs.tools import process
from runs.tools.base import CHECKOUT, Emitter, Outcome, Params, RelativePath, Status, Tool
from runs.tools.git_address import Address, Refused, check_branch, parse
from runs.tools.public_address import NotPublic, resolve
from runs.tools.removal import remove_tree

MAX_DEPTH = 1_000_000

# The share of the whole each phase of a clone ends at; measured by eye, only their order matters.
PHASES = {
    "Counting objects": (0.0, 0.05),
    "Compressing objects": (0.05, 0.1),
    "Receiving objects": (0.1, 0.8),
    "Resolving deltas": (0.8, 0.9),
    "Updating files": (0.9, 1.0),
}
PERCENTAGE = re.compile(rf"({'|'.join(PHASES)}): +(\d{{1,3}})%")
MAX_TAIL_CHARS = 200  # of an unfinished line; longer than any line of progress

# Whatever a repository, a system or a user has configured, git runs none of it.
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
}
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
# Reads the credentials from its environment, so that they stand in no argument list.
CREDENTIAL_HELPER = (
    '!answer() { echo "username=$CREWOPS_GIT_USERNAME"; echo "password=$CREWOPS_GIT_PASSWORD"; };'
    " answer"
)
# In its box git may be another user than the owner of a repository on this machine.
ANY_OWNER = "git -c safe.directory='*' upload-pack"


class GitCloneParams(Params):
    url = serializers.CharField()
    branch = serializers.CharField(required=False)
    depth = serializers.IntegerField(required=False, min_value=1, max_value=MAX_DEPTH)
    directory = RelativePath(required=False, default=CHECKOUT)

    def validate_url(self, value: str) -> str:
        return _checked(parse, value)

    def validate_branch(self, value: str) -> str:
        return _checked(check_branch, value)

    def validate_directory(self, value: str) -> str:
        if not Path(value).parts or value.startswith("."):
            raise serializers.ValidationError("Write the name of a directory to make.")
        return value


class GitClone(Tool):
    """Clones into `directory`, by default `repo`, where the steps that follow start."""

    name = "git_clone"
    params = GitCloneParams

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        target = workspace / params["directory"]
        if target.is_symlink() or target.exists():
            message = f"{params['directory']} exists already: give this clone another directory."
            return Outcome(Status.ERROR, message=message)
        if not target.resolve().is_relative_to(workspace.resolve()):
            return Outcome(Status.ERROR, message=f"{params['directory']} is not in the workspace.")
        address = parse(params["url"])
        try:
            addresses = _resolve(address)
        except NotPublic as error:
            return Outcome(Status.ERROR, message=str(error))
        percentages = Percentages(emitter)
        finished = process.run(
            argv(address, params, addresses),
            workspace=workspace,
            env=_environment(address),
            readable=[Path(address.path)] if address.path else [],
            network=bool(address.host),
            emitter=emitter,
            time_limit=self.time_limit,
            on_output=percentages.read,
        )
        if not finished.fault and finished.exit_code == 0:
            emitter.progress(progress=1.0)
            return Outcome(Status.SUCCESS, 0, f"Cloned into {params['directory']}.")
        remove_tree(target)  # half a clone would stand in the next try's way
        message = finished.fault or f"git ended with exit code {finished.exit_code}."
        return Outcome(Status.ERROR, finished.exit_code, message)


def argv(address: Address, params: dict[str, Any], addresses: Sequence[str] = ()) -> list[str]:
    """The command. It connects to `addresses` only, and behind ``--`` it takes nothing for an option."""
    guards = GUARDS | {f"protocol.{address.scheme}.allow": "always"}
    command = ["git"]
    for name, value in guards.items():
        command += ["-c", f"{name}={value}"]
    if addresses:
        pinned = ",".join(f"[{ip}]" if ":" in ip else ip for ip in addresses)
        command += ["-c", f"http.curloptResolve={address.host}:{address.port}:{pinned}"]
    if address.username or address.password:
        command += ["-c", f"credential.helper={CREDENTIAL_HELPER}"]
    command += ["clone", "--progress", "--no-recurse-submodules", "--template="]
    if address.path:
        command.append(f"--upload-pack={ANY_OWNER}")
    if branch := params.get("branch"):
        command.append(f"--branch={branch}")
    if depth := params.get("depth"):
        command.append(f"--depth={depth}")
    return [*command, "--", address.url, params["directory"]]


def _resolve(address: Address) -> list[str]:
    if not address.host:
        return []
    private_hosts = settings.TOOLS_GIT_PRIVATE_HOSTS
    return resolve(address.host, address.port, private_hosts=private_hosts)


def _environment(address: Address) -> dict[str, str]:
    environment = ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": address.scheme}
    if address.username or address.password:
        environment["CREWOPS_GIT_USERNAME"] = address.username
        environment["CREWOPS_GIT_PASSWORD"] = address.password
    return environment


class Percentages:
    """git's percentages as one progress from 0 to 1 that never goes back."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._tail = ""
        self._progress = 0.0

    def read(self, text: str) -> None:
        """Take in what git wrote; lines of progress end with a carriage return."""
        *lines, tail = re.split(r"[\r\n]", self._tail + text)
        self._tail = tail[-MAX_TAIL_CHARS:]
        for line in lines:
            if match := PERCENTAGE.search(line):
                start, end = PHASES[match[1]]
                progress = start + (end - start) * min(int(match[2]), 100) / 100
                self._progress = max(self._progress, progress)
                self._emitter.progress(message=match[0], progress=self._progress)


def _checked(check: Any, value: str) -> str:
    try:
        check(value)
    except Refused as error:
        raise serializers.ValidationError(str(error)) from None
    return value
