"""git_clone with a secret: it reaches its own host, and nothing else ever holds it."""

import os
import subprocess
from pathlib import Path

import pytest
from rest_framework.exceptions import ValidationError

from runs import tools
from runs.tests.tools.forge import ELSEWHERE, HERE, Forge
from runs.tests.tools.recorder import Recorder
from runs.tests.tools.repositories import git
from runs.tests.tools.traces import files_that_hold, shown_by_processes
from runs.tools import Outcome, Status, box, git_command, process
from runs.tools.base import Credential


def credential(forge: Forge, *, host: str = HERE, password: str = "") -> Credential:
    return Credential("deploy", f"{host}:{forge.port}", "git", password or forge.password)


def clone(
    workspace: Path,
    emitter: Recorder,
    forge: Forge,
    path: str = "/private.git",
    opened: Credential | None = None,
) -> Outcome:
    """Clone as a step with the secret `deploy` would, once that is opened."""
    tool = tools.get("git_clone")
    params = tool.clean({"url": forge.url(path), "credential": "deploy"})
    return tool.run(params | {"credential": opened or credential(forge)}, workspace, emitter)


@pytest.fixture
def seen(forge) -> set[str]:
    """Where the secret was seen while git talked to its host."""
    found: set[str] = set()
    forge.during = lambda: found.update(shown_by_processes(forge.canary))
    return found


@pytest.mark.parametrize("tier", ["namespaces", "limits"])
def test_the_secret_opens_the_repository_and_is_left_nowhere(
    workspace, emitter, forge, seen, in_tier, tier
):
    in_tier(tier)
    assert clone(workspace, emitter, forge).status == Status.SUCCESS
    assert set(forge.received) == {f"git:{forge.password}"}
    assert seen == set()
    assert "canary" not in emitter.output + "".join(emitter.messages)
    assert (workspace / "repo/.git/config").is_file()
    assert files_that_hold(forge.canary, workspace) == []


def test_control_what_stands_in_an_argument_a_variable_or_a_file_is_seen(
    workspace, emitter, forge, seen, monkeypatch
):
    environment, argv = git_command.environment, git_command.clone

    def leaking_argv(*arguments) -> list[str]:
        command = argv(*arguments)
        option = ["-c", f"clone.defaultRemoteName={forge.canary}"]
        return [command[0], *option, *command[1:]]

    monkeypatch.setattr(git_command, "clone", leaking_argv)
    monkeypatch.setattr(
        git_command, "environment", lambda *given: environment(*given) | {"LEAK": forge.password}
    )
    assert clone(workspace, emitter, forge).status == Status.SUCCESS
    assert seen == {"cmdline", "environ"}
    assert "config" in files_that_hold(forge.canary, workspace)


def test_a_value_that_the_host_does_not_accept_is_reported(workspace, emitter, forge):
    outcome = clone(workspace, emitter, forge, opened=credential(forge, password="canary-wrong"))
    assert (outcome.status, outcome.exit_code) == (Status.ERROR, 128)
    assert outcome.message == (
        "127.0.0.1 did not accept the secret deploy. Check that its value is still valid there "
        "and may read this repository, and enter it anew if not."
    )
    assert "canary" not in emitter.output
    assert list(workspace.glob("repo")) == []


def test_a_repository_that_asks_for_nothing_receives_nothing(workspace, emitter, forge):
    assert clone(workspace, emitter, forge, "/open.git").status == Status.SUCCESS
    assert forge.received == []


class TestAnotherHost:
    """A redirect to it, which git is kept from following; were it followed, git would ask again."""

    @pytest.fixture
    def moved(self, forge, monkeypatch):
        forge.moved_to = forge.url("/private.git", host=ELSEWHERE)

        def allow(*guards: str) -> None:
            if "redirects" in guards:
                monkeypatch.setitem(git_command.GUARDS, "http.followRedirects", "true")
            if "host" in guards:
                gullible = forge.root / "askpass"
                script = git_command.ASKPASS.read_text().replace("exit 1", "")
                gullible.write_text(script)
                gullible.chmod(0o755)
                monkeypatch.setattr(git_command, "ASKPASS", gullible)

        return allow

    def test_is_not_asked(self, workspace, emitter, forge, moved):
        assert clone(workspace, emitter, forge, "/moved.git").status == Status.ERROR
        assert forge.requests == ["/moved.git/info/refs"]

    def test_receives_nothing_even_if_asked(self, workspace, emitter, forge, moved):
        moved("redirects")
        assert clone(workspace, emitter, forge, "/moved.git").status == Status.ERROR
        assert "/private.git/info/refs" in forge.requests
        assert forge.received == []

    def test_control_without_both_guards_it_receives_it(self, workspace, emitter, forge, moved):
        moved("redirects", "host")
        assert clone(workspace, emitter, forge, "/moved.git").status == Status.SUCCESS
        assert f"git:{forge.password}" in forge.received


