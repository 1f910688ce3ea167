"""The approval gate of LangChain, for langchain_cases.py."""

from collections.abc import Sequence
from typing import Any

import recording
from sdk import recorded

from crewops_client.adapters.langchain_approvals import Approvals


class Gate(Approvals):
    """Notes each call of a tool, what happens in it, and what the model reads of it."""

    def __init__(self, calls: recording.Calls, attributes: Sequence[str]) -> None:
        self.calls = calls
        self.attributes = attributes

    def begin(self, name: str, request: Any) -> dict:
        manager = request.runtime.config["callbacks"]
        noted = {"call": request.tool_call, "parent": str(manager.parent_run_id), "inner": None}
        self.calls.append([name, [], noted])
        return noted

    def end(self, noted: dict, start: int) -> None:
        noted["inner"] = self.calls[start:]
        del self.calls[start:]

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        noted = self.begin("wrap_tool_call", request)

        def body(request: Any) -> Any:
            start = len(self.calls)
            result = handler(request)
            self.end(noted, start)
            return result

        result = super().wrap_tool_call(request, body)
        noted["result"] = recorded.plain(result, self.attributes)
        return result

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        noted = self.begin("awrap_tool_call", request)

        async def body(request: Any) -> Any:
            start = len(self.calls)
            result = await handler(request)
            self.end(noted, start)
            return result

        result = await super().awrap_tool_call(request, body)
        noted["result"] = recorded.plain(result, self.attributes)
        return result
