"""What the watching user asks of the server: one request at a time, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

from realtime.terminal.api import Api, NotDone


class Rights(NamedTuple):
    """``takes``: which of cancel, pause and message the run takes. The other two: of the user."""

    takes: tuple[str, ...] = ()
    may_operate: bool = False
    may_manage: bool = False


class Before(NamedTuple):
    """What the stream may not say, if it does not begin with the run: see `Requests.before`."""

    is_paused: bool = False
    waiting: tuple[dict[str, Any], ...] = ()


class Requests:
    """``rights`` is read once here, then by a thread after each answer of the server.

    ``sending``: what is being asked, "" for nothing.
    """

    def __init__(self, api: Api, rights: Callable[[], Rights]) -> None:
        self._api = api
        self._read_rights = rights
        self._answers: SimpleQueue[tuple[dict[str, Any] | Exception, Rights]] = SimpleQueue()
        self.rights = rights()
        self.sending = ""

    def send(self, what: str, path: str, body: dict[str, Any]) -> None:
        self.sending = what
        threading.Thread(target=self._post, args=(path, body), daemon=True).start()

    def before(self, run_id: str) -> Before:
        """Return whether the run is to be paused, and the requests of its calls that wait.

        The requests are events of its stream without a number, oldest first.
        """
        try:
            run = self._api.get(f"runs/{run_id}/")
            calls = list(self._api.pages(f"approvals/?status=pending&crew={run['crew_id']}"))
        except NotDone:  # then only what the stream says is known
            return Before()
        own = [one for one in reversed(calls) if one["run_id"] == run_id]
        requests = tuple(one | {"type": "approval_requested"} for one in own)
        return Before(run["pause_requested"], requests)

    def answers(self) -> Iterator[tuple[str, dict[str, Any] | NotDone]]:
        """Yield what was asked and its answer, if it has come. Raises what nobody expects."""
        while not self._answers.empty():
            answer, self.rights = self._answers.get()
            what, self.sending = self.sending, ""
            if isinstance(answer, Exception) and not isinstance(answer, NotDone):
                raise answer
            yield what, answer

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer: dict[str, Any] | Exception
        rights = self.rights
        try:
            try:
                answer = self._api.post(path, body)
            except NotDone as refusal:
                answer = refusal
            rights = self._read_rights()
        except Exception as error:
            answer = error
        self._answers.put((answer, rights))
