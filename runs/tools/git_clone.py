"""The `git_clone` tool: a clone in the workspace, with git's own percentages as progress."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from rest_framework import serializers

from runs.tools import process
from runs.tools.base import (
    CHECKOUT,
    Credential,
    Emitter,
    Outcome,
    Params,
    RelativePath,
    SecretName,
    Status,
    Tool,
)
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
ASKPASS = Path(__file__).parent / "askpass"
# In its box git may be another user than the owner of a repository on this machine.
ANY_OWNER = "git -c safe.directory='*' upload-pack"


# What git says, in its last lines, when a host does not let it in.
NOT_LET_IN = re.compile(r"Authentication failed for|could not read (?:Username|Password) for")
MAX_LAST_CHARS = 4000


class GitCloneParams(Params):
    url = serializers.CharField()
    credential = SecretName(required=False)
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

    def validate(self, params: dict[str, Any]) -> dict[str, Any]:
        if "credential" in params and parse(params["url"]).scheme != "https":
            raise serializers.ValidationError(
                {"url": "A credential is sent over https only. Write https://, or leave it out."}
            )
        return params


class GitClone(Tool):
    """Clones into `directory`, by default `repo`, where the steps that follow start."""

    name = "git_clone"
    params = GitCloneParams

    def destination(self, params: dict[str, Any]) -> str:
        return parse(params["url"]).destination

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        target = workspace / params["directory"]
        if target.is_symlink() or target.exists():
            message = (
                f"{params['directory']} exists already: give this clone another directory. If an "
                "earlier run left it, run again from the start: that begins in an empty workspace."
            )
            return Outcome(Status.ERROR, message=message)
        if not target.resolve().is_relative_to(workspace.resolve()):
            return Outcome(Status.ERROR, message=f"{params['directory']} is not in the workspace.")
        address = parse(params["url"])
        try:
            addresses = _resolve(address)
        except NotPublic as error:
            return Outcome(Status.ERROR, message=str(error))
        credential: Credential | None = params.get("credential")
        percentages = Percentages(emitter)
        finished = process.run(
            argv(address, params, addresses),
            workspace=workspace,
            env=_environment(address, credential),
            readable=_readable(address, credential),
            network=bool(address.host),
            secrets=[credential.username, credential.password] if credential else [],
            emitter=emitter,
            time_limit=self.time_limit,
            on_output=percentages.read,
        )
        if not finished.fault and finished.exit_code == 0:
            emitter.progress(progress=1.0)
            message = f"Cloned into {params['directory']}."
            return Outcome(Status.SUCCESS, 0, message, made=params["directory"])
        remove_tree(target)  # half a clone would stand in the next try's way
        message = finished.fault or f"git ended with exit code {finished.exit_code}."
        if not finished.fault and NOT_LET_IN.search(percentages.last):
            message = _not_let_in(address, credential)
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


def _environment(address: Address, credential: Credential | None) -> dict[str, str]:
    environment = ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": address.scheme}
    if settings.TOOLS_GIT_CA_FILE:
        environment["GIT_SSL_CAINFO"] = settings.TOOLS_GIT_CA_FILE
    if credential:
        environment["GIT_ASKPASS"] = str(ASKPASS)
        environment["CREWOPS_SECRETS_HOST"] = credential.host
    return environment


def _readable(address: Address, credential: Credential | None) -> list[Path]:
    paths = (address.path, settings.TOOLS_GIT_CA_FILE, credential and ASKPASS)
    return [Path(path) for path in paths if path]


def _not_let_in(address: Address, credential: Credential | None) -> str:
    if credential:
        return (
            f"{address.host} did not accept the secret {credential.name}. Check that its value is "
            "still valid there and may read this repository, and enter it anew if not."
        )
    return (
        f"{address.host} asks for a user name and a password. Store them as a secret of the "
        "organization, and name that as the credential of this step."
    )


class Percentages:
    """git's percentages as one progress from 0 to 1 that never goes back; `last` is the end of all
    that git wrote."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._tail = ""
        self._progress = 0.0
        self.last = ""

    def read(self, text: str) -> None:
        """Take in what git wrote; lines of progress end with a carriage return."""
        self.last = (self.last + text)[-MAX_LAST_CHARS:]
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
