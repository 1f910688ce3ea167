"""Follow the stream of a run over a WebSocket, in a thread, and call handlers with its events.

    run.follower.listen("control_requested", handler)  # before the run starts

Handlers are called in the follower's thread, in the order of the events, from the run's first event
on. After a reset of the stream they may get an event again. An exception in them is logged once.
"""

import importlib.util
import json
import logging
import os
import random
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from .notices import Notices
from .settings import Settings

FOLLOWED_AT_MOST = 16  # runs of a process at the same time: each takes two threads and a socket
OF_ADAPTERS_AT_MOST = FOLLOWED_AT_MOST // 2  # of these: their runs may wait for days for a person
FRAME_BYTES = 1024 * 1024
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
SILENCE_S = 150.0  # the server sends a ping more often than this
COMPLETE = 1000
FINAL_CLOSE_CODES = {4400, 4401, 4403, 4404}  # close codes after which a retry cannot succeed

Handler = Callable[[dict[str, Any]], None]

# Held while a thread imports modules. A process that is forked meanwhile would have a module whose
# import never finishes.
_importing = threading.Lock()
_quiet = logging.Logger("crewops_client.socket", logging.CRITICAL)


def possible() -> bool:
    """Return whether `websockets` is installed. The package is imported only in the thread."""
    try:
        return importlib.util.find_spec("websockets") is not None
    except (ImportError, ValueError):
        return False


class Follower:
    """Reconnects with a growing delay, and continues after the last event that it received."""

    def __init__(self, settings: Settings, notices: Notices) -> None:
        self.connected = threading.Event()  # whether events arrive now
        self.over = threading.Event()  # no event will arrive any more
        self._settings = settings
        self._notices = notices
        self._handlers: dict[str, list[Handler]] = {}
        self._ends: list[Callable[[], None]] = []
        self._started = False
        self._socket: Any = None
        self._seq = 0
        self._epoch = ""

    def listen(self, kind: str, handler: Handler) -> None:
        """Call ``handler`` with each event of this kind."""
        self._handlers.setdefault(kind, []).append(handler)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call ``call`` when no event will arrive any more, whatever the reason."""
        self._ends.append(call)

    def start(self, run_id: str) -> None:
        """Follow the run with this id of the server. Only the first call has an effect."""
        if not self._started and not self.over.is_set():
            self._started = True
            threading.Thread(
                target=self._follow, args=(run_id,), name="crewops-follower", daemon=True
            ).start()

    def stop(self) -> None:
        """Stop following: the run has ended here. The thread ends by itself."""
        self.over.set()

    def forget(self) -> None:
        """Close the copy of the socket in a forked child, which has no thread."""
        socket, self._socket = self._socket, None
        raw = getattr(socket, "socket", None)
        if raw is not None:
            os.close(raw.detach())

    def _follow(self, run_id: str) -> None:
        wait = FIRST_WAIT_S
        try:
            while not self.over.is_set():
                before = self._seq
                try:
                    again = self._connect(run_id)
                except Exception as error:  # no connection, or a proxy without WebSockets
                    why = f"{type(error).__name__}: {error}"[:200]
                    text = f"controls are not received: the run's stream cannot be opened ({why})"
                    self._notices.log_once("follower", text)
                    again = True
                if not again:
                    return
                wait = FIRST_WAIT_S if self._seq > before else min(2 * wait, LONGEST_WAIT_S)
                self.over.wait(wait * random.uniform(0.5, 1))
        finally:
            self.over.set()
            for call in self._ends:
                self._call(call)

    def _connect(self, run_id: str) -> bool:
        """Follow until the connection ends. Returns whether to connect again."""
        with _importing:
            from websockets.exceptions import ConnectionClosed
            from websockets.sync.client import connect

        headers = {"Authorization": f"Bearer {self._settings.api_key}"}
        limits = {"open_timeout": self._settings.timeout_s, "close_timeout": 1}
        with connect(
            self._address(run_id),
            additional_headers=headers,
            max_size=FRAME_BYTES,
            compression=None,
            logger=_quiet,
            **limits,
        ) as self._socket:
            try:
                while not self.over.is_set():
                    self._take(json.loads(self._socket.recv(timeout=SILENCE_S)))
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else 0
                if code in FINAL_CLOSE_CODES:
                    text = (
                        f"controls are not received: the server refused the run's stream ({code})"
                    )
                    self._notices.log_once("follower refused", text)
                return code != COMPLETE and code not in FINAL_CLOSE_CODES
            except TimeoutError:
                return True
            finally:
                self.connected.clear()
        return False

    def _address(self, run_id: str) -> str:
        base = self._settings.url.rstrip("/").replace("http", "ws", 1)
        query = urllib.parse.urlencode({"since": self._seq, "epoch": self._epoch})
        return f"{base}/ws/runs/{run_id}" + (f"?{query}" if self._seq else "")

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame.get("type")
        if kind in ("hello", "reset"):
            if kind == "reset" or (self._epoch and self._epoch != frame.get("epoch")):
                self._seq = 0
            self._epoch = frame.get("epoch") or ""
            self.connected.set()
            self._notices.log_resolved("follower", "controls are received again")
        elif "seq" in frame:
            self._seq = frame["seq"]
            for handler in self._handlers.get(str(kind), ()):
                self._call(handler, frame)

    def _call(self, call: Callable[..., None], *given: Any) -> None:
        try:
            call(*given)
        except Exception as error:
            text = f"an event of the run's stream was not handled: {type(error).__name__}: {error}"
            self._notices.log_once("follower handler", text, logging.ERROR)


def _release() -> None:
    _importing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_release, after_in_child=_release
    )
