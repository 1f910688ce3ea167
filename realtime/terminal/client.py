"""Follows one socket: reconnects, resumes, and drops events that it has received already."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from realtime.close_codes import CloseCode

FRAME_LIMIT = 16 * 1024 * 1024  # bytes; a snapshot is the longest frame
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
OVERLOAD_PAUSE_S = 30.0  # after 4429
RESTART_SPREAD_S = 8.0  # after 1012, which every client of that server gets at once
SETTLED_S = 5.0  # a connection that was open for so long resets the backoff

FINAL = {
    CloseCode.MALFORMED: "the server did not understand what it was asked",
    CloseCode.UNAUTHENTICATED: "the server did not accept the token",
    CloseCode.ACCESS_REMOVED: "access was taken away",
    CloseCode.NOT_FOUND: "it does not exist, or the user may not see it",
}


class ConnectionFailed(Exception):
    """The socket cannot be opened, or was closed finally. ``code``: the close code, if any."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """One socket at ``url``. ``token`` returns an access token; ``since`` is a seq to resume after.

    ``note`` is called with a text for people when the connection is lost and tried again.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str],
        since: int | None = None,
        resumable: bool = True,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._url = url
        self._token = token
        self._since = since
        self._resumable = resumable
        self._note = note
        self._seen: dict[str, tuple[str, int]] = {}  # stream: epoch, seq
        self._greeted = False  # whether this connection has received hello
        self._ever_greeted = False

    def frames(self) -> Iterator[str]:
        """Yield each new frame's text until the server closes with 1000.

        Raises ``ConnectionFailed``.
        """
        failures = 0
        while True:
            begun = time.monotonic()
            self._greeted = False
            code, reason = None, ""
            try:
                with connect(
                    self._address(),
                    subprotocols=[Subprotocol("token"), Subprotocol(self._token())],
                    max_size=FRAME_LIMIT,
                    proxy=None,
                ) as socket:
                    try:
                        for text in socket:
                            if self._is_new(json.loads(text)):
                                yield str(text)
                    except ConnectionClosed:
                        pass
                    code, reason = socket.close_code, socket.close_reason
            except InvalidURI as error:
                raise ConnectionFailed(
                    f"{self._url} is not an address like ws://host:port"
                ) from error
            except (OSError, InvalidHandshake) as error:
                if not self._ever_greeted:
                    raise ConnectionFailed(
                        f"Nothing answers at {self._url} ({error}). Is the server running?"
                    ) from error
            if code == CloseCode.COMPLETE:
                return
            self._give_up_on(code, reason)
            failures = 0 if time.monotonic() - begun > SETTLED_S else failures + 1
            pause = _pause(code, failures)
            self._note(f"Connection lost ({code or 'no answer'}), trying again in {pause:.1f} s")
            time.sleep(pause)

    def _address(self) -> str:
        query: dict[str, Any] = {}
        if self._resumable and self._seen:
            ((epoch, seq),) = self._seen.values()
            query = {"since": seq, "epoch": epoch}
        elif self._since is not None:
            query = {"since": self._since}
        return f"{self._url}?{urlencode(query)}" if query else self._url

    def _is_new(self, frame: dict[str, Any]) -> bool:
        """Whether the frame is new. Records the position."""
        kind = frame["type"]
        if kind == "hello":
            self._greeted = self._ever_greeted = True
        if kind in ("hello", "reset"):
            stream, epoch = frame["stream"], frame["epoch"]
            if kind == "reset" or self._seen.get(stream, (epoch, 0))[0] != epoch:
                self._seen[stream] = (epoch, 0)
            else:
                self._seen.setdefault(stream, (epoch, self._since or 0))
        elif kind == "snapshot":
            self._seen[frame["stream"]] = (self._seen[frame["stream"]][0], frame["seq"])
        elif kind == "gone":
            self._seen.pop(frame["stream"], None)
        elif "seq" in frame and (stream := self._stream(frame)):
            epoch, seq = self._seen[stream]
            if frame["seq"] <= seq:
                return False
            self._seen[stream] = (epoch, frame["seq"])
        return True

    def _stream(self, event: dict[str, Any]) -> str | None:
        """The event's stream. A socket has streams of one kind, so the type is not needed."""
        crew, run = event.get("crew_id"), event.get("run_id")
        possible = (f"run:{run}", f"graph:{crew}", f"mission:{crew}")
        return next((stream for stream in possible if stream in self._seen), None)

    def _give_up_on(self, code: int | None, reason: str | None) -> None:
        # A token may expire on an open connection. One that is refused at once stays refused.
        if code not in FINAL or (code == CloseCode.UNAUTHENTICATED and self._greeted):
            return
        said = f" ({reason})" if reason else ""
        raise ConnectionFailed(f"Closed with {int(code)}: {FINAL[CloseCode(code)]}{said}.", code)


def _pause(code: int | None, failures: int) -> float:
    if code == CloseCode.TOO_MANY:
        return OVERLOAD_PAUSE_S * random.uniform(1, 2)
    if code == CloseCode.RESTARTING:
        return random.uniform(0, RESTART_SPREAD_S)
    return random.uniform(0.5, 1) * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
