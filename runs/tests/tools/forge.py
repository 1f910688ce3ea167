"""A git host on this machine: HTTP over TLS, with private repositories."""

import base64
import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runs.tests.tools.repositories import git

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"  # two hosts
NAMES = ("forge.invalid",)


@dataclass
class Forge:
    """A host with the repositories `/open.git` and, which `password` opens to `git`, `/private.git`
    and `/dumb.git`. The last is but files: that host speaks git's "dumb" protocol for it.

    `/moved.git` is a redirect to `moved_to`. While git waits for the answer to a request that has
    the password, `during` is called.
    """

    root: Path
    password: str
    port: int = 0
    moved_to: str = "/open.git"
    during: Callable[[], object] = lambda: None
    requests: list[str] = field(default_factory=list)  # paths
    received: list[str] = field(default_factory=list)  # user names and passwords, as user:password
    received_at: set[str] = field(default_factory=set)  # the addresses that received them

    @property
    def canary(self) -> str:
        """The part of the password that every encoding leaves as it is."""
        return self.password.rstrip("/&")

    def url(self, path: str, host: str = HERE, user_info: str = "") -> str:
        return f"https://{user_info}{host}:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    def __init__(self, forge: Forge, *args) -> None:
        self.forge = forge
        super().__init__(*args)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.forge.requests.append(path)
        sent = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic "))
        if sent:
            self.forge.received.append(sent.decode())
            self.forge.received_at.add(self.connection.getsockname()[0])
        if path.startswith("/moved.git"):
            self._answer(302, {"Location": self.forge.moved_to + self.path[len("/moved.git") :]})
        elif (
            path.startswith(("/private.git", "/dumb.git"))
            and sent.decode() != f"git:{self.forge.password}"
        ):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="forge"'})
        elif path.startswith("/dumb.git"):
            file = self.forge.root / path.lstrip("/")
            self._answer(*(200, {}, file.read_bytes()) if file.is_file() else (404, {}))
        else:
            if sent:
                self.forge.during()
            self._git(*urlsplit(self.path)[2:4])

    do_POST = do_GET

    def _git(self, path: str, query: str) -> None:
        """Answer as git's own CGI program does."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.forge.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
        }
        answer = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        )
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args) -> None:
        pass


@contextmanager
def serving(root: Path, password: str) -> Iterator[tuple[Forge, Path]]:
    """A forge on every address of this machine, and the file of the authority that git must
    trust.
    """
    root.mkdir()
    for name in ("open.git", "private.git"):
        git("init", "--quiet", "--initial-branch=main", name, cwd=root)
        git("commit", "--quiet", "--allow-empty", "--message=First", cwd=root / name)
    git("clone", "--quiet", "--bare", "open.git", "dumb.git", cwd=root)
    git("update-server-info", cwd=root / "dumb.git")
    forge = Forge(root, password)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority := _certificate(root / "forge.pem"))
    with ThreadingHTTPServer(("0.0.0.0", 0), partial(Handler, forge)) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        forge.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield forge, authority
        server.shutdown()
        thread.join()


def _certificate(path: Path) -> Path:
    """A key and a certificate that vouches for itself, for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "forge")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(host)) for host in (HERE, ELSEWHERE)]
    names = [x509.DNSName(host) for host in NAMES]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([*addresses, *names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
