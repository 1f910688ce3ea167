"""Things a tool must not reach, all of them marked with one canary, on this machine as it is."""

import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runs import tools
from runs.tests.tools.recorder import Recorder

# May be traced by anyone whom the kernel would let, so that nothing but the box keeps a tool from
# it.
WORKER = """
import ctypes, os, sys
PR_SET_PTRACER, ANYONE = 0x59616D61, ctypes.c_ulong(-1)
ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYONE)
os.dup2(os.open('.env', os.O_RDONLY), 9)
print(flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Scene:
    """A worker with its secrets. Hostile scripts name its fields as placeholders."""

    canary: str
    project: Path  # holds .env
    database: Path
    unix_socket: Path  # answers the canary to anyone who connects, like the others
    abstract_socket: str
    tcp_port: int
    tcp6_port: int
    home: Path  # holds .ssh/id
    other_workspace: Path  # holds result.txt
    workspace: Path
    temporary: Path
    shared_memory: Path
    worker: subprocess.Popen  # the canary in its environment, arguments and memory

    def fill(self, code: str) -> str:
        """`code` with <field> replaced by the field's value; <pid> is the worker's."""
        values = {name: str(getattr(self, name)) for name in self.__dataclass_fields__}
        for name, value in (values | {"pid": str(self.worker.pid)}).items():
            if name not in ("canary", "worker"):
                code = code.replace(f"<{name}>", value)
        return code

    def run(self, emitter: Recorder, code: str, interpreter: str = "bash") -> str:
        """All that was written up to the end of the hostile script."""
        script = tools.get("script")
        params = script.clean({"interpreter": interpreter, "code": self.fill(code)})
        script.run(params, self.workspace, emitter)
        return emitter.output


@contextmanager
def scene(root: Path) -> Iterator[Scene]:
    """Build the scene below `root`, and take it down again."""
    canary = f"canary-{uuid.uuid4().hex}"
    project, home = root / "project", root / "home"
    other, workspace = root / "workspaces/other", root / "workspaces/mine"
    for directory in (project / "var", home / ".ssh", other, workspace):
        directory.mkdir(parents=True)
    for path in (project / ".env", home / ".ssh/id", other / "result.txt"):
        path.write_text(f"{canary}\n")
    database = project / "var/crewops.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE secret AS SELECT ? AS value", [canary])
    connection.close()
    with ExitStack() as stack:
        listen = _listening(stack, canary)
        unix_socket = project / "var/redis.sock"
        listen(socket.AF_UNIX, str(unix_socket))
        abstract = f"crewops-{uuid.uuid4().hex}"
        listen(socket.AF_UNIX, f"\0{abstract}")
        tcp_port = listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        tcp6_port = listen(socket.AF_INET6, ("::1", 0)).getsockname()[1]
        temporary, shared_memory = (
            stack.enter_context(_file(directory, canary))
            for directory in (tempfile.gettempdir(), "/dev/shm")
        )
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, canary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=project,
            env={"SECRET_KEY": canary},
        )
        stack.callback(worker.communicate)
        stack.callback(worker.kill)
        assert worker.stdout is not None
        worker.stdout.readline()  # it has opened its file
        yield Scene(
            canary, project, database, unix_socket, abstract, tcp_port, tcp6_port, home, other,
            workspace, temporary, shared_memory, worker,
        )  # fmt: skip


@contextmanager
def _file(directory: str, text: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", dir=directory) as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _listening(stack: ExitStack, answer: str) -> Callable[..., socket.socket]:
    def listen(family: int, address: str | tuple[str, int]) -> socket.socket:
        server = socket.socket(family)
        server.bind(address)
        server.listen()
        thread = threading.Thread(target=_answer, args=(server, answer.encode()))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.close)
        stack.callback(server.shutdown, socket.SHUT_RDWR)  # wakes the thread
        return server

    return listen


def _answer(server: socket.socket, text: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(text)
