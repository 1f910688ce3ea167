"""Programs that use the package: a call that needs approval begins after a person has
approved it.
"""

import asyncio
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import crewops_client as crewops
import pytest
from crewops_client import reporter as reporters
from crewops_client.settings import Settings
from django.db import connection, models
from django.utils import timezone

from crewops import deferred_response
from crews.models import ApprovalRule
from crews.tracking import InvalidState
from runs.execution import controls
from runs.models import Approval, Run, ToolExecution
from runs.models.approval_queryset import LOST
from runs.reporting.approval_requests import HAS_NAME, LONG_NAME, TOO_LARGE
from runs.tests.reporting.conftest import Program
from tests import live
from tests.live import Web, eventually

PATH = "/api/report/approvals/"
ROUNDS = 10

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def use(web: Web, acme, tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """Gives the package its settings."""
    made = []
    own = Settings(web.origin, acme.issue_key("report")[1], spool_dir=tmp_path, batch_s=0.01)

    def use_settings(**given: Any) -> None:
        made.append(reporters.Reporter(replace(own, **given)))
        monkeypatch.setattr(reporters, "_current", made[-1])

    use_settings()
    yield use_settings
    for each in made:
        each.close()


@pytest.fixture
def program(acme) -> Program:
    return Program(acme.issue_key("report")[1])


class Call:
    """A call of a tool in a thread: when its body was entered, and what was raised instead."""

    def __init__(self, run: crewops.Run, name: str = "deploy", **options: Any) -> None:
        self.entered: float | None = None
        self.error: BaseException | None = None
        self._before = Approval.objects.count()
        self._thread = threading.Thread(target=self._call, args=(run, name, options))
        self._thread.start()

    def _call(self, run: crewops.Run, name: str, options: dict[str, Any]) -> None:
        try:
            with run.tool(name, **options):
                self.entered = time.monotonic()
        except BaseException as error:
            self.error = error

    def asked(self) -> Approval:
        eventually(lambda: Approval.objects.count() > self._before or self.error, 20)
        assert self.error is None
        return Approval.objects.select_related("run__crew").latest("requested_at")

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def decide(approval: Approval, decision: str = "approved", note: str = "") -> float:
    began = time.monotonic()
    approval.decide(decision, by="acme-operator", seen=approval.seen, note=note)
    return began


async def in_thread(query: Callable[[], Any]) -> Any:
    """Query the database in another thread, whose connection is closed afterwards."""

    def ask() -> Any:
        try:
            return query()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


def test_the_body_is_entered_after_the_approval_and_soon(use):
    waited = []
    with crewops.run("release-crew") as run:
        for number in range(ROUNDS):
            call = Call(run, approve=True, env=f"prod {number}")
            approval = call.asked()
            assert (approval.tool, approval.params) == ("deploy", {"env": f"prod {number}"})
            time.sleep(0.05)
            assert call.entered is None
            assert ToolExecution.objects.count() == number
            decided = decide(approval)
            call.end()
            waited.append(call.entered - decided)
            run.flush(10)
    assert ToolExecution.objects.filter(status="success").count() == ROUNDS
    assert ToolExecution.objects.earliest("started_at").started_at >= (
        Approval.objects.earliest("decided_at").decided_at
    )
    print(f"approve to body, ms: {sorted(round(1000 * each) for each in waited)}")
    assert statistics.median(waited) < 0.5  # the figure is measured on a machine that rests


def test_a_denied_call_is_never_entered(use):
    with crewops.run("release-crew") as run, run.agent("orion") as orion:
        call = Call(orion, approve=True)
        approval = call.asked()
        assert approval.agent_id == "orion"
        decide(approval, "denied", "not at night")
        call.end()
    assert call.entered is None
    assert isinstance(call.error, crewops.Denied)
    assert str(call.error) == "deploy: Denied by acme-operator: not at night"
    assert (call.error.decision, call.error.by) == ("denied", "acme-operator")
    assert call.error.note == "not at night"
    assert not ToolExecution.objects.exists()


def test_a_call_that_cannot_be_shown_whole_is_never_entered(use):
    with crewops.run("release-crew") as run:
        call = Call(run, approve=True, command="SECRET='a b' make")
        call.end()
    assert call.entered is None
    assert isinstance(call.error, crewops.Denied)
    assert "The parameter 'command' cannot be shown whole" in str(call.error)
    assert not Approval.objects.exists()


def test_nobody_decides_in_time(use):
    with crewops.run("release-crew") as run:
        call = Call(run, approve=True)
        call.asked()
        models.QuerySet.update(Approval.objects.all(), expires_at=timezone.now())
        call.end()
    assert (call.error.decision, call.entered) == ("expired", None)


def test_a_rule_decides_what_waits(use, acme):
    use(approvals=True)
    ApprovalRule.objects.create(
        organization=acme.organization, tool="deploy", params="env=prod", expires_after_s=60
    )
    with crewops.run("release-crew") as run:
        for free in (Call(run, "build"), Call(run, env="test")):
            free.end()
            assert free.entered
        call = Call(run, env="prod")
        approval = call.asked()
        assert 50 < approval.left_s <= 60
        decide(approval)
        call.end()
        assert call.entered


def test_without_opting_in_no_rule_applies(use, acme):
    ApprovalRule.objects.create(organization=acme.organization, tool="*")
    with crewops.run("release-crew") as run, run.tool("deploy"):
        pass
    assert not Approval.objects.exists()


def test_a_cancelled_run_waits_no_more(use):
    with pytest.raises(crewops.Cancelled), crewops.run("release-crew") as run:
        call = Call(run, approve=True)
        approval = call.asked()
        eventually(run.follower.connected.is_set)
        controls.ask(approval.run, "cancel")
        call.end()
        raise call.error
    assert call.entered is None
    eventually(lambda: not Approval.objects.pending().exists())
    eventually(lambda: Run.objects.get().status == "cancelled")


def test_async_code_goes_on_meanwhile(use):
    done = []

    @crewops.tool("deploy", approve=True)
    async def deploy(env: str) -> None:
        done.append(f"deployed to {env}")

    async def whole() -> None:
        async with crewops.run("release-crew"):
            call = asyncio.create_task(deploy("prod"))
            while not await in_thread(Approval.objects.exists):
                await asyncio.sleep(0.01)
                done[:] = ["something else"]
            await in_thread(lambda: decide(Approval.objects.select_related("run__crew").get()))
            await call

    asyncio.run(whole())
    assert done == ["something else", "deployed to prod"]


def test_a_task_that_is_cancelled_ends_its_approval(use):
    async def whole() -> None:
        async with crewops.run("release-crew") as run:
            with pytest.raises(asyncio.TimeoutError):
                async with asyncio.timeout(2), run.tool("deploy", approve=True):
                    raise AssertionError("entered")

    asyncio.run(whole())
    eventually(lambda: Approval.objects.get().note == deferred_response.GONE)
    assert not ToolExecution.objects.exists()


def test_it_asks_again_after_a_restart_of_the_server(use, monkeypatch):
    first = Web()
    use(url=first.origin)
    with crewops.run("release-crew") as run:
        call = Call(run, approve=True)
        call.asked()
        first.stop()
        monkeypatch.setattr(live, "free_port", lambda: first.port)
        second = Web()
        eventually(Approval.objects.pending().exists, 60)
        decide(Approval.objects.pending().select_related("run__crew").get())
        call.end()
        assert call.entered
        second.stop()
    assert sorted(Approval.objects.values_list("status", flat=True)) == ["approved", "expired"]


def test_a_killed_server_denies_and_the_program_asks_again(use, monkeypatch):
    first = Web(RUN_LEASE_S="6", RUN_HEARTBEAT_S="0.2")
    use(url=first.origin)
    with crewops.run("release-crew") as run:
        call = Call(run, approve=True)
        lost = call.asked()
        eventually(lambda: Approval.objects.get().held_until > lost.held_until)
        assert Approval.objects.expire_due() == 0
        first.stop(signal.SIGKILL)
        eventually(Approval.objects.expire_due)
        lost.refresh_from_db()
        assert (lost.status, lost.note) == ("expired", LOST)
        with pytest.raises(InvalidState, match=LOST):
            decide(lost)
        monkeypatch.setattr(live, "free_port", lambda: first.port)
        second = Web()
        eventually(Approval.objects.pending().exists, 60)
        assert call.entered is None
        decide(Approval.objects.pending().select_related("run__crew").get())
        call.end()
        assert call.entered
        second.stop()


def test_a_call_that_the_scheduler_ended_as_lost_is_asked_again(use):
    with crewops.run("release-crew") as run:  # its server was frozen for a while
        call = Call(run, approve=True)
        call.asked().expire(LOST)
        decide(eventually(Approval.objects.pending().select_related("run__crew").first))
        call.end()
    assert call.entered


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ([], 400, "This is no JSON object."),
        ({}, 400, "run: is missing."),
        ({"run": "r"}, 400, "tool: is missing."),
        ({"run": "r", "tool": ""}, 400, "tool: "),
        ({"run": "r", "tool": "t", "expires_after_s": 9}, 400, "expires_after_s: "),
        ({"run": "r", "tool": "t", "expires_after_s": 604_801}, 400, "expires_after_s: "),
        ({"run": "other", "tool": "t"}, 404, "The run has had no boot"),
        ({"run": "r", "tool": "t", "always": True, "params": {"a": "x" * 50_000}}, 409, TOO_LARGE),
        ({"run": "ended", "tool": "t", "always": True}, 409, "Run "),
        (
            {"run": "r", "tool": "t", "always": True, "params": {"c": "TOKEN='a b'"}},
            409,
            "The parameter 'c' cannot",
        ),
        ({"run": "r", "tool": "token=canary", "always": True}, 409, "The name of the tool cannot"),
        ({"run": "r", "tool": "x" * 50, "always": True, "params": {LONG_NAME: "y"}}, 409, HAS_NAME),
        (
            {"run": "r", "tool": "t", "always": True, "params": {f" {LONG_NAME.upper()}": "y"}},
            409,
            HAS_NAME,
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(program, acme, body, status, detail):
    boot = {"id": "b", "type": "boot", "crew": "release-crew"}
    program.send(boot | {"run": "r"}, boot | {"run": "ended"})
    program.send({"id": "d", "run": "ended", "type": "done", "status": "succeeded"})
    response = program.client.post(PATH, body, format="json")
    assert response.status_code == status
    assert response.json()["detail"].startswith(detail)


def test_what_is_at_its_limit_is_named(program, monkeypatch):
    monkeypatch.setattr(deferred_response, "DEFERRED_PER_KEY", 0)
    response = program.client.post(PATH, {"run": "r", "tool": "t"}, format="json")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "8")
    assert response.json()["detail"].startswith("0 calls of this API key wait for approval")


def test_the_run_of_another_organization_is_not_there(program, globex):
    program.send({"id": "b", "type": "boot", "crew": "release-crew", "run": "r"})
    other = Program(globex.issue_key("report")[1])
    response = other.client.post(PATH, {"run": "r", "tool": "t"}, format="json")
    assert response.status_code == 404
