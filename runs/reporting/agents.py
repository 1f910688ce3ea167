"""The agents that reports name: their slugs, and the creation of new agents."""

import hashlib
import re
from collections.abc import Container, Sequence
from functools import lru_cache
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from crews.models import Agent, Crew, Organization
from crews.models.agent import NAME_CHARS
from runs.reporting.reported_kinds import AgentStart, ReportedEvent

SLUG = re.compile(r"[A-Za-z0-9_-]{1,50}")
AGENTS_OF_CREW = 300  # of a crew, while reports create agents
RUN_AGENT_ID = "run"  # the agent id for events without an agent


@lru_cache(maxsize=4096)
def slug_of(agent_id: str | None) -> str:
    """Return our id for an agent: the reporter's id if it is a slug, else one derived from it."""
    if agent_id is None:
        return RUN_AGENT_ID
    if SLUG.fullmatch(agent_id):
        return agent_id
    digest = hashlib.sha256(agent_id.encode()).hexdigest()[:8]
    return f"{slugify(agent_id)[:40]}-{digest}".lstrip("-")


def make_agents(
    organization: Organization, run_id: UUID, events: Sequence[ReportedEvent], known: Container[str]
) -> None:
    """Create the agents the crew does not have, if the organization lets reports create agents.

    ``known``: the agents that earlier events of the run have named. Each agent is created in its
    own transaction, because that locks the crew, and the crew comes late in the order of locks.
    """
    named: dict[str, tuple[str, str]] = {}
    for event in events:
        for agent_id in _named_in(event):
            is_started = isinstance(event, AgentStart) and event.agent_id == agent_id
            started = event if is_started else None
            if slug_of(agent_id) in known:
                continue
            if started or slug_of(agent_id) not in named:
                name = name_of(started and started.name) or name_of(agent_id) or slug_of(agent_id)
                role = started.role.strip() if started else ""
                named[slug_of(agent_id)] = (name, role)
    if not named or not organization.reports_create:
        return
    crew = Crew.objects.get(runs=run_id)
    there = dict(crew.agents.values_list("slug", "pk"))
    for slug, (name, role) in named.items():
        if slug in there or len(there) >= AGENTS_OF_CREW:
            continue
        try:
            with transaction.atomic():
                agent = Agent.objects.create(
                    crew=crew, slug=slug, name=name, role=role, order=len(there)
                )
        except IntegrityError:  # a concurrent call has just created it
            continue
        there[slug] = agent.pk


def name_of(text: str | None) -> str:
    """Return the text as an agent's name, cut and without outer spaces. It may be empty.

    Forms and files of crews strip names, too.
    """
    return (text or "").strip()[:NAME_CHARS].strip()


def _named_in(event: ReportedEvent) -> list[str]:
    fields = ("agent_id", "parent_agent_id", "from_agent_id", "to_agent_id")
    return [value for name in fields if (value := getattr(event, name, None)) is not None]
