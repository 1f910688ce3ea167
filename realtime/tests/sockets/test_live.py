"""The live socket: any streams on one connection, each as on a socket of its own."""

import pytest

from crews.models import Crew
from realtime.log import streams
from realtime.tests.sockets.helpers import finish, frames_until, subscribe, work

pytestmark = pytest.mark.django_db(transaction=True)

ALONE = {
    "run:{run}": "/ws/runs/{run}",
    "graph:{crew}": "/ws/graph/{crew}",
    "graph": "/ws/graph",
    "mission": "/ws/mission",
}


@pytest.mark.parametrize("name", ALONE)
def test_each_stream_is_as_on_its_own_socket(web, acme, run, live, name):
    work(run, run.plan["tasks"][0])
    ids = {"run": run.pk, "crew": acme.crew.pk}
    with web.socket(ALONE[name].format(**ids), acme.viewer) as own:
        subscribe(live, name.format(**ids))
        last = {"run": {"seq": 3}, "mission": {"type": "signal"}}.get(
            name.partition(":")[0], {"type": "snapshot"}
        )
        alone, shared = frames_until(own, **last), frames_until(live, **last)
        work(run, run.plan["tasks"][1])
        if name != "mission":
            ended = {"type": "task_end" if "run" in name else "tool_end", "agent_id": "vega"}
            alone += frames_until(own, **ended)
            shared += frames_until(live, **ended)
    stream = f"{name.partition(':')[0]}:{run.pk if name.startswith('run') else acme.crew.pk}"
    assert {frame["stream"] for frame in shared} == {stream}
    assert [{"stream": stream} | frame for frame in alone] == shared


def test_streams_are_kept_apart_and_resume_where_they_were(web, acme, run):
    names = [streams.run(run.pk), streams.graph(acme.crew.pk), streams.mission(acme.crew.pk)]
    positions = {}
    with web.socket("/ws/live", acme.viewer) as live:
        live.send({"type": "subscribe", "streams": [{"stream": name} for name in names]})
        frames = []
        while {frame["stream"] for frame in frames if "seq" in frame} != set(names):
            frames.append(live.frame())
        work(run, run.plan["tasks"][0])
        for frame in [*frames, *live.until(type="task_end")]:
            if frame.get("stream"):
                position = positions.setdefault(frame["stream"], {})
                position |= {"epoch": frame["epoch"]} if "epoch" in frame else {}
                position |= {"since": frame["seq"]} if "seq" in frame else {}
    assert positions.keys() == set(names)
    work(run, run.plan["tasks"][1])
    with web.socket("/ws/live", acme.viewer) as live:
        wanted = [{"stream": name} | position for name, position in positions.items()]
        live.send({"type": "subscribe", "streams": wanted})
        finish_frames = [*live.until(type="task_end"), *live.until(type="ping")]
    resumed = [frame for frame in finish_frames if frame["type"] not in ("ping", "hello")]
    for name, position in positions.items():
        seqs = [frame["seq"] for frame in resumed if frame["stream"] == name]
        assert seqs == list(range(position["since"] + 1, position["since"] + 1 + len(seqs)))
    assert {frame["type"] for frame in resumed} >= {"task_start", "task_end"}
    assert "snapshot" not in {frame["type"] for frame in resumed}


def test_a_position_that_the_server_does_not_know_is_reset(acme, run, live):
    name = streams.run(run.pk)
    subscribe(live, name, since=1, epoch="another")
    hello, reset, boot = frames_until(live, type="boot")
    assert (hello["stream"], reset["reason"], boot["seq"]) == (name, "epoch_changed", 1)


def test_an_id_may_be_in_upper_case_and_is_named_in_lower_case(acme, run, live):
    subscribe(live, f"run:{str(run.pk).upper()}")
    assert frames_until(live, type="boot")[-1]["stream"] == f"run:{run.pk}"


def test_a_run_that_is_complete_ends_its_stream_only(acme, run, live):
    name, graph = streams.run(run.pk), streams.graph(acme.crew.pk)
    subscribe(live, graph)
    frames_until(live, type="snapshot")  # else it may begin with what is awaited below
    subscribe(live, name)
    frames_until(live, type="boot")
    finish(run)
    *frames, close = frames_until(live, type="close")
    assert frames[-1]["type"] == "done" or frames[-1]["stream"] == graph
    assert (close["stream"], close["code"]) == (name, 1000)
    other = acme.start_run()
    work(other, other.plan["tasks"][0])
    assert frames_until(live, type="tool_end")[-1]["stream"] == graph
    subscribe(live, name)  # again: the whole of it, and the end
    again = [frame for frame in frames_until(live, type="close") if frame.get("stream") == name]
    assert [frame["type"] for frame in again[:2]] == ["hello", "boot"]
    assert again[-1]["code"] == 1000


def test_unsubscribed_is_the_last_frame_of_a_stream(acme, run, live):
    name = streams.run(run.pk)
    subscribe(live, name)
    frames_until(live, type="boot")
    live.send({"type": "unsubscribe", "stream": name})
    assert frames_until(live, type="unsubscribed") == [{"type": "unsubscribed", "stream": name}]
    work(run, run.plan["tasks"][0])
    live.until(type="ping")
    assert live.until(type="ping")[-1]["heads"] == {}
    subscribe(live, name)
    assert [frame["type"] for frame in frames_until(live, type="boot")] == ["hello", "boot"]


def test_crews_that_appear_and_go_are_followed(acme, live):
    subscribe(live, "mission")
    frames_until(live, type="signal")
    crew = Crew.objects.create(organization=acme.organization, name="New", slug="new")
    stream = streams.mission(crew.pk)
    assert {frame["stream"] for frame in frames_until(live, type="signal")} == {stream}
    crew.delete()
    assert frames_until(live, type="gone") == [{"type": "gone", "stream": stream}]


def test_without_crews_a_stream_begins_all_the_same(web, django_user_model):
    with web.socket("/ws/live", django_user_model.objects.create_user("loner")) as live:
        subscribe(live, "mission")
        _, hello = live.frame(), live.until(type="hello")[-1]
        assert (hello["stream"], hello["epoch"], hello["head"]) == ("mission", None, 0)
