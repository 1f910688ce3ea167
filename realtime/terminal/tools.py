"""Tool calls, kept up to date from the frames of a graph stream."""

from typing import Any

KINDS = {"tool_start", "tool_progress", "tool_end"}


class Tools:
    """Every tool call heard of: ``{execution_id: {"agent_id", "tool", "status", ...}}``."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}

    def feed(self, frame: dict[str, Any]) -> None:
        """Take in a frame; any other than a graph stream's is ignored."""
        kind = frame["type"]
        if kind == "snapshot":
            crew_id = frame["stream"].partition(":")[2]
            kept = {key: call for key, call in self.calls.items() if call["crew_id"] != crew_id}
            self.calls = kept | {
                call["execution_id"]: call | {"crew_id": crew_id} for call in frame["executions"]
            }
        elif kind == "gone":
            crew_id = frame["stream"].partition(":")[2]
            self.calls = {k: call for k, call in self.calls.items() if call["crew_id"] != crew_id}
        elif kind == "tool_start":
            started = {"status": "running", "started_at": frame["timestamp"]}
            self.calls[frame["execution_id"]] = frame | started
        elif kind in KINDS:
            # After --since its start may not be known.
            call = self.calls.setdefault(
                frame["execution_id"],
                frame | {"status": "running", "started_at": frame["timestamp"]},
            )
            told = ("message", "progress", "status", "duration_s", "exit_code")
            call.update({key: frame[key] for key in told if key in frame})
