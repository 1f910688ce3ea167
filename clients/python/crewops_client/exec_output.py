"""Report the output of the command of `crewops exec`: as a tool's text, or as mapped lines."""

import json
import time
from abc import ABC, abstractmethod
from typing import Any

from .runs import Run
from .streams import Mapper
from .tools import Tool

TIMEOUT_S = 1.0  # the total wait for room in the reporter's queue
LINE = 8 * 1024 * 1024  # characters; a longer line is passed on but not parsed


class Output(ABC):
    """A consumer of the text that was read from the descriptor `source`: 1 or 2."""

    run: Run

    @abstractmethod
    def feed(self, source: int, text: str) -> None: ...

    def close(self) -> None:  # noqa: B027 - most outputs have nothing to do
        """Handle the end of the output."""


class ToolOutput(Output):
    def __init__(self, tool: Tool) -> None:
        self.run = tool.run
        self._tool = tool
        self._left_s = TIMEOUT_S

    def feed(self, source: int, text: str) -> None:
        while text and not self.run.reporter.room_for(0) and self._left_s > 0:
            self._left_s -= 0.005
            time.sleep(0.005)
        if text:
            self._tool.output(text)


class Lines(Output):
    """A consumer of JSON, one value a line. It ignores other lines."""

    def __init__(self, run: Run, mapper: Mapper) -> None:
        self.run = run
        self._mapper = mapper
        self._parts: list[str] = []
        self._length = 0

    def feed(self, source: int, text: str) -> None:
        if source != 1:
            return
        *ended, rest = text.split("\n")
        for line in ended:
            self._keep(line)
            self.close()
        self._keep(rest)

    def close(self) -> None:
        line = "".join(self._parts)
        self._parts, self._length = [], 0
        try:
            events = self._mapper.feed(json.loads(line)) if line.lstrip().startswith("{") else []
        except (ValueError, RecursionError):
            return
        except Exception as error:
            self.run.reporter.notices.not_understood("line", error)
            return
        for kind, fields in events:
            self._emit(kind, fields)

    def _keep(self, part: str) -> None:
        self._length += len(part)
        if self._length > LINE:
            self._parts = []
        else:
            self._parts.append(part)

    def _emit(self, kind: str, fields: dict[str, Any]) -> None:
        output = fields.get("output", "")
        if len(output) > 1_000 and not self.run.reporter.room_for(len(output)):
            self.run.reporter.lose(self.run.key)
        else:
            self.run.emit(kind, fields)
