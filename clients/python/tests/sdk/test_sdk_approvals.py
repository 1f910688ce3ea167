"""Calls that need approval where nobody can be asked: they do not begin."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.parametrize("given", [{"approve": True}, {}])
def test_with_a_key_that_is_refused_it_is_denied_at_once(make, monkeypatch, given):
    monkeypatch.setattr(reporters, "_current", make(api_key="wrong", approvals=True, approve_s=20))
    began = time.monotonic()
    with crewops.run("release-crew") as run:
        denied(run, "does not accept the key in CREWOPS_API_KEY", **given)
        denied(run, "does not accept the key in CREWOPS_API_KEY", **given)
    assert time.monotonic() - began < 5


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


@pytest.mark.parametrize("url", ["", "crewops.example.com", "http://host:port"])
def test_with_rules_and_settings_that_cannot_be_used_every_tool_is_denied(monkeypatch, url):
    settings = Settings(url, "key", approvals=True)
    monkeypatch.setattr(reporters, "_current", reporters.Reporter(settings))
    with crewops.run("release-crew") as run:
        denied(run, "cannot be asked for approval")


def test_only_a_program_that_is_switched_off_has_no_rules(monkeypatch):
    settings = Settings(approvals=True, disabled=True)
    monkeypatch.setattr(reporters, "_current", reporters.Reporter(settings))
    with crewops.run("release-crew") as run, run.tool("build"):
        pass


@crewops.tool(approve=True)
def plain() -> None:
    raise AssertionError("called")


@crewops.tool(approve=True)
async def coroutine() -> None:
    raise AssertionError("called")


@crewops.tool(approve=True)
def generator() -> Any:
    yield from plain.__wrapped__()


@crewops.tool(approve=True)
async def async_generator() -> Any:
    yield plain.__wrapped__()


async def first_of(items: Any) -> None:
    await anext(items)


OUTSIDE = {
    "plain": plain,
    "coroutine": lambda: asyncio.run(coroutine()),
    "generator": lambda: list(generator()),
    "async generator": lambda: asyncio.run(first_of(async_generator())),
}


@pytest.mark.parametrize("call", OUTSIDE.values(), ids=OUTSIDE)
def test_decorated_functions_that_need_approval_are_denied_outside_of_a_run(reporter, call):
    with pytest.raises(crewops.Denied, match="is not in a run"):
        call()
    with (
        crewops.run("release-crew"),
        ThreadPoolExecutor() as threads,
        pytest.raises(crewops.Denied, match="copy_context"),
    ):
        threads.submit(call).result()


def test_the_environment_switches_it_on(monkeypatch):
    from crewops_client.settings import from_environment

    assert not from_environment({}).approvals
    given = from_environment({"CREWOPS_APPROVALS": "1", "CREWOPS_APPROVE_S": "90"})
    assert (given.approvals, given.approve_s) == (True, 90)
