"""The graph and the mission socket: every frame of the contract, on a live server."""

import pytest

from crews.models import Crew, Membership
from realtime.tests.sockets.helpers import finish, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("path", ["/ws/graph?crew_id={}", "/ws/graph/{}", "/ws/graph/{}/"])
def test_the_graph_starts_from_a_snapshot(web, acme, run, path):
    execution = work(run, run.plan["tasks"][0])
    with web.socket(path.format(acme.crew.pk), acme.viewer) as socket:
        hello, snapshot = socket.frame(), socket.frame()
        assert hello["stream"] == snapshot["stream"] == f"graph:{acme.crew.pk}"
        assert snapshot["seq"] == hello["head"] == 3
        assert [(a["agent_id"], a["state"]) for a in snapshot["agents"]] == [
            ("orion", "done"),
            ("vega", "idle"),
        ]
        (seen,) = snapshot["executions"]
        assert seen["execution_id"] == str(execution.pk)
        assert seen["status"] == "success"
        assert seen["output_length"] == 6
        work(run, run.plan["tasks"][1])
        start, progress, end = [f for f in socket.until(type="tool_end") if f["type"] != "ping"]
    of = {"crew_id": str(acme.crew.pk), "run_id": str(run.pk), "agent_id": "vega", "tool": "script"}
    assert of.items() <= start.items()
    assert [start["seq"], progress["seq"], end["seq"]] == [4, 5, 6]
    assert start["params"] == {"n": 1}
    assert progress["message"] == "half"
    assert progress["progress"] == 0.5
    assert progress["output"] == "hello\n"
    assert end["status"] == "success"
    assert end["exit_code"] == 0
    assert end["duration_s"] >= 0


def test_the_graph_resumes_without_a_snapshot(web, acme, run):
    work(run, run.plan["tasks"][0])
    with web.socket(f"/ws/graph/{acme.crew.pk}?since=1", acme.viewer) as socket:
        assert [socket.frame().get("seq") for _ in range(3)] == [None, 2, 3]


def test_the_graph_without_a_crew_is_all_the_user_can_see(web, acme, globex, run):
    with web.socket("/ws/graph", acme.viewer) as socket:
        assert socket.frame()["stream"] == f"graph:{acme.crew.pk}"
        assert socket.frame()["type"] == "snapshot"
        foreign = globex.start_run()
        work(foreign, foreign.plan["tasks"][0])
        work(run, run.plan["tasks"][0])
        frames = socket.until(type="tool_end")
    assert {f["crew_id"] for f in frames if "crew_id" in f} == {str(acme.crew.pk)}


def test_mission_says_the_present_status_then_each_change(web, acme, globex, run):
    with web.socket("/ws/mission", acme.viewer) as socket:
        hello, signal = socket.frame(), socket.frame()
        assert hello["stream"] == f"mission:{acme.crew.pk}"
        assert signal["payload"] == {"status": "busy", "crewId": str(acme.crew.pk)}
        assert signal["seq"] == hello["head"]
        assert "run_id" not in signal
        finish(run)
        available = socket.until(type="signal")[-1]
        assert available["payload"]["status"] == "available"
        assert available["seq"] == signal["seq"] + 1
        Crew.objects.get(pk=acme.crew.pk)
        acme.crew.refresh_from_db()
        acme.crew.is_active = False
        acme.crew.save()
        assert socket.until(type="signal")[-1]["payload"]["status"] == "offline"


def test_mission_follows_crews_that_appear_and_nobody_elses(web, acme, globex):
    with web.socket("/ws/mission", acme.viewer) as socket:
        socket.until(type="signal")
        Crew.objects.create(organization=globex.organization, name="Theirs", slug="theirs")
        ours = Crew.objects.create(organization=acme.organization, name="Ours", slug="ours")
        frames = [f for f in socket.until(type="signal") if f["type"] != "ping"]
    assert [frame["type"] for frame in frames] == ["hello", "signal"]
    assert frames[-1]["payload"] == {"status": "available", "crewId": str(ours.pk)}


def test_who_watches_beside_others_gets_nobody_elses_crews(web, acme, globex):
    """All sockets of a process are looked at together, a second after they opened at the latest."""
    crews = {}
    with (
        web.socket("/ws/mission", acme.viewer) as ours,
        web.socket("/ws/mission", globex.viewer) as theirs,
    ):
        for socket, tenant in ((ours, acme), (theirs, globex)):
            beats = [socket.until(type="ping") for _ in range(3)]
            frames = [frame for beat in beats for frame in beat]
            crews[tenant.crew.pk] = {f["stream"] for f in frames if f["type"] == "hello"}
    assert crews == {pk: {f"mission:{pk}"} for pk in (acme.crew.pk, globex.crew.pk)}


def test_someone_without_a_crew_still_gets_a_hello(web, acme, django_user_model):
    loner = django_user_model.objects.create_user("loner")
    with web.socket("/ws/mission", loner) as socket:
        assert socket.frame()["type"] == "hello"
        Membership.objects.create(user=loner, organization=acme.organization)
        assert socket.until(type="signal")[-1]["crew_id"] == str(acme.crew.pk)
