"""Facts of a reported run, as lines of its history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from runs.models import Handoff, Run
from runs.pages.history import Entry, id_of


@dataclass(frozen=True, slots=True)
class Fact:
    """A kind of event with records of its own that never change.

    A record has a number as its key and the time of the event in its field ``at``. ``rows`` returns
    the run's records. ``line`` makes the entry of one; it gets the names of agents by their ids. A
    page of the past shows the records whose time was before, even if they were reported later.
    """

    kind: str
    rows: Callable[[Run], QuerySet[Any]]
    line: Callable[[Any, Mapping[str, str]], Entry]


def of_handoff(handoff: Handoff, names: Mapping[str, str]) -> Entry:
    source, target = handoff.from_agent_id, handoff.to_agent_id
    return Entry(
        "handoff",
        id_of(handoff.pk),
        handoff.at,
        f"hands over to {names.get(target, target)}",
        agent_id=source,
        agent=names.get(source, source),
        detail=handoff.message,
    )


# Each is one query of the run page.
FACTS = (Fact("handoff", lambda run: run.handoffs.all(), of_handoff),)
