"""What is forked from the warm process is as a new Python: arguments, environment, files, end."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import eventually
from tests.prefork import PROJECT, Warm

SCRIPT = """
import atexit, json, os, socket, sys
atexit.register(print, "at the end")
json.dump({
    "argv": sys.argv[1:], "environment": dict(os.environ), "directory": os.getcwd(),
    "name": __name__, "session": os.getsid(0) == os.getpid(), "path": sys.path,
    "inherited": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "ours": [m for m in sys.modules if m.split(".")[0] in ("crewops", "crews", "runs", "realtime")],
    "stdin": sys.stdin.readline(),
}, sys.stdout)
print(file=sys.stdout)
sys.exit(3)
"""


def run(code: str, tmp_path: Path, stdin=None, **variables: str) -> tuple[Warm, Path]:
    script, output = tmp_path / "script.py", tmp_path / "output"
    script.write_text(code)
    with output.open("wb") as file:
        return Warm([str(script), "one", "two"], variables, stdin, file), output


def test_it_is_as_a_new_process(tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"a line\n")
        process, output = run(SCRIPT, tmp_path, theirs, OF="it alone")
        assert process.wait(30) == 3
    line, end = output.read_text().splitlines()
    assert end == "at the end"
    state = json.loads(line)
    assert str(PROJECT) in state.pop("path")
    assert state == {
        "argv": ["one", "two"],
        "environment": {"OF": "it alone"},
        "directory": str(PROJECT),
        "name": "__main__",
        "session": True,
        "inherited": [0, 1, 2],
        "ours": [],
        "stdin": "a line\n",
    }


def test_nothing_keeps_what_it_was_given_open_when_it_has_ended(tmp_path):
    ours, given = socket.socketpair()
    with ours:
        with given:
            process, _ = run("", tmp_path, given)
        assert process.wait(30) == 0
        ours.settimeout(10)
        assert ours.recv(1) == b""


def test_a_signal_ends_it_and_an_error_is_seen(tmp_path):
    process, output = run("print('ready'); import time; time.sleep(60)", tmp_path)
    eventually(lambda: "ready" in output.read_text())
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    assert process.poll() == -signal.SIGTERM
    process, output = run("raise KeyError('what went wrong')", tmp_path)
    assert process.wait(30) == 1
    assert "what went wrong" in output.read_text()


def test_it_ends_with_the_tests(tmp_path):
    """A process of the tests that is killed leaves none behind that would start others."""
    code = (
        "import os; from tests import prefork; prefork._server();"
        "print(open(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read(), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    (pid,) = map(int, done.stdout.split())

    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    eventually(ended, 30)
    assert done.returncode == -signal.SIGKILL
