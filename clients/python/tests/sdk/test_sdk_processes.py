"""Forks, worker processes and the end of a program."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdk.report_server import KEY, ReportServer

FORK = """
import os, sys
import crewops_client as crewops

with crewops.run("c", key="n1") as run, run.agent("a") as a:
    a.tool("in-parent").end()
    crewops.flush()
    a.tool("before-fork").end()
    pid = os.fork()
    if pid == 0:
        a.tool("in-child").end()
        {end}
    os.waitpid(pid, 0)
    a.tool("after").end()
"""
LEAVES = """
import os, sys
import crewops_client as crewops

with crewops.run("c", key="n1") as run, run.agent("a") as a, a.task("t") as task:
    own = task.start_tool("own")
    with task.tool("x") as tool, task.llm("openai", "gpt") as call:
        pid = os.fork()
        if pid == 0:
            own.end(message="in the child")
            with task.tool("in-child"):
                sys.exit()
        os.waitpid(pid, 0)
        crewops.flush()
        run.error("after")
"""
FORKS = """
import os, time
import crewops_client as crewops

with crewops.run("c", key="n1") as run:
    children = []
    for number in range(20):
        run.error("parent")
        time.sleep(number % 5 / 500)
        pid = os.fork()
        if pid == 0:
            run.error(str(number))
            os._exit(not crewops.flush(20))
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 20
"""
WORKERS = """
import multiprocessing, sys
import crewops_client as crewops

@crewops.tool
def work(number):
    return str(number)

def in_spawned(number, environment):
    import os
    os.environ.update(environment)
    work(number)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with crewops.run("c", key="n1") as run, run.agent("a"):
        if sys.argv[1] == "fork":
            started = [context.Process(target=work, args=(n,)) for n in range(3)]
        else:
            env = {"CREWOPS_RUN": run.env()["CREWOPS_RUN"]}
            started = [context.Process(target=in_spawned, args=(n, env)) for n in range(3)]
        for process in started:
            process.start()
        for process in started:
            process.join()
"""
UNFINISHED = """
import crewops_client as crewops
run = crewops.run("c", key="n1").start()
tool = run.start_tool("x")
"""
LATE = """
import atexit
import crewops_client as crewops

def late():
    with crewops.run("late", key="n2"):
        pass

atexit.register(late)
with crewops.run("c", key="n1"):
    pass
"""


def start(code: str, server: ReportServer, tmp_path: Path, *args: str) -> subprocess.Popen:
    (tmp_path / "program.py").write_text(code)
    environment = {
        **os.environ,
        "CREWOPS_URL": server.url,
        "CREWOPS_API_KEY": KEY,
        "CREWOPS_SPOOL_DIR": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }
    command = [sys.executable, "-W", "ignore", str(tmp_path / "program.py"), *args]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def run(code: str, server: ReportServer, tmp_path: Path, *args: str) -> str:
    process = start(code, server, tmp_path, *args)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("end", ["sys.exit()", "crewops.flush(); os._exit(0)"])
def test_a_forked_child_reports_to_the_run_and_ends_only_its_own(
    server: ReportServer, tmp_path: Path, end: str
):
    assert run(FORK.format(end=end), server, tmp_path) == ""
    tools = [event["tool"] for event in server.of("tool_start")]
    assert sorted(tools) == ["after", "before-fork", "in-child", "in-parent"]
    assert len(server.of("tool_end")) == 4
    assert len(server.of("boot")) == 1
    assert len(server.of("done")) == 1
    assert server.kinds()[-1] == "done"


def test_a_forked_child_that_leaves_the_blocks_of_its_parent_ends_nothing(
    server: ReportServer, tmp_path: Path
):
    run(LEAVES, server, tmp_path)
    after = server.kinds().index("error")
    before = [event for event in server.events[:after] if event["type"].endswith("_end")]
    assert [event["type"] for event in before] == ["tool_end", "tool_end"]
    assert before[0]["message"] == "in the child"
    ends = ["llm_end", "tool_end", "task_end", "agent_end", "done"]
    assert server.kinds()[after + 1 :] == ends


def test_a_fork_may_come_at_any_moment(server: ReportServer, tmp_path: Path):
    run(FORKS, server, tmp_path)
    said = [event["message"] for event in server.of("error")]
    assert said.count("parent") == 20
    assert sorted(said) == sorted([*map(str, range(20)), *["parent"] * 20])


def test_a_child_that_ends_at_once_does_no_harm_to_its_parent(server: ReportServer, tmp_path: Path):
    assert run(FORK.format(end="os._exit(0)"), server, tmp_path) == ""
    tools = {event["tool"] for event in server.of("tool_start")}
    assert {"after", "before-fork", "in-parent"} <= tools
    assert [event["status"] for event in server.of("done")] == ["succeeded"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_send_all_before_they_end(
    server: ReportServer, tmp_path: Path, method: str
):
    run(WORKERS, server, tmp_path, method)
    assert sorted(event["output"] for event in server.of("tool_progress")) == ["0", "1", "2"]
    assert len(server.of("tool_end")) == 3
    assert {event["agent_id"] for event in server.of("tool_start")} == {"a"}
    assert server.kinds()[-1] == "done"


def test_the_end_of_the_program_ends_its_runs(server: ReportServer, tmp_path: Path):
    run(UNFINISHED, server, tmp_path)
    assert server.kinds() == ["boot", "tool_start", "done"]
    assert server.events[-1]["status"] == "failed"
    assert server.events[-1]["reason"] == "reporter_exited"


def test_what_is_reported_while_the_program_ends_is_sent(server: ReportServer, tmp_path: Path):
    run(LATE, server, tmp_path)
    assert [event["run"] for event in server.of("done")] == ["n1", "n2"]


def test_the_end_waits_for_a_server_that_restarts(
    server: ReportServer, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("CREWOPS_FLUSH_S", "60")
    server.answers = [(502, {})] * 3
    run(UNFINISHED, server, tmp_path)
    assert server.events[-1]["type"] == "done"


@pytest.mark.parametrize("known", ["from a program before", "as the key is refused"])
def test_the_end_does_not_wait_for_a_server_that_will_not_answer(
    server: ReportServer, tmp_path: Path, known: str, monkeypatch
):
    server.answers = [(401 if known == "as the key is refused" else 502, {})] * 1000
    if known == "from a program before":
        monkeypatch.setenv("CREWOPS_FLUSH_S", "0.1")
        run(UNFINISHED, server, tmp_path)
    monkeypatch.setenv("CREWOPS_FLUSH_S", "80")
    began = time.monotonic()
    run(UNFINISHED, server, tmp_path)
    assert time.monotonic() - began < 40
    assert server.events == []


@pytest.mark.parametrize("state", ["away", "hung"])
def test_the_end_waits_no_longer_than_its_limit(
    server: ReportServer, tmp_path: Path, state: str, monkeypatch
):
    monkeypatch.setenv("CREWOPS_FLUSH_S", "0.5")
    if state == "hung":
        server.hold.clear()
    else:
        server.answers = [(502, {})] * 100
    began = time.monotonic()
    said = run(UNFINISHED, server, tmp_path)
    assert said.count("they are on disk, and the next program") == 1
    assert time.monotonic() - began < 20  # without the limit it would never end
    lines = [line for path in tmp_path.rglob("*.ndjson") for line in path.read_bytes().splitlines()]
    assert len(lines) == 3
