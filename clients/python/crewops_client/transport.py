"""Send one call at a time to the server, over a connection that is reused."""

# No module is imported later, in the thread: a process that is forked meanwhile could never import
# it.
import base64
import encodings.idna  # noqa: F401  the socket module looks it up for a host's name
import gzip
import http.client
import json
import os
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from .settings import Settings
from .version import __version__

PATH = "/api/report/"
SMALL = 1024  # bytes; less is not worth compressing
ANSWER = 4 * 1024 * 1024  # bytes
AGENT = f"crewops-client/{__version__}"


# Never finalized, because threads that the child does not have may hold their locks.
_left_by_forks: list[Any] = []


@dataclass(frozen=True)
class Response:
    """The result of a call. With the `status` 0 there was no answer, and `detail` says why."""

    status: int
    detail: str = ""
    retry_after: float | None = None
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_accepted(self) -> bool:
        return self.status == 200

    @property
    def refused(self) -> bool:
        """Whether the key or the address is wrong, so that no other call can succeed."""
        return self.status in (401, 403, 404, 405, 410) or 300 <= self.status < 400

    @property
    def is_content_rejected(self) -> bool:
        """Whether the server refused the content of this call."""
        return self.status in (400, 413, 415, 422)


class Transport:
    path = PATH

    def __init__(self, settings: Settings) -> None:
        url = urllib.parse.urlsplit(settings.url)
        self._secure = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port or (443 if self._secure else 80)
        self._path = url.path.rstrip("/") + self.path
        self._timeout = settings.timeout_s
        self._headers = {
            "Authorization": f"Bearer {settings.api_key}",
            "Content-Type": "application/x-ndjson",
            "Accept": "application/json",
            "User-Agent": AGENT,
        }
        self._connection: http.client.HTTPConnection | None = None

    def post(self, lines: list[bytes]) -> Response:
        body = b"".join(lines)
        headers = dict(self._headers)
        if len(body) > SMALL:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        reused = self._connection is not None
        try:
            return self._call(body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not reused:
                return Response(0, _reason(error))
        except Exception as error:
            self.close()
            return Response(0, _reason(error))
        # The server may close a connection between two calls. This is no error, so call again.
        try:
            return self._call(body, headers)
        except Exception as error:
            self.close()
            return Response(0, _reason(error))

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except OSError:
                return

    def forget(self) -> None:
        """Close a forked child's copy of the socket, but no object that a thread may hold."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            os.close(connection.sock.detach())
            _left_by_forks.append(connection)

    def _call(self, body: bytes, headers: dict[str, str]) -> Response:
        connection = self._connection or self._connect()
        self._connection = connection
        connection.request("POST", self._target, body, {**headers, **self._proxy_headers})
        response = connection.getresponse()
        data = response.read(ANSWER)
        if response.will_close or response.length:
            self.close()
        if response.status == 200 and response.length and len(data) < ANSWER:
            raise http.client.IncompleteRead(data, response.length)
        return _answer(response, data)

    def _connect(self) -> http.client.HTTPConnection:
        """Return a connection to the server, or to the proxy that the environment names."""
        scheme = "https" if self._secure else "http"
        self._target, self._proxy_headers = self._path, {}
        host, port = self._host, self._port
        proxy = urllib.request.getproxies().get(scheme)
        if proxy and not urllib.request.proxy_bypass(f"{self._host}:{self._port}"):
            via = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
            host, port = via.hostname or "", via.port or 80
            login = f"{via.username}:{via.password or ''}" if via.username else ""
            self._proxy_headers = _proxy_login(login)
        else:
            proxy = None
        if self._secure:
            context = ssl.create_default_context()
            secure = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
            if proxy:
                secure.set_tunnel(self._host, self._port, self._proxy_headers)
                self._proxy_headers = {}
            return secure
        if proxy:
            self._target = f"http://{self._host}:{self._port}{self._path}"
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _proxy_login(login: str) -> dict[str, str]:
    if not login:
        return {}
    text = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
    return {"Proxy-Authorization": f"Basic {text}"}


def _answer(response: http.client.HTTPResponse, data: bytes) -> Response:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if response.status == 200 and not (isinstance(body, dict) and "accepted" in body):
        return Response(404, "answers, but not as CrewOps does")
    if not isinstance(body, dict):
        body = {}
    detail = response.getheader("Location", "") or str(_detail(body))[:300]
    return Response(response.status, detail, _seconds(response.getheader("Retry-After")), body)


def _detail(body: dict[str, Any]) -> object:
    """Return the text of a problem. The API lists problems under ``errors``."""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return errors[0].get("detail", "")
    return body.get("detail", "")


def _seconds(text: str | None) -> float | None:
    try:
        return min(60.0, max(0.0, float(text))) if text else None
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