class TestAnEarlierStep:
    """It may have left anything in the workspace, where the clone then works."""

    @pytest.fixture
    def thief(self, workspace) -> Path:
        """A command that writes its arguments, input and environment into the workspace."""
        path = workspace / "thief"
        path.write_text(f"#!/bin/sh\n{{ echo $@; cat; env; }} >> {workspace}/loot\n")
        path.chmod(0o755)
        return path

    @pytest.fixture
    def configured(self, workspace, thief) -> list[str]:
        """Options by which git would hand its thoughts to the thief."""
        return [
            f"credential.helper=!{thief}",
            f"core.askPass={thief}",
            f"core.pager={thief}",
            f"core.fsmonitor={thief}",
            f"url.http://{HERE}:1/.insteadOf=https://",
            "http.proxy=http://127.0.0.1:1",
            "http.sslVerify=false",
        ]

    def test_cannot_turn_the_clone(self, workspace, emitter, forge, configured, thief):
        for home in (workspace, workspace / ".home"):
            home.mkdir(exist_ok=True)
            git("init", "--quiet", cwd=home)
            for option in configured:
                git("config", *option.split("=", 1), cwd=home)
            (home / ".gitconfig").write_bytes((home / ".git/config").read_bytes())
            (home / ".netrc").write_text(f"machine {HERE} login thief password of-a-thief\n")
        assert clone(workspace, emitter, forge).status == Status.SUCCESS
        assert set(forge.received) <= {f"git:{forge.password}", "thief:of-a-thief"}
        assert not (workspace / "loot").exists()

    def test_control_the_thief_receives_it(self, workspace, emitter, forge, thief, monkeypatch):
        monkeypatch.setitem(git_command.GUARDS, "credential.helper", f"!{thief}")
        assert clone(workspace, emitter, forge).status == Status.SUCCESS
        assert forge.canary in (workspace / "loot").read_text()


STEAL = """
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -ao 'canary-[0-9a-f]*'
grep -rhaos 'canary-[0-9a-f]*' "$HOME" "$TMPDIR" /tmp /dev/shm {workspace}
for fd in 3 4 5 6 7 8 9 10 11 12; do timeout 1 cat <&$fd; done 2> /dev/null
env; echo searched
"""


def test_a_hostile_step_that_follows_finds_nothing(workspace, emitter, forge, in_tier):
    in_tier("namespaces")
    assert clone(workspace, emitter, forge).status == Status.SUCCESS
    script = tools.get("script")
    code = STEAL.format(workspace=workspace)
    params = script.clean({"interpreter": "bash", "code": code, "directory": "."})
    script.run(params, workspace, emitter)
    assert "searched" in emitter.output
    assert forge.canary not in emitter.output
    (workspace / "repo/.git/left-behind").write_text(forge.canary)
    script.run(params, workspace, control := Recorder())
    assert forge.canary in control.output


@pytest.mark.parametrize("tier", ["namespaces", "limits"])
def test_a_secret_is_read_once(workspace, emitter, in_tier, tier):
    in_tier(tier)
    read = "import os; print(os.read(int(os.environ['CREWOPS_SECRETS_FD']), 100), flush=True)\n"
    finished = process.run(
        [box.python(), "-c", read * 2],
        workspace=workspace,
        secrets=["first", "second"],
        emitter=emitter,
        time_limit=10,
    )
    assert finished.exit_code == 0, emitter.output
    assert emitter.output == "b'first\\nsecond\\n'\nb''\n"


@pytest.mark.parametrize("tier", ["user", "limits"])
def test_without_a_sandbox_secrets_are_for_those_who_allow_it(
    workspace, emitter, forge, in_tier, settings, tier
):
    in_tier(tier)
    settings.TOOLS_ALLOW_UNBOXED_SECRETS = False
    outcome = clone(workspace, emitter, forge)
    assert outcome.message.startswith(f"No secret is handed over in the tier '{tier}'")
    assert forge.requests == []
    settings.TOOLS_ALLOW_UNBOXED_SECRETS = True
    assert clone(workspace, emitter, forge).status == Status.SUCCESS


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.git", "{origin}"])
def test_a_secret_goes_over_https_only(origin, settings, url):
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.TOOLS_GIT_ALLOWED_SCHEMES = ["https", "http"]
    params = {"url": url.format(origin=origin)}
    tool = tools.get("git_clone")
    tool.clean(params)
    with pytest.raises(ValidationError, match="A credential is sent over https only"):
        tool.clean(params | {"credential": "deploy"})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Username for 'https://git.example.com': ", "first"),
        ("Password for 'https://git@git.example.com': ", "first"),
        ("Password for 'https://a%40b@git.example.com': ", "first"),
        ("Username for 'https://evil.example.com': ", ""),
        ("Password for 'https://git@evil.example.com': ", ""),
        ("Password for 'https://git@git.example.com.evil.example.com': ", ""),
        ("Password for 'https://git.example.com@evil.example.com': ", ""),
        ("Password for 'https://git@git.example.com:8443': ", ""),
        ("Password for 'http://git@git.example.com': ", ""),
        ("Enter passphrase for key 'git@git.example.com': ", ""),
        ("", ""),
    ],
)
def test_which_questions_are_answered(question, answer):
    reader, writer = os.pipe()
    os.write(writer, b"first\nsecond\n")
    os.close(writer)
    asked = subprocess.run(
        [git_command.ASKPASS, question],
        env={"CREWOPS_SECRETS_FD": str(reader), "CREWOPS_SECRETS_HOST": "git.example.com"},
        pass_fds=[reader],
        capture_output=True,
        text=True,
    )
    assert asked.stdout.strip() == answer
    assert (asked.returncode == 0) == bool(answer)
    with os.fdopen(reader) as left:
        assert left.read() == ("second\n" if answer else "first\nsecond\n")


def test_a_credential_is_not_printed(forge):
    assert "canary" not in repr(credential(forge))
    assert os.access(git_command.ASKPASS, os.X_OK)
