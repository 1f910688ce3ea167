"""What `LiveSpanProcessor` stores of the spans and traces that are open."""

from typing import Any

from . import context
from .runs import Run

REPEATED = "repeated"  # the client library's span of a model call that a framework's span shows


class Open:
    """A span that has begun."""

    __slots__ = ("agent", "kind", "live", "model", "run", "usage")

    def __init__(self, kind: str, agent: str, above: "Open | None") -> None:
        self.kind = kind
        self.agent = agent  # the agent that it is, or that it belongs to
        self.live = bool(kind)  # its start was reported when it began
        # The run around it, or else that of the span above. None: the trace is a run of its own.
        self.run: Run | None = context.current_run() or (above.run if above is not None else None)
        self.usage: dict[str, Any] = {}  # of a model call: the usage in the client library's span
        self.model: Open | None = None  # the model call that it is within
        if above is not None and above.kind not in ("agent", "tool"):
            self.model = above if above.kind == "model" else above.model
        if kind == "model" and self.model is not None:
            self.kind = REPEATED


class Trace:
    """The spans of one trace that are open in this process: a request that it serves, or several
    at the same time."""

    def __init__(self, root: int, key: str) -> None:
        self.root = root
        self.key = key  # of the run
        # Spans that are open and have no span above them in this process. Several requests may
        # have one trace id.
        self.roots = {root}
        self.run: Run | None = None  # the run that the trace is, outside of any other run
        self.open: dict[int, Open] = {}
        # In a forked child: the spans that were open in its parent, which reports their end.
        self.inherited: dict[int, Open] = {}
        self.waiting: list[tuple[Any, Open]] = []  # agents that ended before their calls did
        self.root_ending: tuple[str, str] | None = None
        self._trouble: dict[str, tuple[str, str, int]] = {}  # status, message, end; by run

    def above(self, span_id: int) -> Open | None:
        return self.open.get(span_id) or self.inherited.get(span_id)

    def forked(self) -> None:
        self.inherited |= self.open
        self.open, self.waiting = {}, []

    def note(self, run: Run, status: str, message: str, start: int, end: int) -> None:
        """Record how a call ended. A failure counts unless a call that began after it succeeded."""
        before = self._trouble.get(run.key)
        if status != "succeeded":
            self._trouble[run.key] = (status, message, end)
        elif before is not None and start >= before[2]:
            del self._trouble[run.key]

    def verdict(self, run: Run) -> tuple[str, str]:
        """Return how the run's calls ended: a span without a status does not prove success."""
        return self._trouble[run.key][:2] if run.key in self._trouble else ("succeeded", "")

    def has_open_calls(self, agent: str | None = None) -> bool:
        """Return whether a call of this agent, or of any agent, is open."""
        return any(
            each.kind in ("tool", "model") and agent in (None, each.agent)
            for each in self.open.values()
        )
