"""`crewops exec`: neither the command nor its caller notices it."""

import fcntl
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from crewops_client.tools import ALL_OUTPUT
from sdk.report_server import KEY, ReportServer

BYTES = "import os, sys; os.write(1, bytes(range(256)) * 3000); os.write(2, b'\\xff\\xfe err')"


@pytest.fixture
def environment(server: ReportServer, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CREWOPS_URL": server.url,
        "CREWOPS_API_KEY": KEY,
        "CREWOPS_SPOOL_DIR": str(tmp_path),
        "CREWOPS_FLUSH_S": "3",
        "PYTHONPATH": ":".join(sys.path),
    }


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "crewops_client.cli", "exec", "--crew", "build", "--", *argv]


def reported(server: ReportServer) -> str:
    return "".join(event.get("output", "") for event in server.of("tool_progress"))


def test_output_and_exit_code_are_kept_and_reported(server: ReportServer, environment):
    plain = [sys.executable, "-c", BYTES + "; sys.exit(3)"]
    finished = subprocess.run(command(*plain), env=environment, capture_output=True)
    assert finished.stdout == bytes(range(256)) * 3000
    assert finished.stderr == b"\xff\xfe err"
    assert finished.returncode == 3
    text = (bytes(range(256)) * 3000).decode(errors="replace")
    assert reported(server).replace("\ufffd\ufffd err", "") == text
    boot, agent, task, tool = server.events[:4]
    assert boot["crew"] == "build"
    assert boot["origin"] == "exec"
    assert agent["agent_id"] == tool["tool"] == os.path.basename(sys.executable)
    assert tool["params"]["command"].startswith(f"{sys.executable} -c 'import os")
    assert tool["task_id"] == task["task_id"]
    end = server.of("tool_end")[0]
    assert (end["status"], end["exit_code"]) == ("error", 3)
    done = server.of("done")[0]
    assert (done["status"], done["message"].split(" ", 1)[1]) == (
        "failed",
        "ended with exit code 3.",
    )


def test_output_beyond_what_the_server_stores_is_passed_on_and_not_sent(
    server: ReportServer, environment
):
    size = ALL_OUTPUT + 100_000
    # Slowly, so that no output is lost because there is too much at once.
    code = f"import sys, time\nfor n in range({size} // 100_000 + 1):\n"
    code += "    print('x' * 99_999)\n    sys.stdout.flush()\n    time.sleep(0.02)"
    plain = [sys.executable, "-c", code]
    finished = subprocess.run(command(*plain), env=environment, capture_output=True, text=True)
    assert len(finished.stdout) > size
    assert len(reported(server)) == ALL_OUTPUT
    assert finished.stderr.count("only the first 4,194,304 characters are reported") == 1
    assert server.of("done")[0]["status"] == "succeeded"


def test_input_goes_to_the_command(server: ReportServer, environment):
    finished = subprocess.run(
        command("tr", "a-z", "A-Z"), env=environment, input=b"hello", capture_output=True
    )
    assert finished.stdout == b"HELLO"
    assert server.of("done")[0]["status"] == "succeeded"


