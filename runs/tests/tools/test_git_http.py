"""git_clone over the network: what it connects to, and what it trusts."""

import pytest
from rest_framework.exceptions import ValidationError

from runs import tools
from runs.tests.tools.repositories import clone
from runs.tools import Status, git_clone, git_command


def test_an_open_repository(workspace, emitter, forge):
    assert clone(workspace, emitter, url=forge.url("/open.git")).status == Status.SUCCESS


def test_without_a_credential_it_fails_at_once_and_says_what_to_do(workspace, emitter, forge):
    outcome = clone(workspace, emitter, url=forge.url("/private.git"))
    assert (outcome.status, outcome.exit_code) == (Status.ERROR, 128)
    assert outcome.message == (
        "127.0.0.1 asks for a user name and a password. Store them as a secret of the "
        "organization, and name that as the credential of this step."
    )
    assert "terminal prompts disabled" in emitter.output


def test_a_host_with_an_unknown_certificate_receives_nothing(workspace, emitter, forge, settings):
    settings.TOOLS_GIT_CA_FILE = ""
    assert clone(workspace, emitter, url=forge.url("/open.git")).status == Status.ERROR
    assert "certificate" in emitter.output
    assert forge.requests == []


def test_a_redirect_is_not_followed(workspace, emitter, forge):
    assert clone(workspace, emitter, url=forge.url("/moved.git")).status == Status.ERROR
    assert not [path for path in forge.requests if path.startswith("/open.git")]


def test_control_without_the_guard_it_is(workspace, emitter, forge, monkeypatch):
    monkeypatch.setitem(git_command.GUARDS, "http.followRedirects", "true")
    assert clone(workspace, emitter, url=forge.url("/moved.git")).status == Status.SUCCESS


def test_a_private_address_is_not_connected_to(workspace, emitter, forge, settings):
    settings.TOOLS_GIT_PRIVATE_HOSTS = []
    outcome = clone(workspace, emitter, url=forge.url("/open.git"))
    assert outcome.status == Status.ERROR
    assert outcome.message == "The host 127.0.0.1 has a private address (TOOLS_GIT_PRIVATE_HOSTS)."
    assert forge.requests == []


def test_connects_to_the_address_that_was_checked(workspace, emitter, forge, monkeypatch):
    """The name is one that nobody could resolve again."""
    monkeypatch.setattr(git_clone, "resolve", lambda host, port, **more: ["127.0.0.1"])
    url = forge.url("/open.git", host="forge.invalid")
    assert clone(workspace, emitter, url=url).status == Status.SUCCESS


@pytest.mark.parametrize("user_info", ["git:canary@", "canary@", "git:@", "@"])
def test_an_address_with_a_password_is_refused_without_being_repeated(forge, user_info):
    git_clone = tools.get("git_clone")
    git_clone.clean({"url": forge.url("/private.git")})
    with pytest.raises(ValidationError) as refused:
        git_clone.clean({"url": forge.url("/private.git", user_info=user_info)})
    assert "Write the address without user name, password and token" in str(refused.value)
    assert "canary" not in str(refused.value)
