"""One ``REDIS_URL`` for redis-py, Channels and Celery: what it means, and that it stays a
secret.
"""

import contextlib
import datetime
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kombu import Connection

from crewops import redis_url
from crewops.redis import server_binary
from tests.live import eventually
from tests.ports import free_port
from tests.test_settings import start

PASSWORD = "a/b:c@d#e?f g%h&i"
ESCAPED = "a%2Fb%3Ac%40d%23e%3Ff%20g%25h%26i"
UNESCAPED = "a/b:c@d#e?f g%25h&i"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[int, Path]]:
    """``(port, socket)`` of a Redis that asks for the password."""
    directory = tmp_path_factory.mktemp("redis server")  # a path with a space
    port, path = free_port(), directory / "redis.sock"
    process = subprocess.Popen(
        [
            *(server_binary(), "--port", str(port), "--bind", "127.0.0.1"),
            *("--unixsocket", str(path), "--dir", str(directory), "--save", ""),
            *("--requirepass", PASSWORD),
        ],
        stdout=subprocess.DEVNULL,
    )
    eventually(path.exists)
    for db in (0, 2, 3):
        with redis.Redis(unix_socket_path=str(path), password=PASSWORD, db=db) as client:
            client.set("database", db)
    yield port, path
    process.terminate()
    process.wait()


def reached_by(text: str) -> tuple[int, int]:
    """The databases of the URL in which redis-py and kombu work."""
    read = redis_url.read(text)
    with redis.Redis.from_url(read.url) as client, Connection(read.broker_url) as broker:
        channel = broker.channel()
        found = int(client.get("database")), int(channel.client.get("database"))
        channel.close()
    return found


@pytest.mark.parametrize("password", [ESCAPED, UNESCAPED], ids=["escaped", "as it is"])
def test_a_password_of_any_characters_is_sent_by_all(server, password):
    port, _ = server
    assert reached_by(f"redis://:{password}@127.0.0.1:{port}/2") == (2, 2)
    assert reached_by(f"redis://default:{password}@127.0.0.1:{port}?db=3") == (3, 3)


def test_a_unix_socket_takes_database_and_password_for_all(server):
    _, path = server
    assert reached_by(f"unix://{path}?db=2&password={ESCAPED}") == (2, 2)
    assert reached_by(f"unix://{path}?username=default&password={ESCAPED}") == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "localhost:6379",
        "redis://:Pa55word@",
        "redis://:Pa55word@redis.internal:port/0",
        "redis://:Pa55word@redis.internal:99999/0",
        "redis://:Pa55word@redis.internal/zero",
        "redis://redis.internal/0?password=Pa55word",
        "unix:///run/redis.sock?db=two&password=Pa55word",
        "unix:///run/redis.sock?password=a#Pa55word",
        "unix:///run/redis.sock?password=a&Pa55word",
        "unix://Pa55word@/run/redis.sock",
        "rediss://:Pa55word@redis.internal/0?ssl_cert_reqs=maybe",
        "http://:Pa55word@redis.internal",
    ],
)
def test_what_cannot_be_used_stops_the_start_with_the_right_form_and_no_secret(text):
    with pytest.raises(redis_url.BadRedisURL) as refused:
        redis_url.read(text)
    assert "Write redis://" in str(refused.value) or "ssl_cert_reqs is one of" in str(refused.value)
    assert "Pa55word" not in str(refused.value)


def test_the_start_is_refused_in_one_sentence():
    refused = start(REDIS_URL="redis://:Pa55word@redis.internal:port/0")
    assert refused.returncode == 1
    last = refused.stderr.strip().splitlines()[-1]
    assert "REDIS_URL: it cannot be read. Write redis://USER:PASSWORD@HOST:6379/0" in last
    assert "Pa55word" not in refused.stderr
    assert "Pa55word" not in repr(redis_url.read("redis://:Pa55word@redis.internal"))


@pytest.mark.parametrize("prefix", ["crew ops:", "a*", "x" * 51])
def test_a_prefix_that_is_none_is_refused(prefix):
    refused = start(REDIS_PREFIX=prefix)
    assert "REDIS_PREFIX: take at most 50 letters, digits" in refused.stderr


class TLS:
    """A server for ``localhost`` whose certificate only its own authority has signed.

    It answers each command with OK, or PONG, which is all that connecting needs.
    """

    def __init__(self, directory: Path) -> None:
        self.authority = directory / "authority.pem"
        key, name = (
            ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
        )
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = directory / "key.pem"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.authority, secret)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as spoken,
        ):
            while data := spoken.recv(4096):
                spoken.sendall(b"+PONG\r\n" if b"PING" in data else b"+OK\r\n" * data.count(b"*"))

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> Iterator[TLS]:
    server = TLS(tmp_path_factory.mktemp("tls"))
    yield server
    server.close()


def connect_all(text: str) -> None:
    """Connect as redis-py does and as kombu does; the errors of both, if any."""
    read = redis_url.read(text)
    errors = []
    broker = Connection(read.broker_url, ssl=read.broker_ssl)
    parameters = broker.transport.Channel._connparams(_Channel(broker))
    pools = redis.ConnectionPool.from_url(read.url), redis.ConnectionPool(**parameters)
    for pool in pools:
        pool.connection_kwargs |= {"protocol": 2, "socket_timeout": 10}
        connection = pool.make_connection()
        try:
            connection.connect()
        except redis.ConnectionError as error:
            errors.append(str(error))
        finally:
            connection.disconnect()
    if errors:
        raise redis.ConnectionError(*errors)


class _Channel:
    """As much of kombu's channel as says how it connects, without connecting."""

    def __init__(self, broker: Connection) -> None:
        channel = broker.transport.Channel
        self.connection = type("Transport", (), {"client": broker, "default_port": 6379})
        self.__class__ = type("Channel", (channel,), {"__del__": lambda self: None})


def test_both_verify_the_certificate(tls):
    with pytest.raises(redis.ConnectionError) as refused:
        connect_all(f"rediss://localhost:{tls.port}/0")
    assert len(refused.value.args) == 2
    assert all("CERTIFICATE_VERIFY_FAILED" in error for error in refused.value.args)


def test_both_verify_the_name_in_the_certificate(tls):
    with pytest.raises(redis.ConnectionError) as refused:
        connect_all(f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={tls.authority}")
    assert len(refused.value.args) == 2
    assert all("CERTIFICATE_VERIFY_FAILED" in error for error in refused.value.args)


def test_both_take_an_authority_of_ones_own(tls):
    connect_all(f"rediss://localhost:{tls.port}/0?ssl_ca_certs={tls.authority}")


def test_both_verify_nothing_only_where_the_url_says_so(tls):
    connect_all(f"rediss://127.0.0.1:{tls.port}/0?ssl_cert_reqs=none")


def test_celery_is_given_what_was_read(tls):
    show = (
        "from crewops.celery import app; c = app.connection_for_write(); "
        "print(c.ssl['ssl_cert_reqs'], c.ssl['ssl_ca_certs'])"
    )
    shown = start(show, REDIS_URL=f"rediss://localhost/0?ssl_ca_certs={tls.authority}")
    assert shown.stdout.split() == ["required", str(tls.authority)], shown.stderr
