"""The servers of a run: how each is started, spoken to and published through."""

import importlib.util
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.deployment import Deployment
from benchmarks.load import EVENT_STREAM, Load
from benchmarks.processes import Process, listens, python
from tests.ports import free_port

PEERS = Path(__file__).with_name("peers")
NCHAN_MODULES = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)

Argv = Callable[[Deployment, int], list[str]]


@dataclass(frozen=True)
class Server:
    """``start`` and ``publisher`` make command lines for a port; ours has a ``writer`` instead."""

    name: str
    start: Argv
    publisher: Argv
    most: int  # sockets it is asked to serve at 20 events a second; it fell behind above
    ours: bool = False
    env: dict[str, str] = field(default_factory=dict)

    def run(self, deployed: Deployment) -> "Running":
        return Running(self, deployed)


class Running:
    """A server that answers, on a port of its own."""

    def __init__(self, server: Server, deployed: Deployment) -> None:
        self.server = server
        self.deployed = deployed
        self.port = free_port()
        self.process = Process(
            *server.start(deployed, self.port),
            log=deployed.directory / f"{server.name.replace(' ', '-')}.log",
            env=deployed.env | {"PORT": str(self.port)} | server.env,
            checkout=deployed.checkout,
        )

    def __enter__(self) -> Self:
        self.process.until(lambda: listens(self.port))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.stop()

    def load(self, *, since: int | None = None, offer: tuple[str, ...] = ()) -> Load:
        """Clients of the one stream: fresh, or resuming ours after ``since``."""
        seed = self.deployed.seed
        directory = self.deployed.directory
        if not self.server.ours:
            return Load(self.port, "/", offer=offer, directory=directory)
        path = f"/{'sse' if EVENT_STREAM in offer else 'ws'}/graph/{seed['crew']}"
        if since is not None:
            return Load(
                self.port, f"{path}?since={since}", token=seed["token"], greeting=1,
                directory=directory,
            )  # fmt: skip
        return Load(
            self.port, path, token=seed["token"], greeting=2, offer=offer, directory=directory
        )

    def publisher(self, *, rate: float, warm_s: float, seconds: float) -> list[str]:
        timing = ["--rate", str(rate), "--warm", str(warm_s), "--seconds", str(seconds)]
        return [*self.server.publisher(self.deployed, self.port), *timing]


def _publisher(kind: str) -> Argv:
    return lambda deployed, port: python(
        "-m", "benchmarks.publisher", kind,
        str(port) if kind == "nchan" else deployed.env["REDIS_URL"],
    )  # fmt: skip


def _writer(deployed: Deployment, port: int) -> list[str]:
    return deployed.writer("report", execution=deployed.seed["execution"])


def _daphne(application: str) -> Argv:
    return lambda deployed, port: python(
        "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", application
    )


def _fastapi(deployed: Deployment, port: int) -> list[str]:
    return python(
        "-m", "uvicorn", "--port", str(port), "--log-level", "warning",
        "benchmarks.peers.fastapi_app:app",
    )  # fmt: skip


def _nchan(deployed: Deployment, port: int) -> list[str]:
    prefix = deployed.directory / "nginx"
    prefix.mkdir(exist_ok=True)
    template = string.Template((PEERS / "nginx.conf").read_text())
    module = next(filter(Path.exists, NCHAN_MODULES))
    config = prefix / "nginx.conf"
    config.write_text(template.substitute(prefix=prefix, port=port, module=module))
    return ["nginx", "-p", str(prefix), "-c", str(config), "-e", str(prefix / "error.log")]


OURS = Server(
    "ours, uvicorn", lambda deployed, port: python("-m", "crewops.web"), _writer, 4_000, ours=True
)
OURS_DAPHNE = Server("ours, Daphne", _daphne("crewops.asgi:application"), _writer, 1_000, ours=True)
CHANNELS = Server(
    "stock Channels, Daphne",
    _daphne("benchmarks.peers.channels_app:application"),
    _publisher("channels"),
    1_000,
)
FASTAPI = Server("FastAPI hub, uvicorn", _fastapi, _publisher("redis"), 4_000)
NCHAN = Server("nginx, Nchan", _nchan, _publisher("nchan"), 4_000)
BARE = Server(
    "bare send() loop",
    lambda deployed, port: python("-m", "benchmarks.peers.bare", str(port)),
    _publisher("redis"),
    4_000,
)


def field_of_servers() -> tuple[list[Server], list[str]]:
    """The servers that can run here, in the order of the table, and why the others cannot."""
    servers, missing = [CHANNELS], []
    if importlib.util.find_spec("fastapi"):
        servers.append(FASTAPI)
    else:
        missing.append("FastAPI is not installed: pip install -r requirements-bench.txt")
    if any(map(Path.exists, NCHAN_MODULES)):
        servers.append(NCHAN)
    else:
        missing.append("nginx has no Nchan: apt install nginx libnginx-mod-nchan")
    return [*servers, BARE, OURS, OURS_DAPHNE], missing
