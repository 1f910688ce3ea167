"""git_clone over the network: what it connects to, and what becomes of credentials."""

import base64
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome, Status, git_clone

USER, PASSWORD = "orion", "canary/p@ss"


@dataclass
class Forge:
    """A host with the repositories `/open.git`, `/private.git` (needs a password), `/moved.git`."""

    port: int = 0
    requests: list[str] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1", user_info: str = "") -> str:
        return f"http://{user_info}{host}:{self.port}{path}"


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, forge: Forge, *args, **kwargs) -> None:
        self.forge = forge
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.forge.requests.append(self.path)
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.path.startswith("/moved.git"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved.git", "/open.git"))
            self.end_headers()
        elif self.path.startswith("/private.git") and self.headers["Authorization"] != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def forge(tmp_path: Path, settings) -> Iterator[Forge]:
    settings.TOOLS_GIT_ALLOWED_SCHEMES = ["http"]
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["127.0.0.1", "forge.invalid"]
    settings.TOOLS_GIT_PRIVATE_HOSTS = ["127.0.0.1"]
    for name in ("open.git", "private.git"):
        script = (
            f"git init -q --initial-branch=main {name} && cd {name}"
            " && git -c user.name=O -c user.email=o@example.com commit -q --allow-empty -m First"
            " && git update-server-info && cp -r .git/. ."
        )
        subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    forge = Forge()
    handler = partial(Handler, forge, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        forge.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield forge
        server.shutdown()
        thread.join()


def clone(workspace: Path, emitter: Recorder, url: str) -> Outcome:
    tool = tools.get("git_clone")
    return tool.run(tool.clean({"url": url}), workspace, emitter)


def test_an_open_repository(workspace, emitter, forge):
    assert clone(workspace, emitter, forge.url("/open.git")).status == Status.SUCCESS


def test_credentials_open_a_private_one_and_are_left_nowhere(workspace, emitter, forge):
    url = forge.url("/private.git", user_info="orion:canary%2Fp%40ss@")
    assert clone(workspace, emitter, url).status == Status.SUCCESS
    assert "canary" not in emitter.output
    for path in workspace.rglob("*"):
        if path.is_file():
            assert b"canary" not in path.read_bytes()


def test_without_credentials_it_fails_at_once_instead_of_asking(workspace, emitter, forge):
    outcome = clone(workspace, emitter, forge.url("/private.git"))
    assert (outcome.status, outcome.exit_code) == (Status.ERROR, 128)
    assert "terminal prompts disabled" in emitter.output


def test_a_redirect_is_not_followed(workspace, emitter, forge):
    assert clone(workspace, emitter, forge.url("/moved.git")).status == Status.ERROR
    assert not [path for path in forge.requests if path.startswith("/open.git")]


def test_control_without_the_guard_it_is(workspace, emitter, forge, monkeypatch):
    monkeypatch.setitem(git_clone.GUARDS, "http.followRedirects", "true")
    assert clone(workspace, emitter, forge.url("/moved.git")).status == Status.SUCCESS


def test_a_private_address_is_not_connected_to(workspace, emitter, forge, settings):
    settings.TOOLS_GIT_PRIVATE_HOSTS = []
    outcome = clone(workspace, emitter, forge.url("/open.git"))
    assert outcome.status == Status.ERROR
    assert outcome.message == "The host 127.0.0.1 has a private address (TOOLS_GIT_PRIVATE_HOSTS)."
    assert forge.requests == []


def test_connects_to_the_address_that_was_checked(workspace, emitter, forge, monkeypatch):
    """The name is one that nobody could resolve again."""
    monkeypatch.setattr(git_clone, "resolve", lambda host, port, **more: ["127.0.0.1"])
    url = forge.url("/open.git", host="forge.invalid")
    assert clone(workspace, emitter, url).status == Status.SUCCESS
