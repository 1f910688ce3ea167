"""Hostile scripts that want what is the worker's: each fails in its box, and succeeds
without one.
"""

from pathlib import Path

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tests.tools.scene import Scene
from runs.tools import process

CONNECT = """
import socket
s = socket.socket(socket.{family})
s.settimeout(2)
s.connect({address})
print(s.recv(100).decode())
"""

MEMORY = """
stack = next(line for line in open('/proc/<pid>/maps') if '[stack]' in line)
start, end = (int(address, 16) for address in stack.split()[0].split('-'))
memory = open('/proc/<pid>/mem', 'rb')
memory.seek(start)
print(memory.read(end - start).decode('latin-1'))
"""
TRACE = """
import ctypes, os
PTRACE_ATTACH = 16
if ctypes.CDLL(None).ptrace(PTRACE_ATTACH, <pid>, None, None) == 0:
    os.waitpid(<pid>, 0)
    print('traced')
"""
# Sends nothing: it only asks the kernel for a way.
WAY_OUT = """
import socket
for family, address in [('AF_INET', '169.254.169.254'), ('AF_INET', '192.0.2.1'), ('AF_INET6', '2001:db8::1')]:
    s = socket.socket(getattr(socket, family), socket.SOCK_DGRAM)
    try:
        s.connect((address, 80))
        print('way')
    except OSError:
        print('none')
"""

READ = {  # without messages of `cat`, which could come in the middle of a secret
    "environment of every process": "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
    "arguments of every process": "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'",
    "settings": "cat <project>/.env",
    "settings by working directory": "cat /proc/[0-9]*/cwd/.env 2>/dev/null",
    "settings by root directory": "cat /proc/[0-9]*/root<project>/.env 2>/dev/null",
    "settings by relative path": "cat ../../project/.env",
    "settings by symbolic link": "ln -s <project>/.env link; cat link",
    "settings by linked directory": "ln -s <project> dir; cat dir/.env",
    "settings by hard link": "ln <project>/.env hard; cat hard",
    "settings by search": "grep -rhs canary- $(dirname <project>)",
    "database": "grep -ao 'canary-[0-9a-f]*' <database>",
    "key of the user": "cat <home>/.ssh/id",
    "workspace of another run": "cat <other_workspace>/result.txt",
    "workspace next door": "cat ../*/result.txt",
    "temporary file": "cat <temporary>",
    "shared memory": "cat <shared_memory>",
    "copy of everything": "tar -cf - <project> <home> | grep -ao 'canary-[0-9a-f]*'",
}
READ_BY_PYTHON = {
    "database by SQL": "import sqlite3; print(sqlite3.connect('<database>').execute('SELECT * FROM secret').fetchall())",
    "socket file": CONNECT.format(family="AF_UNIX", address="'<unix_socket>'"),
    "abstract socket": CONNECT.format(family="AF_UNIX", address=r"'\0<abstract_socket>'"),
    "TCP": CONNECT.format(family="AF_INET", address="('127.0.0.1', <tcp_port>)"),
    "TCP by name": CONNECT.format(family="AF_INET", address="('localhost', <tcp_port>)"),
    "TCP by any address": CONNECT.format(family="AF_INET", address="('0.0.0.0', <tcp_port>)"),
    "TCP over IPv6": CONNECT.format(family="AF_INET6", address="('::1', <tcp6_port>)"),
    "open file of the worker": "print(open('/proc/<pid>/fd/9').read())",
    "memory of the worker": MEMORY,
}
SCRIPTS = [("bash", name, code) for name, code in READ.items()] + [
    ("python", name, code) for name, code in READ_BY_PYTHON.items()
]
each_script = pytest.mark.parametrize(
    ("interpreter", "code"),
    [script[::2] for script in SCRIPTS],
    ids=[name for _, name, _ in SCRIPTS],
)


def steals(scene: Scene, emitter: Recorder, code: str, interpreter: str) -> bool:
    """Whether the script got at a secret. Not its output, which a failing test would print."""
    mark = "echo started; " if interpreter == "bash" else "print('started')\n"
    output = scene.run(emitter, mark + code, interpreter)
    assert output[:8] == "started\n"
    return scene.canary in output


