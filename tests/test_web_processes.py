"""Several web processes behind one port: nobody misses an event, also when one of them is
killed.
"""

import asyncio
import os
import random
import signal
import threading
from contextlib import ExitStack, suppress

import psutil
import pytest
import uvicorn
from rest_framework_simplejwt.tokens import AccessToken

from crewops.web import APPLICATION, HUNG_S, OPTIONS, WebProcess, WebServer
from crews.models import Task
from realtime import log
from realtime.log import streams
from realtime.models import Event
from tests.chaos.clients import Clients, followers
from tests.chaos.writer import EVENTS_PER_TASK
from tests.live import Process, Web, eventually

PROCESSES = 4
CLIENTS = 40
RATE = 20.0  # events a second
SECONDS = 90.0  # of writing, at most: it is stopped when all clients are back
KILLED_AFTER = 40  # events
BACK_S = 60.0  # a new process imports Django, on a busy machine

pytestmark = pytest.mark.django_db(transaction=True)


SLOW_IMPORTS = """
import os, pathlib, sys, time
if any("spawn_main" in argument for argument in sys.orig_argv):
    pathlib.Path(__file__).with_name(f"{os.getpid()}.started").touch()
    time.sleep(6)  # longer than uvicorn waits for a process by default
"""


@pytest.fixture
def webs(tmp_path):
    """Four processes that take long to import Django, as on a busy machine."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORTS)
    process = Web(cold=True, WEB_CONCURRENCY=str(PROCESSES), PYTHONPATH=str(tmp_path))
    try:
        assert len([*tmp_path.glob("*.started")]) == PROCESSES, "one was killed and started again"
        yield process
        assert process.running, process.log.read_text()
    finally:
        process.stop()


def serving(web: Web) -> dict[int, int]:
    """The sockets of each process that serves, by its pid."""
    sockets = {}
    for child in psutil.Process(web.pid).children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            if "spawn_main" in " ".join(child.cmdline()):
                sockets[child.pid] = sum(
                    connection.laddr.port == web.port
                    and connection.status == psutil.CONN_ESTABLISHED
                    for connection in child.net_connections("tcp")
                )
    return sockets


def test_a_health_check_ends_with_the_process_that_it_waits_for():
    process = WebProcess(uvicorn.Config(APPLICATION, **OPTIONS), [])
    process.start()
    try:
        os.kill(process.pid, signal.SIGSTOP)  # so that it never answers
        checking = threading.Thread(target=process.ping, args=[HUNG_S])
        checking.start()
        os.kill(process.pid, signal.SIGKILL)
        checking.join(HUNG_S / 2)
        assert not checking.is_alive()
    finally:
        process.kill()
        process.process.join()


async def test_a_signal_ends_the_server_at_once(monkeypatch):
    monkeypatch.setattr("crewops.web.TICK_S", 3_600.0)
    server = WebServer(uvicorn.Config(APPLICATION, **OPTIONS))
    serves = asyncio.create_task(server.main_loop())
    done, _ = await asyncio.wait([serves], timeout=0.1)
    assert not done
    await asyncio.to_thread(server.handle_exit, signal.SIGTERM, None)
    await asyncio.wait_for(serves, 10)


def test_one_of_four_is_killed_while_events_flow(webs, acme):
    crew = acme.crew
    template = crew.tasks.first()
    for order in range(crew.tasks.count(), round(SECONDS * RATE / EVENTS_PER_TASK)):
        Task.objects.create(
            crew=crew, agent=template.agent, name=f"{order}", order=order, steps=template.steps
        )
    run = acme.start_run()
    graph, name = streams.graph(crew.pk), streams.run(run.pk)
    token = str(AccessToken.for_user(acme.viewer))
    clients = followers([graph, name], CLIENTS, token, random.Random(1))
    eventually(lambda: len(serving(webs)) == PROCESSES, BACK_S)
    with ExitStack() as stack, Clients(clients, [webs.port]) as connected:
        eventually(lambda: connected.connected() == CLIENTS, BACK_S)
        writer = Process("-m", "tests.chaos.writer", "--run", str(run.pk), "--rate", str(RATE))
        stack.callback(writer.stop)
        eventually(lambda: log.position(graph).head > KILLED_AFTER, BACK_S)

        before = serving(webs)
        victim = max(before, key=before.get)
        assert sum(sockets > 0 for sockets in before.values()) >= 2, "all are on one process"
        psutil.Process(victim).send_signal(signal.SIGKILL)
        eventually(lambda: len(serving(webs).keys() - {victim}) == PROCESSES, BACK_S)
        eventually(lambda: connected.connected() >= CLIENTS - 5, BACK_S)
        assert writer.running, "no event flowed any more"
        back_at = log.position(graph).head
        eventually(lambda: log.position(graph).head > back_at + KILLED_AFTER, BACK_S)
        writer.stop()

        heads = {stream: head for stream, (_, head) in log.heads([graph, name]).items()}
        eventually(lambda: connected.level_with(heads), BACK_S)
    assert sum(client.codes[1006] for client in clients) >= before[victim] / 2, "it hit nobody"
    for transcript in connected.transcripts:
        logged = Event.objects.filter(stream=transcript.stream).order_by("seq")
        assert transcript.differs_from(list(logged.values_list("body", flat=True))) is None
