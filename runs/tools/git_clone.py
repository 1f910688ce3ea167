"""The `git_clone` tool: clones into the workspace, with git's percentages as progress."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from rest_framework import serializers

from runs.tools import git_checkout, git_command, process
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
from runs.tools.git_address import Address, InvalidGitSource, check_branch, parse
from runs.tools.git_output import NOT_LET_IN, Percentages, fatal
from runs.tools.public_address import NotPublic, resolve
from runs.tools.removal import remove_inside

MAX_DEPTH = 1_000_000

MAX_BRANCHES = 5  # named in a message


class GitCloneParams(Params):
    url = serializers.CharField(
        label="URL", help_text="As for git: https://github.com/acme/parcels."
    )
    credential = SecretName(
        required=False, help_text="A secret of the organization, if the host asks for a password."
    )
    branch = serializers.CharField(
        required=False, help_text="A branch, a tag or a whole commit id. Empty: the default branch."
    )
    depth = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_DEPTH,
        help_text="How many commits of the history. Empty: all.",
    )
    directory = RelativePath(
        required=False,
        default=CHECKOUT,
        help_text=f"Made in the workspace. Empty: {CHECKOUT}, where later steps start.",
    )

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
    """Clones into `directory`, by default `repo`, where the following steps start."""

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
        ends_at = time.monotonic() + self.time_limit

        def git(command: list[str], *, connects: bool = True) -> process.Finished:
            return process.run(
                command,
                workspace=workspace,
                env=git_command.environment(address, credential),
                readable=_readable(address, credential),
                network=connects and bool(address.host),
                secrets=[credential.username, credential.password]
                if connects and credential
                else [],
                emitter=emitter,
                time_limit=max(0.0, ends_at - time.monotonic()),
                can_pause=not connects,  # the other end would give up
                on_output=percentages.read,
            )

        finished = git(git_command.clone(address, params, addresses))
        if _is_done(finished) and git_command.commit_of(params):
            finished = _check_out(git, address, params, addresses)
        message = _fault(finished, percentages.last, address, params)
        if not message and git_checkout.is_unborn(target):
            message = _nothing_checked_out(git_checkout.branches(target))
        if message:
            # A partial clone would make the next try fail.
            remove_inside(workspace, params["directory"])
            return Outcome(Status.ERROR, finished.exit_code, message)
        emitter.progress(progress=1.0)
        commit = git_command.commit_of(params)
        at = f" at commit {commit[:12]}" if commit else ""
        message = f"Cloned into {params['directory']}{at}.{git_checkout.left_out(target)}"
        return Outcome(Status.SUCCESS, 0, message, made=params["directory"])


def _is_done(finished: process.Finished) -> bool:
    return not finished.fault and finished.exit_code == 0


def _check_out(
    git: Callable[..., process.Finished],
    address: Address,
    params: dict[str, Any],
    addresses: Sequence[str],
) -> process.Finished:
    """Check out the commit that the step names.

    The commit is fetched if a shallow clone left it out, or if no branch or tag contains it, as for
    a merge request.
    """
    finished = None
    if "depth" not in params:
        finished = git(git_command.checkout(address, params), connects=False)
    if finished is None or (finished.exit_code and not finished.fault):
        finished = git(git_command.fetch(address, params, addresses))
        if _is_done(finished):
            finished = git(git_command.checkout(address, params), connects=False)
    return finished


def _fault(
    finished: process.Finished, output: str, address: Address, params: dict[str, Any]
) -> str:
    """Return why git failed and what to do, or ""."""
    if finished.fault or finished.exit_code == 0:
        return finished.fault
    if NOT_LET_IN.search(output):
        return _not_let_in(address, params.get("credential"))
    said = fatal(output)
    if not said:
        return f"git ended with {process.in_words(finished.exit_code)}."
    return f"git could not clone: {said}{_advice(said, params)}"


def _advice(said: str, params: dict[str, Any]) -> str:
    branch = params.get("branch", "")
    if "not our ref" in said:
        return " The repository has no such commit, or does not hand it out."
    if "not found in upstream" in said:
        if re.fullmatch("(?i)[0-9a-f]{7,63}", branch):
            return " A commit is named by its whole id, of 40 characters."
        if branch.startswith(("heads/", "tags/")):
            return f" Write the branch or tag alone: {branch.partition('/')[2]}."
    return ""


def _nothing_checked_out(branches: list[str]) -> str:
    if not branches:
        return "Nothing was checked out: the repository is empty. Push a commit to it first."
    names = ", ".join(branches[:MAX_BRANCHES]) + (", ..." if len(branches) > MAX_BRANCHES else "")
    return (
        "Nothing was checked out: the repository's HEAD names a branch that does not exist. "
        f"Name one of its branches as the branch of this step: {names}."
    )


def _resolve(address: Address) -> list[str]:
    if not address.host:
        return []
    private_hosts = settings.TOOLS_GIT_PRIVATE_HOSTS
    return resolve(address.host, address.port, private_hosts=private_hosts)


def _readable(address: Address, credential: Credential | None) -> list[Path]:
    paths = (address.path, settings.TOOLS_GIT_CA_FILE, credential and git_command.ASKPASS)
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


def _checked(check: Any, value: str) -> str:
    try:
        check(value)
    except InvalidGitSource as error:
        raise serializers.ValidationError(str(error)) from None
    return value
