"""A report of a tool, and the reasons why it is not saved."""

import json
from dataclasses import astuple, dataclass

from crews.tracking import InvalidState


class StaleAttempt(InvalidState):
    """The run was taken away from this attempt, so the attempt must not write for it any more."""


class Ended(InvalidState):
    """The tool has ended with ``status``; it takes no report."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The tool has ended as {status}.")
        self.status = status


class RowChanged(Exception):
    """The row is not as the report expects it: read it again, then report."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a tool in attempt ``attempt``: the new values of its row, and new ``output``."""

    execution_id: str
    tool: str
    agent_id: str
    run_id: str
    crew_id: str
    attempt: int
    message: str
    progress: float | None
    output: str
    offset: int  # characters of output before this report
    is_event: bool  # whether the report contains anything new

    def dump(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def load(cls, text: bytes) -> "Report":
        return cls(*json.loads(text))
