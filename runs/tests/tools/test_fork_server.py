"""The process that forks launchers: what a start costs, and that nothing is lost or left
with it.
"""

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome, Status, box, fork_server
from tests.live import eventually

CALLS = 20
# A bare Python costs about as much as a boxed `true`; one that was started for each call, six times
# that.
MOST_PYTHONS = 3.0


def run(workspace: Path, emitter: Recorder, code: str) -> Outcome:
    script = tools.get("script")
    return script.run(script.clean({"interpreter": "bash", "code": code}), workspace, emitter)


def cpu_s() -> float:
    """Of this process, of its ended children, and of the fork server with its launchers."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return ours + sum(psutil.Process(fork_server.pid()).cpu_times()[:4])


def test_a_start_costs_little_more_than_a_bare_subprocess(workspace, emitter, in_tier):
    in_tier("namespaces")
    assert run(workspace, emitter, "exit 0").status == Status.SUCCESS  # the server is there
    before = cpu_s()
    for _ in range(CALLS):
        subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    bare = cpu_s() - before
    before = cpu_s()
    for _ in range(CALLS):
        run(workspace, emitter, "exit 0")
    eventually(lambda: not psutil.Process(fork_server.pid()).children())
    tool = cpu_s() - before
    print(f"{tool / CALLS * 1000:.1f} ms of a tool, {bare / CALLS * 1000:.1f} ms of a bare Python")
    assert tool < MOST_PYTHONS * bare


@pytest.mark.parametrize("tier", ["namespaces", "limits"])
def test_a_killed_server_is_replaced_and_its_calls_go_on(workspace, emitter, in_tier, tier):
    in_tier(tier)
    run(workspace, emitter, "exit 0")
    first = fork_server.pid()
    going_on = Recorder(on_output=lambda text: (workspace / "go-on").touch())

    def kill() -> bool:
        if "begun" in going_on.output and fork_server.pid() == first and psutil.pid_exists(first):
            os.kill(first, signal.SIGKILL)
            (workspace / "killed").touch()
        return False

    going_on.stop = kill
    code = "echo begun; until [ -e killed ]; do sleep 0.01; done; echo ended; exit 3"
    outcome = run(workspace, going_on, code)
    assert outcome == Outcome(Status.ERROR, 3, "The script ended with exit code 3.")
    assert going_on.output == "begun\nended\n"
    assert run(workspace, emitter, "exit 0") == Outcome(Status.SUCCESS, 0)
    assert fork_server.pid() != first


def test_a_server_that_does_not_answer_is_replaced(workspace, emitter):
    run(workspace, emitter, "exit 0")
    first = fork_server.pid()
    fork_server._server._channel.settimeout(0.2)
    os.kill(first, signal.SIGSTOP)
    assert run(workspace, emitter, "exit 0") == Outcome(Status.SUCCESS, 0)
    assert fork_server.pid() != first
    assert not psutil.pid_exists(first)


def test_calls_at_the_same_time_have_their_own_descriptors(tmp_path):
    recorders = [Recorder() for _ in range(6)]

    def call(number: int) -> None:
        workspace = tmp_path / str(number)
        workspace.mkdir()
        run(workspace, recorders[number], f"echo {number}; ls /proc/self/fd | wc -l")

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # `ls` has its three and the directory that it reads.
    assert [recorder.output for recorder in recorders] == [f"{n}\n4\n" for n in range(6)]


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may look into the server")
def test_the_server_keeps_nothing_of_a_call(workspace, emitter):
    run(workspace, emitter, "exit 0")
    server = psutil.Process(fork_server.pid())
    descriptors = server.num_fds()
    canary = "canary-" + os.urandom(8).hex()
    assert run(workspace, emitter, f"echo {canary}").status == Status.SUCCESS
    assert canary in emitter.output
    assert not holds(server.pid, canary.encode())
    assert holds(os.getpid(), canary.encode())  # the control: this process has read it
    assert server.num_fds() == descriptors
    assert server.environ() == {}
    assert server.cwd() == "/"


def holds(pid: int, text: bytes) -> bool:
    """Whether the memory of the process does."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            addresses, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(address, 16) for address in addresses.split("-"))
                memory.seek(start)
                if text in memory.read(end - start):
                    return True
    return False


def test_a_forked_process_has_none_of_its_parents(workspace, emitter):
    run(workspace, emitter, "exit 0")
    if (child := os.fork()) == 0:
        os._exit(fork_server.pid() is not None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    before = fork_server.pid()
    run(workspace, emitter, "exit 0")
    assert fork_server.pid() == before is not None


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from runs.tools.fork_server import ForkServer
server = ForkServer()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_it_ends_with_its_worker(way):
    project = Path(box.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        server = psutil.Process(int(worker.stdout.readline()))
        assert server.is_running()
        worker.send_signal(way)
        worker.wait()
        eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_finding_the_tier_leaves_none(monkeypatch):
    """A worker's main process does no more than that."""
    monkeypatch.setattr(box, "_tier", None)
    assert not box.tier().refusal
    assert fork_server.pid() is None
