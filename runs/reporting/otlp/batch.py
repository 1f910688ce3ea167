"""The events that a call makes, and the spans that are rejected with them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from crews.models import ApiKey
from runs.reporting.event_parsing import event_of
from runs.reporting.otlp import events
from runs.reporting.otlp.events import Event
from runs.reporting.report_body import Item
from runs.reporting.report_request import apply_events
from runs.reporting.reported_kinds import InvalidEvent


@dataclass(slots=True)
class SpanResult:
    """Spans that were not accepted, and why the first was not."""

    rejected: int = 0
    message: str = ""

    def reject(self, number: int, why: str) -> None:
        self.rejected += number
        self.message = self.message or why


@dataclass(slots=True)
class EventBatch:
    """Events to apply, each with the id of the span that it comes from."""

    events: list[Event] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    _begun: set[str] = field(default_factory=set)  # agents that `add_call` has added

    def add(self, span_id: str, made: Iterable[Event]) -> None:
        for event in made:
            self.events.append(event)
            self.spans.append(span_id)

    def add_call(self, span_id: str, call: list[Event], agent: str) -> None:
        """Add the events of a tool or model call of ``agent``, and those that follow from them."""
        if agent and agent not in self._begun:
            self._begun.add(agent)
            self.add(span_id, events.agent_begun(call[0]["run"], agent, call[0]["at"]))
        self.add(span_id, events.placed(call, agent))
        self.add(span_id, events.handed_off(call, agent))

    def apply(self, key: ApiKey, received: datetime, result: SpanResult | None = None) -> None:
        """Apply each event once. Counts the spans of which an event was rejected."""
        items: dict[str, Item] = {}
        for index, event in enumerate(self.events):
            if event["id"] not in items:
                items[event["id"]] = item_of(index, event)
        answer = apply_events(key, [*items.values()], received)
        if result is not None and answer.rejected:
            spans = {self.spans[rejected["index"]] for rejected in answer.rejected}
            result.reject(len(spans), answer.rejected[0]["detail"])


def item_of(index: int, event: Event) -> Item:
    try:
        return Item(index, event["id"], event_of(event), None)
    except InvalidEvent as error:
        return Item(index, event["id"], None, error)
