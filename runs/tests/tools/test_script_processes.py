"""However a tool ends, no process of it stays; tested with the script tool."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from runs.tests.tools.recorder import Recorder
from runs.tests.tools.test_script import run
from runs.tools import Outcome, Status, box, launch
from tests.live import eventually


def processes_with(marker: str) -> list[str]:
    """Command lines of live processes that contain `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if marker in line:
                found.append(line)
    return found


ESCAPES = {
    "child": "sleep {n} & sleep {n}",
    "own session": "setsid sleep {n} & sleep {n}",
    "double fork": "(setsid sh -c 'sleep {n} & exit' &); sleep {n}",
    "ignored SIGTERM": "trap '' TERM; sleep {n} & while :; do sleep {n}; done",
    "closed output": "setsid sleep {n} >/dev/null 2>&1 & sleep {n}",
    "own process group": "set -m; sleep {n} & sleep {n}",
    "stopped": "sleep {n} & sleep 0.1; kill -STOP $!; sleep {n}",
    "hang-ups ignored": "nohup sleep {n} >/dev/null & disown; sleep {n}",
    "environment cleared": "env -i setsid sleep {n} & sleep {n}",
    "renewed by a parent": "(setsid bash -c 'for i in {{1..50}}; do sleep {n}; done' &); sleep {n}",
    "every signal ignored": "python3 -c '"
    "import os, signal, time; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 10, 12, 15, 24)]; "
    'os.fork() or os.setsid(); os.execlp("sleep", "sleep", "{n}")\'',
}
# Of these a process group, as `killpg` ends it, holds less than all.
LEAVE_THE_GROUP = {"own session", "double fork", "closed output", "own process group"}
LEAVE_THE_GROUP |= {"environment cleared", "renewed by a parent", "every signal ignored"}
LIMIT_S = 0.5
ENDED_S = 5.0  # after the limit, the last of them is gone


@pytest.mark.parametrize("code", ESCAPES.values(), ids=ESCAPES)
def test_the_time_limit_ends_every_process(workspace, emitter, settings, code):
    settings.TOOLS_TIME_LIMITS_S = {"script": LIMIT_S}
    number = f"98765.{os.getpid()}"
    begun = time.monotonic()
    emitter.stop = lambda: time.monotonic() - begun > LIMIT_S + ENDED_S  # should the limit not
    outcome = run(workspace, emitter, code.format(n=number))
    assert time.monotonic() - begun < LIMIT_S + ENDED_S
    assert outcome.status == Status.ERROR
    assert outcome.message == "Stopped: over the time limit of 0.5 s."
    assert not processes_with(number)


@pytest.mark.parametrize("way", ESCAPES)
def test_control_what_killing_the_process_group_leaves(workspace, way):
    number = f"98761.{os.getpid()}"
    command = ["bash", "-c", ESCAPES[way].format(n=number)]
    shell = subprocess.Popen(command, cwd=workspace, start_new_session=True)
    eventually(lambda: len(sleepers(number)) == 2)
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    if way in LEAVE_THE_GROUP:
        assert sleepers(number)
    eventually(lambda: none_left(number))


def sleepers(number: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if process.info["cmdline"] == ["sleep", number]]


def none_left(number: str) -> bool:
    """End what is left of a control; whether there was nothing to end."""
    left = [
        p for p in psutil.process_iter(["cmdline"]) if number in " ".join(p.info["cmdline"] or [])
    ]
    for one in left:
        one.kill()
    return not left


@pytest.mark.parametrize("code", ESCAPES.values(), ids=ESCAPES)
def test_cancelling_ends_every_process(workspace, code):
    number = f"98764.{os.getpid()}"
    asked_at = None

    def stop() -> bool:
        nonlocal asked_at
        if asked_at is None and processes_with(f"sleep {number}"):
            asked_at = time.monotonic()
        return asked_at is not None

    # A second between asking and making them end, and a busy machine's own.
    outcome = run(workspace, Recorder(stop=stop), code.format(n=number))
    assert time.monotonic() - asked_at < 5
    assert outcome.status == Status.ERROR
    assert outcome.message == "Cancelled."
    assert not processes_with(number)


def test_a_script_that_closes_its_output_goes_on(workspace, emitter):
    assert run(workspace, emitter, "exec >&- 2>&-; sleep 0.2; touch went-on; exit 4").exit_code == 4
    assert (workspace / "went-on").exists()


def test_nothing_is_left_of_a_script_that_ended_by_itself(workspace, emitter):
    number = f"98763.{os.getpid()}"
    outcome = run(workspace, emitter, f"setsid sleep {number} & echo done")
    assert outcome == Outcome(Status.SUCCESS, 0)
    assert not processes_with(number)


def test_who_left_the_tree_is_ended_without_a_box_too(workspace, emitter, in_tier):
    in_tier("limits")  # in the others the kernel ends what is left
    number = f"98762.{os.getpid()}"
    code = f"(setsid sh -c 'sleep {number} & exit' &); until pgrep -f '^sleep {number}'; do :; done"
    assert run(workspace, emitter, code) == Outcome(Status.SUCCESS, 0)
    assert not processes_with(number)


def test_a_script_may_clean_up_when_it_is_stopped(workspace):
    emitter = Recorder()
    emitter.stop = lambda: "ready" in emitter.output
    run(
        workspace,
        emitter,
        "trap 'echo cleaned up; exit' TERM; echo ready; while :; do sleep 0.1; done",
    )
    assert "cleaned up" in emitter.output


def test_an_emitter_that_fails_leaves_no_process(workspace):
    number = f"98762.{os.getpid()}"

    def lost() -> bool:
        raise RuntimeError("the run belongs to somebody else now")

    with pytest.raises(RuntimeError, match="somebody else"):
        run(workspace, Recorder(stop=lost), f"sleep {number}")
    assert not processes_with(number)


def test_no_descriptor_is_left_open(workspace, emitter):
    run(workspace, emitter, "echo warm-up")
    before = os.listdir("/proc/self/fd")
    run(workspace, emitter, "echo again")
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize("tier", ["namespaces", "limits"])
@pytest.mark.parametrize("watched", [False, True], ids=["silent", "control: watched"])
def test_a_worker_that_gives_no_sign_keeps_no_tool(workspace, in_tier, settings, tier, watched):
    in_tier(tier)
    settings.RUN_LEASE_S = 2.0 - launch.SPARE_S  # two seconds of silence
    number = f"98762.{os.getpid()}"
    stopped = "Stopped: the worker gave no sign for 2 s."
    command = ["bash", "-c", f"setsid sleep {number} & sleep 4"]
    env, chosen = box.environment(workspace), box.tier()
    launched = launch.Launched(
        box.order(command, workspace=workspace, cwd=workspace, env=env, in_tier=chosen)
    )
    ended = False
    while not ended:
        _, _, ended = launched.output.read(timeout=0.1)
        if watched:
            launched.give_sign()
    assert launched.finish().get("stopped") == ("" if watched else stopped)
    assert not processes_with(number)