def test_output_is_live(server: ReportServer, environment):
    process = subprocess.Popen(
        command("sh", "-c", "echo first; read line; echo $line"),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"first\n"
    server.wait(lambda: reported(server) == "first\n")
    out, _ = process.communicate(b"second\n", timeout=20)
    assert out == b"second\n"


@pytest.mark.parametrize(
    ("name", "argv", "code", "status"),
    [
        ("not found", ["/no/such/command"], 127, "failed"),
        ("not executable", ["/etc/passwd"], 126, "failed"),
        ("killed by itself", ["sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV, "failed"),
        ("interrupted", ["sh", "-c", "kill -INT $$"], -signal.SIGINT, "cancelled"),
    ],
)
def test_how_it_ends_is_kept(server: ReportServer, environment, name, argv, code, status):
    finished = subprocess.run(command(*argv), env=environment, capture_output=True)
    assert finished.returncode == code
    assert [event["status"] for event in server.of("done")] == [status]


def test_a_command_that_cannot_be_started_is_a_failed_run(server: ReportServer, environment):
    finished = subprocess.run(command("/no/such/command"), env=environment, capture_output=True)
    assert finished.stderr.decode().startswith("crewops exec: /no/such/command: ")
    for kind in ("task_end", "done"):
        (ended,) = server.of(kind)
        assert ended["status"] == "failed"
        assert ended["message"].startswith("/no/such/command: ")


JOINED = '{"run": "n1", "crew": "c", "agent": "a", "task": "t"}'


@pytest.mark.parametrize("joins", [False, True])
def test_signals_are_passed_on(server: ReportServer, environment, joins):
    if joins:
        environment["CREWOPS_RUN"] = JOINED
    code = "trap 'echo got; exit 7' TERM; trap 'echo one' USR1; echo ready; while :; do sleep .02; done"
    process = subprocess.Popen(command("sh", "-c", code), env=environment, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == b"one\n"
    process.terminate()
    assert process.stdout.readline() == b"got\n"
    assert process.wait(20) == 7
    ends = server.of("task_end") if joins else server.of("done")
    assert [each["status"] for each in ends] == ["cancelled"]
    process.stdout.close()


def test_a_stop_from_the_server_terminates_it(server: ReportServer, environment):
    process = subprocess.Popen(
        command("sh", "-c", "while echo tick; do sleep .05; done"),
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    server.wait_for("boot")
    server.stop = [server.events[0]["run"]]
    assert process.wait(30) == -signal.SIGTERM
    assert server.of("done")[0]["status"] == "cancelled"


@pytest.mark.parametrize("disabled", ["", "1"])
def test_a_reader_that_goes_away_ends_it_as_without_us(server: ReportServer, environment, disabled):
    environment["CREWOPS_DISABLED"] = disabled
    process = subprocess.Popen(command("yes"), env=environment, stdout=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(20) == -signal.SIGPIPE


def test_its_exit_code_is_kept_where_our_parent_ignores_its_children(
    server: ReportServer, environment
):
    finished = subprocess.run(
        command("sh", "-c", "exit 3"),
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert finished.returncode == 3


def test_a_process_that_is_left_behind_does_not_hold_it_up(server: ReportServer, environment):
    began = time.monotonic()
    finished = subprocess.run(
        command("sh", "-c", "sleep 30 & echo $!"), env=environment, stdout=subprocess.PIPE
    )
    assert time.monotonic() - began < 10
    os.kill(int(finished.stdout), signal.SIGKILL)


@pytest.mark.parametrize("missing", ["CREWOPS_URL", "CREWOPS_API_KEY"])
def test_without_settings_it_is_the_command_and_one_line(environment, missing):
    del environment[missing]
    finished = subprocess.run(command("sh", "-c", "exit 5"), env=environment, capture_output=True)
    assert finished.returncode == 5
    assert finished.stderr == f"crewops: {missing} is not set: nothing is reported\n".encode()


def test_within_a_run_it_is_a_tool_of_it(server: ReportServer, environment):
    environment["CREWOPS_RUN"] = JOINED
    subprocess.run(command(*command("true")), env=environment, check=True)
    assert {event["run"] for event in server.events} == {"n1"}
    assert server.of("done") == []
    assert {event["agent_id"] for event in server.of("tool_start")} == {"a"}
    assert len(server.of("tool_start")) == 2


class Terminal:
    """A command on a terminal of its own, as a person would start it."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, environment)
        self.seen = b""

    def read_until(self, text: bytes) -> bytes:
        deadline = time.monotonic() + 20
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], deadline - time.monotonic())
            assert ready, self.seen
            self.seen += os.read(self.fd, 10_000)
        return self.seen

    def rest(self) -> bytes:
        while True:
            try:
                data = os.read(self.fd, 10_000)
            except OSError:
                return self.seen
            if not data:
                return self.seen
            self.seen += data

    def wait(self) -> int:
        self.rest()
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def quiet_fork(recwarn):
    """Python warns of forks beside threads, and the test's server is a thread."""


def test_on_a_terminal_the_command_has_one(server: ReportServer, environment, quiet_fork):
    code = "test -t 0 && test -t 1 && test -t 2 && stty size && printf 'a\\033[1mb\\r\\n' && exit 4"
    shown = Terminal(command("sh", "-c", f"stty rows 31 cols 97; {code}"), environment)
    assert shown.wait() == 4
    assert shown.seen == b"31 97\r\na\x1b[1mb\r\r\n"
    assert reported(server) == shown.seen.decode()


def test_keys_reach_it_and_the_terminal_is_as_before(server: ReportServer, environment, quiet_fork):
    inner = shlex.join(command("sh", "-c", "read x; echo got $x"))
    shown = Terminal(["sh", "-c", f"stty -g; {inner}; stty -g"], environment)
    shown.read_until(b"\r\n")
    server.wait_for("tool_start")
    os.write(shown.fd, b"hi\n")
    assert shown.wait() == 0
    modes, echo, got, after = shown.seen.splitlines()
    assert (echo, got) == (b"hi", b"got hi")
    assert after == modes


def test_control_c_interrupts_the_command_once(server: ReportServer, environment, quiet_fork):
    code = (
        "trap 'echo interrupted; n=1' INT; echo ready; while test -z $n; do sleep .02; done; exit 9"
    )
    shown = Terminal(command("sh", "-c", code), environment)
    shown.read_until(b"ready")
    os.write(shown.fd, b"\x03")
    assert shown.wait() == 9
    assert shown.seen.count(b"interrupted") == 1


def test_the_window_s_size_is_passed_on(server: ReportServer, environment, quiet_fork):
    code = "trap 'stty size; n=1' WINCH; echo ready; while test -z $n; do sleep .02; done"
    shown = Terminal(command("sh", "-c", code), environment)
    shown.read_until(b"ready")
    fcntl.ioctl(shown.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 50, 0, 0))
    assert shown.wait() == 0
    assert b"20 50" in shown.seen


def slowly(seconds: float, *argv: str) -> list[str]:
    """As `command`, on a terminal that takes this long for each piece of output."""
    code = (
        "import sys, time; from crewops_client import cli, terminal; write = terminal.write; "
        f"terminal.write = lambda *given: (time.sleep({seconds}), write(*given))[1]; "
        "sys.exit(cli.main())"
    )
    return [sys.executable, "-c", code, "exec", "--crew", "build", "--", *argv]


def test_a_slow_terminal_gets_all_output(server: ReportServer, environment, quiet_fork):
    code = "import os; os.write(1, b'x' * 12_000); os._exit(4)"
    shown = Terminal(slowly(0.3, sys.executable, "-c", code), environment)
    assert shown.wait() == 4
    assert shown.seen == b"x" * 12_000


def test_a_slow_terminal_does_not_wait_for_a_process_that_is_left_behind(
    server: ReportServer, environment, quiet_fork
):
    began = time.monotonic()
    shown = Terminal(slowly(0.05, "sh", "-c", "trap '' HUP; yes & exit 6"), environment)
    assert shown.wait() == 6
    assert time.monotonic() - began < 20
