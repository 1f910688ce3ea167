"""A database as a year of use leaves it, made by set-based SQL in seconds: any number of runs.

The records have ids that follow from their number, so pages are addressed without looking for them.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, models
from django.utils import timezone

from crews.models import Agent, AuditEntry, Crew, Membership, Organization, Task
from realtime.models import Event, Stream
from runs.models import Approval, Run, TaskExecution, ToolExecution
from runs.search.models import Document
from tests.grown_sql import SCATTER, ago, as_json, dashed, id_of, insert, insert_into, literal

STEPS = [{"tool": "script", "params": {"interpreter": "bash", "code": "echo hello"}}]
NAMES = ("Orion", "Vega", "Lyra", "Rigel", "Mira")  # agents of a crew, each with one task
YEAR_S = 365 * 86_400
CREW, RUN, TASK, TOOL, APPROVAL = 1, 2, 3, 4, 5  # kinds of records in ids


def pk(kind: int, number: int) -> UUID:
    return UUID(hex=f"{number * SCATTER % 2**32:08x}{kind:08x}{number:016x}")


@dataclass(frozen=True)
class Grown:
    """An organization with ``crews`` crews and ``runs`` runs; its admin is staff."""

    organization: Organization
    admin: User
    crews: int
    runs: int
    tools: int

    @property
    def crew(self) -> UUID:
        return pk(CREW, 0)

    @property
    def newest_run(self) -> UUID:
        return pk(RUN, self.runs)

    @property
    def newest_approval(self) -> UUID:
        return pk(APPROVAL, self.runs)

    @property
    def newest_tool(self) -> UUID:
        return pk(TOOL, self.tools)


def grow(
    runs: int, *, crews: int = 200, tasks: int = 5, events: int = 4, slug: str = "grown"
) -> Grown:
    """Fill the database, in which what grows must be empty.

    ``tasks`` of a run have begun, each with a tool.
    """
    organization = Organization.objects.create(name=slug.title(), slug=slug)
    admin = User.objects.create_user(f"{slug}-admin", is_staff=True)
    Membership.objects.create(organization=organization, user=admin, role="admin")
    _crews(organization, crews)
    plan = Crew.objects.get(pk=pk(CREW, 0)).plan()
    _runs(plan, runs, crews, tasks)
    _approvals(runs)
    _trail(organization, runs * 2)
    _log(runs, events)
    _documents(organization, runs, crews)
    if connection.vendor == "postgresql":  # as its autovacuum does; SQLite has no statistics
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Grown(organization, admin, crews, runs, runs * tasks)


def add_big_run(grown: Grown, *, agents: int = 100, tasks: int = 1_000, tools: int = 20) -> Run:
    """The newest run of the first crew: ``tools`` calls of each task, and megabytes of plan."""
    crew = Crew.objects.get(pk=grown.crew)
    names = [f"agent-{number}" for number in range(agents)]
    steps = [{"tool": "script", "params": {"interpreter": "bash", "code": "x" * 50}}] * tools
    plan = {
        "crew": crew.name,
        "agents": [{"agent_id": name, "name": name, "role": ""} for name in names],
        "tasks": [
            {
                "task_id": str(pk(TASK, 10**9 + number)),
                "name": f"Task {number}",
                "agent_id": names[number % agents],
                "continue_on_error": False,
                "steps": steps,
            }
            for number in range(tasks)
        ],
    }
    now = timezone.now()
    run = Run(
        crew=crew, plan=plan, crew_name=crew.name, tasks_planned=tasks, tasks_ended=tasks,
        status="succeeded", started_at=now, ended_at=now,
    )  # fmt: skip
    models.QuerySet.bulk_create(Run.objects.all(), [run])
    first = 10**9
    run_id = literal(run.pk)
    insert(
        TaskExecution, tasks, id=id_of(TASK, f"({first} + n)"), run_id=run_id,
        task_id=id_of(TASK, f"({first} + n - 1)"), name="'Task'", agent_id="'agent-0'",
        status="'succeeded'",
        started_at=ago("1"), ended_at=ago("0"), **{"order": "n"},
    )  # fmt: skip
    insert(
        ToolExecution, tasks * tools, id=id_of(TOOL, f"({first} + n)"),
        task_execution_id=id_of(TASK, f"({first} + 1 + (n - 1) / {tools})"), tool="'script'",
        status="'success'", started_at=ago("1"), ended_at=ago("0"),
    )  # fmt: skip
    return run


def _crews(organization: Organization, number: int) -> None:
    crews = [
        Crew(pk=pk(CREW, n), organization=organization, name=f"Crew {n:03}", slug=f"crew-{n}")
        for n in range(number)
    ]
    agents = [
        Agent(crew=crew, name=name, slug=name.lower(), order=order)
        for crew in crews
        for order, name in enumerate(NAMES)
    ]
    _create(crews)
    _create(agents)
    made = Agent.objects.filter(crew__in=crews) if number <= 500 else Agent.objects.all()
    _create(
        Task(crew_id=agent.crew_id, agent=agent, name=f"{agent} works", order=n % 5, steps=STEPS)
        for n, agent in enumerate(made)
    )


def _create(records: Any) -> None:
    records = list(records)
    models.QuerySet.bulk_create(type(records[0])._default_manager.all(), records)


def _runs(plan: dict[str, Any], runs: int, crews: int, each: int) -> None:
    created = f"({YEAR_S} - {YEAR_S}.0 * {{}} / {runs} + 60)"  # seconds ago; the last is the newest
    of = created.format("n")
    status = (
        "CASE WHEN n % 20 = 0 THEN 'failed' WHEN n % 33 = 0 THEN 'cancelled' ELSE 'succeeded' END"
    )
    insert(
        Run, runs, id=id_of(RUN, "n"), crew_id=id_of(CREW, f"(n % {crews})"), status=status,
        plan=as_json(plan), crew_name=literal(plan["crew"]), tasks_planned=str(len(NAMES)),
        tasks_ended=str(each), created_at=ago(of), started_at=ago(f"({of} - 1)"),
        ended_at=ago(f"({of} - 9)"),
    )  # fmt: skip
    run = f"(1 + (n - 1) / {each})"
    begun = ago(f"({created.format(run)} - 2 - n % {each})")
    insert(
        TaskExecution, runs * each, id=id_of(TASK, "n"), task_id=id_of(TASK, "n"),
        run_id=id_of(RUN, run),
        name="'Orion works'", agent_id="'orion'", status="'succeeded'",
        started_at=begun, ended_at=begun, **{"order": f"n % {each}"},
    )  # fmt: skip
    insert(
        ToolExecution, runs * each, id=id_of(TOOL, "n"), task_execution_id=id_of(TASK, "n"),
        tool="'script'", status="CASE WHEN n % 20 = 0 THEN 'error' ELSE 'success' END",
        started_at=begun, ended_at=begun,
    )  # fmt: skip


def _approvals(runs: int) -> None:
    """One of each run. A twentieth of the newest twentieth waits."""
    at = ago(f"({YEAR_S} - {YEAR_S}.0 * n / {runs})")
    waits = f"n * 20 > {runs} * 19 AND n % 20 < 1"
    insert(
        Approval, runs, id=id_of(APPROVAL, "n"), run_id=id_of(RUN, "n"), agent_id="'orion'",
        tool="'script'", seen="'digest'", requested_at=at, expires_at=at,
        status=f"CASE WHEN {waits} THEN 'pending' WHEN n % 33 = 0 THEN 'denied' "
        "ELSE 'approved' END",
        decided_at=f"CASE WHEN {waits} THEN NULL ELSE {at} END",
    )  # fmt: skip


def _trail(organization: Organization, entries: int) -> None:
    insert(
        AuditEntry, entries, id=None, created_at=ago(f"({YEAR_S} - {YEAR_S}.0 * n / {entries})"),
        kind="'run.started'", way="'api'", actor_name="'somebody'", object_type="'runs.run'",
        organization_id=literal(organization.pk), organization_name=literal(organization.name),
    )  # fmt: skip


def _log(runs: int, events: int) -> None:
    stream, run = "'run:' || {}", dashed(id_of(RUN, "n"))
    of_event = dashed(id_of(RUN, f"(1 + (n - 1) / {events})"))
    about = (
        '"seq":1,"timestamp":"2026-01-01T00:00:00.000000Z","crew_id":"","task_id":"","agent_id":""'
    )
    insert(
        Stream, runs, name=stream.format(run), epoch="'grown'", head=str(events), floor="0",
        closed_at=ago("60"),
    )  # fmt: skip
    insert(
        Event, runs * events, stream_id=stream.format(of_event), created_at=ago("60"),
        seq=f"1 + (n - 1) % {events}", type="'task_start'",
        body=f"""'{{"type":"task_start","name":"",{about},"run_id":"' || {of_event} || '"}}'""",
    )  # fmt: skip


def _documents(organization: Organization, runs: int, crews: int) -> None:
    """One of a tool of each run. All say hello, the oldest has a word that no other has."""
    words = "'hello word ' || (n % 1000) || CASE WHEN n = 1 THEN ' rare' ELSE '' END"
    crew = id_of(CREW, f"(n % {crews})")
    columns: dict[str, str | None] = {
        "id": "n * 1000", "organization_id": literal(organization.pk), "run_id": id_of(RUN, "n"),
        "crew_id": crew, "kind": "'tool'", "object_id": id_of(TOOL, "n"), "text": words,
        "outcome": "'succeeded'", "ended_at": ago("60"), "name": "'script'",
    }  # fmt: skip
    own = f"o{organization.pk}"
    if connection.vendor == "postgresql":
        crew = f"'=c' || replace({crew}::text, '-', '')"
        scope = f"array_to_tsvector(ARRAY['={own}', {crew}, '=ktool', '=ssucceeded'])"
        columns["vector"] = f"to_tsvector('simple', {words}) || {scope}"
    insert(Document, runs, **columns)
    if connection.vendor == "sqlite":
        scope = f"'{own} ktool ssucceeded c' || {crew}"
        insert_into("search_words (rowid, words, scope)", runs, f"n * 1000, {words}, {scope}")
