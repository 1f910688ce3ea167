"""Ask the server whether a tool call may begin, and wait for the decision of a person."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from .approval_params import whole
from .controls import CANCELLED, Cancelled
from .transport import Transport

if TYPE_CHECKING:
    from .runs import Run

PATH = "/api/report/approvals/"
RECHECK_S = 0.2  # between two checks whether the run was cancelled meanwhile
READ_S = 60.0  # the longest silence of the server, which sends a space every 20 s
AGAIN_S = 1.0  # before the server is asked again
PARAMS = 40_000  # characters as JSON; a call that cannot be shown whole cannot be approved
SHORTEST_S, LONGEST_S = 10, 7 * 24 * 3600  # limits of the server
TRANSIENT = (0, 429, 500, 502, 503, 504)
NO_RUN = (
    "It needs approval, and nobody can be asked, because the call is not in a run. Call it within "
    "`with crewops.run(...)`. Start a thread with `crewops.copy_context`."
)


class Denied(Exception):
    """The call of a tool must not begin.

    `by` is the person who denied it, and `note` is that person's note. `decision` is denied or
    expired.
    """

    def __init__(
        self, message: str, *, decision: str = "denied", by: str = "", note: str = ""
    ) -> None:
        super().__init__(message)
        self.decision = decision
        self.by = by
        self.note = note


class Question:
    """A question to the server about one call. A thread of its own asks it.

    The server decides whether the call needs approval. With ``always`` the call needs approval,
    whatever the rules say.
    """

    def __init__(self, run: "Run", call: dict[str, Any], always: bool) -> None:
        self._run = run
        self._call = call
        self._always = always
        self._decided = threading.Event()
        self._answer = _denial("It was not asked for.")
        self._left = False  # the caller no longer waits
        self._connection: http.client.HTTPConnection | None = None
        self._wake: Any = None

    def wait(self) -> None:
        """Wait until the call may begin. Raises `Denied`, or `Cancelled` after a cancel."""
        if self._start():
            try:
                while not self._decided.wait(RECHECK_S) and not self._run.stop_requested:
                    pass
            finally:
                self._leave()
        self._finish()

    async def wait_async(self) -> None:
        """Wait like `wait`, in async code."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        if self._start():
            try:
                while not self._decided.is_set() and not self._run.stop_requested:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(woken.wait(), RECHECK_S)
            finally:
                self._leave()
        self._finish()

    def _start(self) -> bool:
        """Start to ask. Return False if there is no need to wait: `_answer` has the decision."""
        reporter = self._run.reporter
        if reporter.off:
            self._answer = {"decision": "not_needed"}  # only the server has rules
            if self._always:
                why = reporter.settings.problem or "reporting is switched off"
                self._answer = _denial(f"The server cannot be asked for approval: {why}.")
            return False
        try:
            self._call["params"], length = whole(self._call["params"])
        except Exception as error:  # whatever it is, a person could not see what would be called
            return self._unshown(str(error) or type(error).__name__)
        if length > PARAMS:
            return self._unshown(f"they have more than {PARAMS} characters as JSON")
        self._run.start()
        threading.Thread(target=self._ask, name="crewops-approval", daemon=True).start()
        return True

    def _unshown(self, why: str) -> bool:
        """Deny. Without the parameters no rule can be checked, so a rule counts as matched."""
        text = "The parameters cannot be shown whole, so no user can approve it"
        self._answer = _denial(f"{text}: {why[:300]}.")
        return False

    def _finish(self) -> None:
        if self._run.stop_requested:
            raise Cancelled(CANCELLED)
        decision = self._answer.get("decision", "denied")
        if decision not in ("approved", "not_needed"):
            own = {name: str(self._answer.get(name, "")) for name in ("by", "note")}
            detail = str(self._answer.get("detail") or "The call was not approved.")
            raise Denied(f"{self._call['tool']}: {detail}", decision=str(decision), **own)

    def _leave(self) -> None:
        """Stop waiting. The server ends the approval when its connection ends."""
        self._left = True
        connection = self._connection
        if not self._decided.is_set() and connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> None:
        try:
            self._answer = self._decision()
        except Exception as error:  # after any error the call must not begin
            self._answer = _denial(
                f"The server could not be asked: {type(error).__name__}: {error}"
            )
        self._decided.set()
        if self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._wake()

    def _decision(self) -> dict[str, Any]:
        """Ask until the server answers, and return the answer. Without one, return a denial."""
        settings = self._run.reporter.settings
        until, why = time.monotonic() + settings.approve_s, "it does not answer"
        while not self._left and (left := until - time.monotonic()) > 0:
            # The server must have the run, and the events before this call.
            if self._has_arrived(min(left, settings.timeout_s)):
                status, body, why = self._post(max(left, SHORTEST_S))
                if status == 200 and not body.get("again"):
                    return body
                if status not in (200, *TRANSIENT):
                    return _denial(f"The server refuses to ask: {why or status}")
            if refusal := self._run.reporter.refusal:
                return _denial(f"The server cannot be asked: {refusal}.")
            time.sleep(min(AGAIN_S, max(until - time.monotonic(), 0.0)))
        return _denial(f"Nobody could be asked within {settings.approve_s:g} s: {why}")

    def _has_arrived(self, timeout: float) -> bool:
        """Return whether the server takes all events so far within `timeout` seconds.

        Do not wait for a server that refuses them, or if the caller no longer waits.
        """
        reporter = self._run.reporter
        until, flushed = time.monotonic() + timeout, reporter.begin_flush()
        while not (flushed.wait(RECHECK_S) or reporter.refusal or self._left):
            if time.monotonic() >= until:
                break
        return flushed.is_set()

    def _post(self, left_s: float) -> tuple[int, dict[str, Any], str]:
        """Send one request. Return the status (0 without an answer), the body and the detail."""
        transport = Asking(self._run.reporter.settings)
        body = {**self._call, "run": self._run.key, "always": self._always}
        body["expires_after_s"] = int(min(left_s, LONGEST_S))
        try:
            self._connection = transport.connect()
            if self._left:
                return 0, {}, ""
            response = transport.ask(self._connection, json.dumps(body).encode())
            answer = json.loads(response.read() or b"{}")
            if not isinstance(answer, dict):
                return 0, {}, "it does not answer as CrewOps does"
            return response.status, answer, str(answer.get("detail") or "")[:300]
        except (OSError, ValueError, http.client.HTTPException) as error:
            return 0, {}, f"{type(error).__name__}: {error}"[:300]
        finally:
            if self._connection is not None:
                self._connection.close()


class Asking(Transport):
    """A transport with one connection for each question, because an answer may take hours."""

    path = PATH

    def connect(self) -> http.client.HTTPConnection:
        connection = self._connect()
        connection.connect()
        connection.sock.settimeout(READ_S)
        return connection

    def ask(self, connection: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse:
        headers = {**self._headers, **self._proxy_headers, "Content-Type": "application/json"}
        connection.request("POST", self._target, body, headers)
        return connection.getresponse()


def _denial(detail: str) -> dict[str, Any]:
    return {"decision": "expired", "detail": detail}
