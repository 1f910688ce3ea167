"""git_clone with a secret from a host of plain files, which speaks git's "dumb" HTTP."""

import pytest

from runs import tools
from runs.tests.tools.forge import ELSEWHERE, HERE, Forge
from runs.tests.tools.repositories import git
from runs.tools import Outcome, Status, git_command
from runs.tools.base import Credential


@pytest.fixture
def clone(workspace, emitter, forge: Forge):
    """Clones `/dumb.git` as a step with its secret would."""

    def cloned(password: str = "") -> Outcome:
        tool = tools.get("git_clone")
        params = tool.clean({"url": forge.url("/dumb.git"), "credential": "deploy"})
        secret = Credential("deploy", f"{HERE}:{forge.port}", "git", password or forge.password)
        return tool.run(params | {"credential": secret}, workspace, emitter)

    return cloned


@pytest.fixture
def commit(forge: Forge):
    """Puts a file into `/dumb.git`."""

    def committed(name: str, *, packed: bool = False) -> None:
        work = forge.root / "work"
        git("clone", "--quiet", "dumb.git", work.name, cwd=forge.root)
        (work / name).write_text(f"{name}\n")
        git("add", ".", cwd=work)
        git("commit", "--quiet", f"--message={name}", cwd=work)
        git("push", "--quiet", cwd=work)
        if packed:
            git("gc", "--quiet", cwd=forge.root / "dumb.git")
        git("update-server-info", cwd=forge.root / "dumb.git")

    return committed


@pytest.mark.parametrize("packed", [False, True])
def test_the_secret_opens_the_repository(workspace, emitter, forge, clone, commit, packed):
    commit("parcel.txt", packed=packed)
    assert clone().status == Status.SUCCESS, emitter.output
    assert (workspace / "repo/parcel.txt").read_text() == "parcel.txt\n"
    assert set(forge.received) == {f"git:{forge.password}"}
    assert any(path.endswith(".pack") for path in forge.requests) == packed


def test_a_value_that_the_host_does_not_accept_is_reported(workspace, clone):
    outcome = clone("canary-wrong")
    assert outcome.message.startswith("127.0.0.1 did not accept the secret deploy.")
    assert list(workspace.glob("repo")) == []


class TestAlternates:
    """The host names another host for the objects that it lacks. Without the guard, that host
    receives the secret as well.
    """

    @pytest.fixture(autouse=True)
    def elsewhere(self, forge, commit) -> None:
        commit("parcel.txt")
        repository = forge.root / "dumb.git"
        head = git("rev-parse", "HEAD", cwd=repository)
        (repository / "objects" / head[:2] / head[2:]).unlink()
        alternate = forge.url("/private.git/objects", host=ELSEWHERE)
        (repository / "objects/info/http-alternates").write_text(f"{alternate}\n")

    def test_are_not_asked(self, emitter, forge, clone):
        assert clone().status == Status.ERROR
        assert "alternate disabled by http.followRedirects" in emitter.output
        assert forge.received_at == {HERE}
        assert not any(path.startswith("/private.git") for path in forge.requests)

    def test_control_without_the_guard_they_receive_it(self, forge, clone, monkeypatch):
        monkeypatch.setitem(git_command.GUARDS, "http.followRedirects", "true")
        clone()
        assert forge.received_at == {HERE, ELSEWHERE}
