"""The whole path, from signing in to a run's last event, through nothing but the public contract.

As a test it brings its own server and worker. Against a server that is up::

    python tests/test_e2e.py [--url http://localhost:8000] [--user acme-operator] [--password ...]

which prints what it sees and exits 0 only if all of it holds.
"""

import argparse
import io
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests import plain_http

RUN_S = 120.0  # the demo run takes about ten seconds
CREW = "demo"


class Client:
    """A program that uses CrewOps: HTTP with a bearer token, sockets with the token subprotocol."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.http = plain_http.Client(base_url=url, timeout=30)
        answer = self.http.post(
            "/api/token/", json={"username": username, "password": password}
        ).raise_for_status()
        self.token = answer.json()["access"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        self._sockets = url.replace("http", "ws", 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.close()

    def get(self, path: str) -> dict:
        return self.http.get(path).raise_for_status().json()

    def socket(self, path: str) -> ClientConnection:
        return connect(f"{self._sockets}{path}", subprotocols=["token", self.token])


def frames(socket: ClientConnection, *, until: str, **fields: str) -> list[dict]:
    """What comes up to the frame of that type (and with these fields in it), heartbeats
    left out.
    """
    seen: list[dict] = []
    deadline = time.monotonic() + RUN_S
    while not seen or seen[-1]["type"] != until or not fields.items() <= seen[-1].items():
        frame = json.loads(socket.recv(timeout=deadline - time.monotonic()))
        if frame["type"] != "ping":
            seen.append(frame)
    return seen


def walk(url: str, username: str, password: str) -> dict:
    """Start the demo crew's run and watch it on all three sockets; returns what was seen."""
    with Client(url, username, password) as client:
        crew = next(c for c in client.get("/api/crews/")["results"] if c["slug"] == CREW)
        assert crew["status"] == "available", f"the crew is {crew['status']}: is a worker running?"
        return _run_and_watch(client, crew)


def _run_and_watch(client: Client, crew: dict) -> dict:
    with (
        client.socket("/ws/mission") as mission,
        client.socket(f"/ws/graph?crew_id={crew['id']}") as graph,
        ThreadPoolExecutor() as readers,
    ):
        assert mission.subprotocol == "token"
        opening = frames(graph, until="snapshot")
        answer = client.http.post(
            f"/api/crews/{crew['id']}/runs/", headers={"Idempotency-Key": str(time.time_ns())}
        )
        assert answer.status_code == 201, answer.text
        run_id = answer.json()["id"]
        story = readers.submit(_read_run, client, run_id)
        statuses = readers.submit(_statuses, mission, crew["id"])
        tools = _read_graph(graph, run_id, len(crew["tasks"]))
        return {
            "story": story.result(),
            "statuses": statuses.result(),
            "opening": opening,
            "tools": tools,
            "run": client.get(f"/api/runs/{run_id}/"),
            "outputs": {
                e["execution_id"]: client.http.get(
                    f"/api/tool-executions/{e['execution_id']}/output/"
                ).text
                for e in tools
                if e["type"] == "tool_start"
            },
        }


def _read_run(client: Client, run_id: str) -> list[dict]:
    with client.socket(f"/ws/runs/{run_id}") as socket:
        hello, *story = frames(socket, until="done")
        assert hello["type"] == "hello"
        try:
            after = socket.recv(timeout=30)
        except ConnectionClosed:
            after = None
        assert after is None, f"after done came {after}"
        assert socket.close_code == 1000
        return story


def _statuses(mission: ClientConnection, crew_id: str) -> list[str]:
    statuses: list[str] = []
    while statuses[-2:] != ["busy", "available"]:
        *_, signal = frames(mission, until="signal")
        if signal["payload"]["crewId"] == crew_id:
            statuses.append(signal["payload"]["status"])
    return statuses


def _read_graph(graph: ClientConnection, run_id: str, calls: int) -> list[dict]:
    events: list[dict] = []
    while Counter(e["type"] for e in events)["tool_end"] < calls:
        events += (e for e in frames(graph, until="tool_end") if e["run_id"] == run_id)
    return events


def check(seen: dict) -> None:
    """Assert that what was seen is a whole, successful run."""
    story = seen["story"]
    assert [event["seq"] for event in story] == list(range(1, len(story) + 1))
    types = Counter(event["type"] for event in story)
    assert story[0]["type"] == "boot"
    assert story[-1]["type"] == "done"
    assert types["boot"] == types["done"] == 1
    assert story[-1]["status"] == seen["run"]["status"] == "succeeded"
    assert types["task_start"] == types["task_end"] == len(story[0]["tasks"])
    assert types["agent_start"] == types["agent_end"] == len(story[0]["agents"])
    assert types["error"] == 0

    tools = seen["tools"]
    first = seen["opening"][-1]["seq"] + 1
    assert [event["seq"] for event in tools] == list(range(first, first + len(tools)))
    assert [e["tool"] for e in tools if e["type"] == "tool_start"] == [
        "git_clone",
        "pytest",
        "script",
    ]
    assert {e["status"] for e in tools if e["type"] == "tool_end"} == {"success"}
    for execution_id, whole in seen["outputs"].items():
        mine = [e for e in tools if e["execution_id"] == execution_id]
        assert "".join(e.get("output", "") for e in mine) == whole
        progress = [e["progress"] for e in mine if "progress" in e]
        assert progress == sorted(progress)
    assert any(" passed" in whole for whole in seen["outputs"].values())
    assert seen["statuses"][-2:] == ["busy", "available"]


def test_the_demo_run_from_sign_in_to_done(web, worker, settings):
    from django.core.management import call_command

    from crews.models import Crew
    from runs.models import Run, Worker
    from runs.tools import box
    from tests.live import eventually

    settings.DEBUG = True
    call_command("seed_demo", stdout=io.StringIO())
    eventually(Crew.objects.filter(slug=CREW, activity="available").exists)
    check(walk(web.origin, "acme-operator", settings.DEMO_PASSWORD))
    assert Run.objects.get().tools_tier == Worker.objects.get().tier == box.tier().name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--user", default="acme-operator")
    parser.add_argument("--password", default="crewops-demo")
    options = parser.parse_args()
    seen = walk(options.url, options.user, options.password)
    for event in seen["story"]:
        print(json.dumps(event))
    check(seen)
    print(f"All of it holds: {len(seen['story'])} run events, {len(seen['tools'])} tool events.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