@each_script
def test_no_secret_is_read(loot, emitter, in_tier, interpreter, code):
    in_tier("namespaces")
    assert not steals(loot, emitter, code, interpreter)


@each_script
def test_control_without_the_box_it_is(loot, emitter, in_tier, interpreter, code):
    in_tier("limits")
    assert steals(loot, emitter, code, interpreter)


WRITE = {
    "settings": ("echo x >> <project>/.env", "<project>/.env"),
    "key of the user": ("echo x >> <home>/.ssh/authorized_keys", "<home>/.ssh/authorized_keys"),
    "workspace of another run": (
        "echo x > <other_workspace>/result.txt",
        "<other_workspace>/result.txt",
    ),
    "by symbolic link": ("ln -s <home> way; echo x > way/planted", "<home>/planted"),
    "removal": ("rm -rf <project>", "<project>/.env"),
    "database": ("echo x > <database>", "<database>"),
}
each_write = pytest.mark.parametrize(("code", "target"), WRITE.values(), ids=WRITE)


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@each_write
def test_nothing_outside_the_workspace_is_written(loot, emitter, in_tier, code, target):
    in_tier("namespaces")
    before = content(path := Path(loot.fill(target)))
    loot.run(emitter, code)
    assert content(path) == before


@each_write
def test_control_without_the_box_everything_is(loot, emitter, in_tier, code, target):
    in_tier("limits")
    before = content(path := Path(loot.fill(target)))
    loot.run(emitter, code)
    assert content(path) != before


def test_the_worker_is_not_killed(loot, emitter, in_tier):
    in_tier("namespaces")
    loot.run(emitter, "kill -9 <pid>")
    assert loot.worker.poll() is None


def test_control_without_the_box_it_is_killed(loot, emitter, in_tier):
    in_tier("limits")
    loot.run(emitter, "kill -9 <pid>")
    assert loot.worker.wait(timeout=30) == -9


@pytest.mark.parametrize(("tier", "is_traced"), [("namespaces", False), ("limits", True)])
def test_the_worker_is_traced_without_the_box_alone(loot, emitter, in_tier, tier, is_traced):
    in_tier(tier)
    loot.run(emitter, TRACE, "python")
    assert (emitter.output == "traced\n") == is_traced


def test_there_is_no_way_to_another_machine(loot, emitter, in_tier):
    """A cloud's metadata service among them."""
    in_tier("namespaces")
    loot.run(emitter, WAY_OUT, "python")
    assert emitter.output.split() == ["none"] * 3


def test_control_without_the_box_it_is_this_machines(loot, emitter, in_tier):
    in_tier("limits")
    loot.run(emitter, WAY_OUT, "python")
    routes = len(Path("/proc/net/route").read_text().splitlines()) - 1
    assert ("way" in emitter.output) == bool(routes)


def test_a_test_suite_is_in_the_same_box(loot, emitter, in_tier):
    """A conftest.py that does it all when it is imported."""
    attacks = "\n".join(
        f"subprocess.run({[interpreter, '-c', loot.fill(code)]!r})"
        for interpreter, _, code in SCRIPTS
    )
    (loot.workspace / "pytest.ini").write_text("[pytest]\n")
    (loot.workspace / "conftest.py").write_text(f"import subprocess\n{attacks}\n")
    (loot.workspace / "test_it.py").write_text("def test_it(): pass\n")
    tool = tools.get("pytest")
    in_tier("namespaces")
    tool.run(tool.clean({"args": ["-s"]}), loot.workspace, emitter)
    in_tier("limits")
    tool.run(tool.clean({"args": ["-s"]}), loot.workspace, control := Recorder())
    stolen = [loot.canary in output for output in (emitter.output, control.output)]
    assert stolen == [False, True]
    assert "1 passed" in emitter.output


def test_a_clone_sees_no_secret_either(loot, emitter, in_tier, settings):
    """git may use the network, but what it sees of files and processes is as little."""
    in_tier("namespaces")
    code = "cat /proc/[0-9]*/environ <project>/.env <unix_socket> <other_workspace>/*"
    process.run(
        ["bash", "-c", loot.fill(code)],
        workspace=loot.workspace,
        emitter=emitter,
        time_limit=10,
        network=True,
    )
    assert "No such file" in emitter.output
    assert loot.canary not in emitter.output
