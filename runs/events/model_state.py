"""The model calls and handoffs of a crew's graph: open calls, totals of the ended ones.

``realtime/static/realtime/state/model_state.js`` does in the browser the same.
"""

from collections.abc import Collection
from typing import Any

from msgspec import Struct, field

HANDOFFS_KEPT = 200
TOTALS = ("input_tokens", "output_tokens", "cost_usd")
NO_USAGE = {
    "model_calls": 0, **dict.fromkeys(TOTALS), "calls_without_usage": 0, "calls_without_cost": 0,
}  # fmt: skip


class ModelState(Struct):
    """``calls``: the open ones, ``{call_id: {run_id, agent_id, call_id, provider, model,
    started_at, first_token_s?}}``.

    ``usage``: ``{run_id: {model_calls, input_tokens, output_tokens, cost_usd, calls_without_usage,
    calls_without_cost}}``, the totals of ended calls. A total that no call has reported is None.
    ``handoffs``, oldest first: ``{run_id, from_agent_id, to_agent_id, message}``.
    """

    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: dict[str, dict[str, Any]] = field(default_factory=dict)
    handoffs: list[dict[str, Any]] = field(default_factory=list)

    def apply(self, frame: dict[str, Any]) -> None:
        """Apply a frame of the graph stream. Frames about other things are ignored."""
        match frame["type"]:
            case "snapshot":
                self._snapshot(frame)
            case "llm_start":
                fields = ("run_id", "agent_id", "call_id", "provider", "model")
                call = {name: frame[name] for name in fields}
                self.calls[frame["call_id"]] = call | {"started_at": frame["timestamp"]}
            case "llm_progress":
                call = self.calls.get(frame["call_id"])
                if call and "first_token_s" in frame:
                    call["first_token_s"] = frame["first_token_s"]
            case "llm_end":
                self.calls.pop(frame["call_id"], None)
                self._count(frame)
            case "handoff":
                fields = ("run_id", "from_agent_id", "to_agent_id")
                handoff = {name: frame[name] for name in fields}
                self.handoffs.append(handoff | {"message": frame.get("message", "")})
                del self.handoffs[:-HANDOFFS_KEPT]

    def knows(self, run_id: str) -> bool:
        """Whether an event of the run has been applied."""
        entries = (*self.calls.values(), *self.handoffs)
        return run_id in self.usage or any(entry["run_id"] == run_id for entry in entries)

    @property
    def active(self) -> set[str]:
        """The ids of the runs with an open call."""
        return {call["run_id"] for call in self.calls.values()}

    def keep(self, run_ids: Collection[str]) -> None:
        """Forget everything about other runs."""
        self.calls = {k: call for k, call in self.calls.items() if call["run_id"] in run_ids}
        self.usage = {run_id: own for run_id, own in self.usage.items() if run_id in run_ids}
        self.handoffs = [one for one in self.handoffs if one["run_id"] in run_ids]

    def _snapshot(self, frame: dict[str, Any]) -> None:
        self.calls = {call["call_id"]: call for call in frame.get("calls", [])}
        self.usage = {
            own["run_id"]: {name: own[name] for name in NO_USAGE} for own in frame.get("usage", [])
        }
        self.handoffs = list(frame.get("handoffs", []))

    def _count(self, frame: dict[str, Any]) -> None:
        totals = self.usage.setdefault(frame["run_id"], dict(NO_USAGE))
        totals["model_calls"] += 1
        for name in TOTALS:
            if name in frame:
                totals[name] = (totals[name] or 0) + frame[name]
        totals["calls_without_usage"] += not {"input_tokens", "output_tokens"} <= frame.keys()
        totals["calls_without_cost"] += "cost_usd" not in frame
