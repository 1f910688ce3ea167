"""Keys of `manage.py watch run`: they control the run and decide about its calls, over the API."""

from functools import partial
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from realtime.terminal.api import NotDone
from realtime.terminal.approvals import rows_of
from realtime.terminal.drawing import plain
from realtime.terminal.keyboard import Keyboard
from realtime.terminal.pages import Pages
from realtime.terminal.questions import BACK, ENTER, ESCAPE, FORWARD, Prompt, keys_of
from realtime.terminal.requests import Before, Requests
from realtime.terminal.run_keys import CONTROLS, FAILED, Choices
from realtime.terminal.run_view import RunView
from realtime.terminal.screen_fit import Fitted

DETAIL_CHARS = 500
PROGRESS = {
    "requested": "asked, not received yet",
    "acknowledged": "received, not done yet",
    "applied": "done",
    "refused": "refused",
    "too_late": "too late",
}


class Steering:
    """Reads keys, asks the server, and draws the run with lines below it, or a call to decide."""

    def __init__(
        self, view: RunView, keyboard: Keyboard, requests: Requests, console: Console
    ) -> None:
        self._view = view
        self._keyboard = keyboard
        self._requests = requests
        self._console = console
        self._prompt: Prompt | None = None
        self._control: dict[str, Any] | None = None  # the last that was asked, as answered
        self._size: tuple[int, int] | None = None
        self._before = Before()
        self._starts = 0
        self._notice = ""
        self._quits = False

    @property
    def has_left(self) -> bool:
        """Whether the user has quit. What is being sent is waited for."""
        return self._quits and not self._requests.sending

    def handle_input(self, wait: float) -> None:
        """Handle the server's answers and what is typed within ``wait`` seconds."""
        typed = self._keyboard.read(wait)
        self._fit(self._keyboard.size)
        if self._starts != self._view.starts:
            self._begin()
        for what, answer in self._requests.answers():
            self._take_answer(what, answer)
        asked = self._prompt and self._prompt.asked
        if asked and asked["approval_id"] not in self._view.approvals.pending:
            # It stays until Enter or Esc: the person may be typing and not look at the screen.
            why = self._view.approvals.why_over(asked["approval_id"])
            self._prompt = Prompt("closed", text=why)
            self._keyboard.forget()  # typed as an answer
        else:
            self._press(typed)

    def render(self) -> RenderableType:
        """The run with `below`, or in its place a page of the call to decide."""
        prompt = self._prompt
        if not prompt or not prompt.pages:
            return Fitted(self._view.render(), self.below())
        lines = (prompt.line(has_ended=has_ended) for has_ended in (True, False))
        needed = max(len(self._console.render_lines(line, pad=False)) for line in lines)
        page = prompt.pages.page(self._console.height - needed)
        return Group(*page, prompt.line(has_ended=prompt.pages.has_ended))

    def below(self) -> Text:
        """The lines below the run: what has come of the last request, and the question or keys."""
        last = self._prompt.line() if self._prompt else self._choices.line()
        progress = self._progress()
        return Text("\n").join([progress, last]) if progress else last

    @property
    def _choices(self) -> Choices:
        return Choices(self._view, self._requests.rights, self._control, self._before)

    def _begin(self) -> None:
        """Ask for what the stream does not say. What changes from now on, it will."""
        self._starts = self._view.starts
        self._before = self._requests.before(self._view.run.run_id)
        for request in self._before.waiting:
            self._view.feed(request)

    def _fit(self, size: tuple[int, int]) -> None:
        """Draw for this size. A call to decide is drawn on an empty screen from its begin on."""
        if size == self._size:
            return
        self._size = self._console.size = size
        if self._prompt and self._prompt.pages:
            self._console.clear()  # the terminal has wrapped its rows, which then have no bar
            self._prompt.pages.fit(size)

    def _press(self, typed: str) -> None:
        """Handle keys. Those that follow a key which opens or ends a prompt, or turns a page,
        are dropped.
        """
        for key in keys_of(typed):
            before = self._prompt
            if before:
                self._answer(before, key)
            else:
                self._choose(key.lower())
            is_turned = before and before.kind == "decide" and key in (*FORWARD, *BACK)
            if self._prompt is not before or is_turned:
                self._keyboard.forget()
                return

    def _choose(self, key: str) -> None:
        choices = self._choices
        if key == "q":
            self._quits = True
        elif self._requests.sending or key not in (*CONTROLS, "a"):
            return
        elif key not in choices.keys:
            self._control, self._notice = None, choices.why_not(key)
        elif key == "p":
            self._ask(choices.keys["p"])
        elif key == "a":
            self._show(choices.decidable[0])
        else:
            self._prompt = Prompt(choices.keys[key])

    def _show(self, asked: dict[str, Any]) -> None:
        """Show the whole call in pages, and ask about it."""
        agent = self._view.run.agents.get(asked["agent_id"], {})
        rows = partial(rows_of, asked, agent.get("name", asked["agent_id"]))
        self._prompt = Prompt("decide", asked, Pages(rows, self._console.size))

    def _answer(self, prompt: Prompt, key: str) -> None:
        if prompt.kind == "closed":
            if key == ESCAPE or key in ENTER:
                self._prompt, self._control, self._notice = None, None, prompt.text
        elif key == ESCAPE or (prompt.kind == "cancel" and key in "nN"):
            self._prompt = None
        elif prompt.takes_text and key not in ENTER:
            prompt.type(key)
        elif prompt.kind == "message":
            if prompt.text.strip():
                self._ask("message", text=prompt.text)
        elif prompt.kind == "deny":
            self._decide("deny", prompt)
        elif prompt.kind == "cancel" and key in "yY":
            self._ask("cancel")
        elif prompt.kind == "decide" and prompt.pages:
            self._judge(prompt, prompt.pages, key)

    def _judge(self, prompt: Prompt, pages: Pages, key: str) -> None:
        """Handle a key while a call is shown. It is approved only after its end was shown."""
        if key in "yY" and pages.has_ended:
            self._decide("approve", prompt)
        elif key in "nN":
            self._prompt = Prompt("deny", prompt.asked, pages)
        elif key in FORWARD or key in BACK:
            pages.turn(back=key in BACK)

    def _ask(self, action: str, **text: str) -> None:
        self._send(action, f"runs/{self._view.run.run_id}/controls/", {"action": action} | text)

    def _decide(self, decision: str, prompt: Prompt) -> None:
        """Send the decision, with the digest of the call that was shown."""
        asked = prompt.asked
        assert asked
        body = {"decision": decision, "seen": asked["seen"], "note": prompt.text.strip()}
        self._send(f"{decision} {plain(asked['tool'])}", f"approvals/{asked['approval_id']}/", body)

    def _send(self, what: str, path: str, body: dict[str, Any]) -> None:
        self._prompt, self._control, self._notice = None, None, ""
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
