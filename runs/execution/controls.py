"""Asks a run for a control, for a person or a program. The rules are in `runs.models.control`."""

from runs.execution.redaction import redact
from runs.models import Control, InvalidState, Run
from runs.models.control import CONTROL_TEXT_LIMIT

__all__ = ["InvalidState", "ask"]


def ask(run: Run, action: str, text: str = "", *, by: str | None = None) -> Control:
    """Ask ``run`` for the action. ``text`` is that of a message, without its secrets.

    ``by``: who asks; by default the user or API key of the current request. Raises ``InvalidState``
    with a sentence that says why it cannot be asked now.
    """
    return Control.objects.ask(run, action, text=redact(text.strip())[:CONTROL_TEXT_LIMIT], by=by)
