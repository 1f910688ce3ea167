"""Calls that need approval where nobody can be asked: they do not begin."""

import asyncio
import socket
import time
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client import reporter as reporters
from crewops_client.settings import Settings


def denied(run: crewops.Run, match: str, **options: Any) -> crewops.Denied:
    """What a call raises before its body is entered."""
    with pytest.raises(crewops.Denied, match=match) as raised, run.tool("deploy", **options):
        raise AssertionError("entered")
    return raised.value


def test_without_settings_a_call_that_needs_approval_is_denied(monkeypatch):
    monkeypatch.setattr(reporters, "_current", reporters.Reporter(Settings()))
    with crewops.run("release-crew") as run:
        denied(run, "CREWOPS_URL is not set", approve=True)
        with run.tool("build"):
            pass


@pytest.mark.parametrize("given", [{"approve": True}, {}])
def test_without_a_server_it_is_denied_when_its_time_is_over(make, monkeypatch, given):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"url": f"http://127.0.0.1:{port}", "approvals": True, "approve_s": 1.0}
    monkeypatch.setattr(reporters, "_current", make(**settings))
    began = time.monotonic()
    with crewops.run("release-crew") as run:
        error = denied(run, "Nobody could be asked within 1 s", **given)
    assert error.decision == "expired"
    assert 1.0 <= time.monotonic() - began < 10


def test_a_server_that_does_not_know_the_address_denies(reporter):
    with crewops.run("release-crew") as run:
        denied(run, "deploy: The server refuses to ask", approve=True)


@pytest.mark.parametrize("value", ["x" * 40_000, float("nan")])
def test_parameters_that_cannot_be_shown_whole_are_denied(reporter, value):
    with crewops.run("release-crew") as run:
        denied(run, "cannot be shown whole", approve=True, value=value)


def test_a_block_in_an_event_loop_is_not_entered_unasked(reporter):
    async def whole() -> None:
        with crewops.run("release-crew") as run:
            denied(run, "refuses", approve=True)
            with pytest.raises(crewops.Denied):
                async with run.tool("deploy", approve=True):
                    raise AssertionError("entered")

    asyncio.run(whole())


def test_decorated_functions_are_not_called(reporter):
    @crewops.tool(approve=True)
    def deploy(env: str) -> None:
        raise AssertionError("called")

    with crewops.run("release-crew"), pytest.raises(crewops.Denied):
        deploy("prod")


def test_the_environment_switches_it_on(monkeypatch):
    from crewops_client.settings import from_environment

    assert not from_environment({}).approvals
    given = from_environment({"CREWOPS_APPROVALS": "1", "CREWOPS_APPROVE_S": "90"})
    assert (given.approvals, given.approve_s) == (True, 90)
