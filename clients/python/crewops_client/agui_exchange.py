"""The report of what passes through `crewops agui-proxy`."""

from typing import Any

from . import reporter
from .runs import Run
from .scope import Agent
from .streams.agui import AgUi
from .streams.agui_texts import Texts
from .streams.base import mapping

NO_END = "The agent's stream ended without RUN_FINISHED or RUN_ERROR."


class Exchange:
    """The AG-UI runs of a thread, reported as one run until no interrupt waits."""

    def __init__(self, crew: str, agent: str, thread: str) -> None:
        self.run = Run(reporter.current(), crew, f"AG-UI {thread}"[:100], origin="ag-ui")
        self.run.start()
        self._agent = Agent(self.run, agent, None, None, None)
        self._task = self._agent.task("AG-UI", task_id=f"{self.run.key}-main")
        self._main = (agent, f"{self.run.key}-main")
        self._mapper = AgUi(*self._main, f"{self.run.key}-")
        self.texts = Texts(self.run)

    def feed(self, event: Any) -> None:
        """Report the event, which may be any JSON value."""
        try:
            self._feed(event)
        except Exception as error:
            self.run.reporter.notices.not_understood("AG-UI event", error)

    def _feed(self, event: Any) -> None:
        agent_id = self._mapper.agent_of(mapping(event))
        own, task_id = self._main
        self.texts.feed(event, agent_id, task_id if agent_id == own else None)
        for kind, fields in self._mapper.feed(event):
            self.run.emit(kind, fields)

    @property
    def waits(self) -> bool:
        """Whether the response ended with an interrupt, so that another one continues the run."""
        return self._mapper.waiting

    @property
    def has_ended(self) -> bool:
        """Whether the agent has reported the end."""
        return self._mapper.ended() is not None

    def response_ended(self) -> None:
        self.end(*(self._mapper.ended() or ("failed", NO_END)))

    def end(self, status: str, message: str | None = None) -> None:
        self.texts.close(status)
        for kind, fields in self._mapper.close(status):
            self.run.emit(kind, fields)
        self._task.end(status, message=message)
        self._agent.end(status, message=message)
        reason = "worker_lost" if message == NO_END else None
        self.run.end(status, message=message, reason=reason)
