"""Keys of `manage.py watch run`: they control the run and decide about its calls, over the API."""

from typing import Any

from rich.console import Console
from rich.text import Text

from realtime.terminal.api import NotDone
from realtime.terminal.approvals import whole
from realtime.terminal.choices import FAILED, Choices
from realtime.terminal.drawing import plain
from realtime.terminal.keyboard import Keyboard
from realtime.terminal.questions import ENTER, ESCAPE, Question, keys_of
from realtime.terminal.requests import Requests
from realtime.terminal.run_view import RunView

DETAIL_CHARS = 500
PROGRESS = {
    "requested": "asked, not received yet",
    "acknowledged": "received, not done yet",
    "applied": "done",
    "refused": "refused",
    "too_late": "too late",
}


class Steering:
    """Reads keys, asks the server, and draws the lines below the run."""

    def __init__(
        self, view: RunView, keyboard: Keyboard, requests: Requests, console: Console
    ) -> None:
        self._view = view
        self._keyboard = keyboard
        self._requests = requests
        self._console = console
        self._question: Question | None = None
        self._control: dict[str, Any] | None = None  # the last that was asked, as answered
        self._notice = ""
        self._quits = False

    @property
    def has_left(self) -> bool:
        """Whether the user has quit. What is being sent is waited for."""
        return self._quits and not self._requests.sending

    def take(self, wait: float) -> None:
        """Handle the server's answers and what is typed within ``wait`` seconds."""
        typed = self._keyboard.read(wait)
        for what, answer in self._requests.answers():
            self._take_answer(what, answer)
        asked = self._question and self._question.asked
        if asked and asked["approval_id"] not in self._view.approvals.pending:
            self._question, self._notice = None, "The call does not wait any more: see above."
            self._keyboard.forget()  # typed as an answer
        else:
            self._press(typed)

    def below(self) -> Text:
        """The lines below the run: what has come of the last request, and the question or keys."""
        last = self._question.line() if self._question else self._choices.line()
        progress = self._progress()
        return Text("\n").join([progress, last]) if progress else last

    @property
    def _choices(self) -> Choices:
        return Choices(self._view, self._requests.rights, self._control)

    def _press(self, typed: str) -> None:
        """Handle keys. Those that follow a key which opens or ends a question are dropped."""
        for key in keys_of(typed):
            before = self._question
            if before:
                self._answer(before, key)
            else:
                self._choose(key.lower())
            if self._question is not before:
                self._keyboard.forget()
                return

    def _choose(self, key: str) -> None:
        choices = self._choices
        if key == "q":
            self._quits = True
        elif self._requests.sending or key not in "pmca":
            return
        elif key not in choices.keys:
            self._control, self._notice = None, choices.why_not(key)
        elif key == "p":
            self._ask(choices.keys["p"])
        elif key == "a":
            self._show(choices.decidable[0])
        else:
            self._question = Question(choices.keys[key])

    def _show(self, asked: dict[str, Any]) -> None:
        """Print the whole call above the run, and ask about it."""
        agent = self._view.run.agents.get(asked["agent_id"], {})
        call = whole(asked, agent.get("name", asked["agent_id"]))
        self._console.print(call, soft_wrap=True, end="")
        self._question = Question("decide", asked)

    def _answer(self, question: Question, key: str) -> None:
        if key == ESCAPE or (question.kind == "cancel" and key in "nN"):
            self._question = None
        elif question.takes_text and key not in ENTER:
            question.type(key)
        elif question.kind == "message":
            if question.text.strip():
                self._ask("message", text=question.text)
        elif question.kind == "deny":
            self._decide("deny", question)
        elif question.kind == "cancel" and key in "yY":
            self._ask("cancel")
        elif question.kind == "decide" and key in "yY":
            self._decide("approve", question)
        elif question.kind == "decide" and key in "nN":
            self._question = Question("deny", question.asked)

    def _ask(self, action: str, **text: str) -> None:
        self._send(action, f"runs/{self._view.run.run_id}/controls/", {"action": action} | text)

    def _decide(self, decision: str, question: Question) -> None:
        """Send the decision, with the digest of the call that was shown."""
        asked = question.asked
        assert asked
        body = {"decision": decision, "seen": asked["seen"], "note": question.text.strip()}
        self._send(f"{decision} {plain(asked['tool'])}", f"approvals/{asked['approval_id']}/", body)

    def _send(self, what: str, path: str, body: dict[str, Any]) -> None:
        self._question, self._control, self._notice = None, None, ""
        self._requests.send(what, path, body)

    def _take_answer(self, what: str, answer: dict[str, Any] | NotDone) -> None:
        if isinstance(answer, NotDone):
            self._notice = f"{what}: {plain(answer, DETAIL_CHARS)}"
        elif "control_id" in answer:
            self._control = answer
        else:
            self._notice = f"{what}: done, {answer['status']}"

    def _progress(self) -> Text | None:
        if self._requests.sending:
            return Text(f"{self._requests.sending}: sending …", style="yellow")
        if not self._control:
            return Text(self._notice, style="yellow") if self._notice else None
        control = self._view.run.controls.get(self._control["control_id"], self._control)
        status = control["status"]
        line = Text(f"{self._control['action']}: {PROGRESS.get(status, plain(status))}")
        line.stylize("red" if status in FAILED else "green" if status == "applied" else "yellow")
        if detail := control.get("detail"):
            line.append(f": {plain(detail, DETAIL_CHARS)}")
        return line
