"""A person who types at a run's view, without a terminal and a server."""

import io
import threading
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from realtime.terminal.api import NotDone
from realtime.terminal.requests import Requests, Rights
from realtime.terminal.run_view import RunView
from realtime.terminal.steering import Steering
from realtime.tests.test_terminal_views import BOOT
from tests.waiting import eventually

ALL = Rights(("cancel", "pause", "message"), may_operate=True, may_manage=True)
ASKED = {
    "approval_id": "a", "agent_id": "orion", "tool": "script", "params": {"code": "ls"},
    "expires_at": "2026-01-01T12:00:00.000000Z", "seen": "5eed", "admins_only": False,
}  # fmt: skip


class Person:
    """Types at a run's view, and answers for the server."""

    def __init__(self, rights: Rights = ALL, size: tuple[int, int] = (80, 24)) -> None:
        self.view = RunView()
        self.view.feed(BOOT)
        self.rights = rights
        self.asked: list[tuple[str, dict]] = []
        self.answers: list[dict | Exception] = []
        self.kept: dict[str, Any] = {}  # by path
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.out = io.StringIO()
        self.typed = ""
        self.forgotten = 0
        self.keyboard = SimpleNamespace(read=self._read, forget=self._forget, size=size)
        requests = Requests(self, lambda: self.rights)
        self.console = Console(file=self.out, width=size[0], height=size[1])
        self.steering = Steering(self.view, self.keyboard, requests, self.console)

    def post(self, path: str, body: dict) -> dict:
        self.asked.append((path, body))
        self.may_answer.wait(30)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, path: str) -> dict:
        if path not in self.kept:
            raise NotDone("The server does not answer.")
        return self.kept[path]

    def pages(self, path: str) -> list[dict]:
        return self.kept[path]

    def types(self, keys: str, answer: dict | Exception | None = None) -> None:
        """Type, and let the server answer what was asked."""
        if answer is not None:
            self.answers.append(answer)
        self.typed = keys
        self.steering.handle_input(0)
        if answer is not None:
            eventually(lambda: self.steering.handle_input(0) or "sending" not in self.below)

    @property
    def below(self) -> str:
        """The lines below the run or the call, which is drawn first."""
        prompt = self.steering._prompt
        if not prompt or not prompt.pages:
            return self.steering.below().plain
        assert self.rows  # drawn
        return prompt.line(has_ended=prompt.pages.has_ended).plain

    @property
    def rows(self) -> list[str]:
        """What is drawn now."""
        lines = self.console.render_lines(self.steering.render(), pad=False)
        return ["".join(segment.text for segment in line) for line in lines]

    def resizes(self, columns: int, rows: int) -> None:
        self.keyboard.size = columns, rows
        self.types("")

    def _read(self, wait: float) -> str:
        typed, self.typed = self.typed, ""
        return typed

    def _forget(self) -> None:
        self.forgotten += 1


def control(action: str, status: str = "requested", **fields: str) -> dict:
    return {"control_id": action, "action": action, "status": status, "detail": ""} | fields


def takes(*controls: str, manages: bool = False) -> Person:
    return Person(Rights(controls, True, manages))
