"""A database as a year of use leaves it, made by set-based SQL in seconds: any number of runs.

The records have ids that follow from their number, so pages are addressed without looking for them.
"""

import json
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

STEPS = [{"tool": "script", "params": {"interpreter": "bash", "code": "echo hello"}}]
NAMES = ("Orion", "Vega", "Lyra", "Rigel", "Mira")  # agents of a crew, each with one task
YEAR_S = 365 * 86_400
CREW, RUN, TASK, TOOL, APPROVAL = 1, 2, 3, 4, 5  # kinds of records in ids
SCATTER = 2654435761  # ids do not come in the order of time, as real ones do not


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
    """Fill the database: ``tasks`` of a run have begun, with a tool each. What grows must be empty."""
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
    """The newest run of the first crew: with ``tools`` calls of each task, and megabytes of plan."""
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
    run_id = _literal(run.pk)
    _insert(
        TaskExecution, tasks, id=_id(TASK, f"({first} + n)"), task_id=_id(TASK, f"({first} + n - 1)"),
        run_id=run_id, name="'Task'", agent_id="'agent-0'", status="'succeeded'",
        started_at=_ago("1"), ended_at=_ago("0"), **{"order": "n"},
    )  # fmt: skip
    _insert(
        ToolExecution, tasks * tools, id=_id(TOOL, f"({first} + n)"),
        task_execution_id=_id(TASK, f"({first} + 1 + (n - 1) / {tools})"), tool="'script'",
        status="'success'", started_at=_ago("1"), ended_at=_ago("0"),
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
    _insert(
        Run, runs, id=_id(RUN, "n"), crew_id=_id(CREW, f"(n % {crews})"), status=status,
        plan=_json(plan), crew_name=_literal(plan["crew"]), tasks_planned=str(len(NAMES)),
        tasks_ended=str(each), created_at=_ago(of), started_at=_ago(f"({of} - 1)"),
        ended_at=_ago(f"({of} - 9)"),
    )  # fmt: skip
    run = f"(1 + (n - 1) / {each})"
    begun = _ago(f"({created.format(run)} - 2 - n % {each})")
    _insert(
        TaskExecution, runs * each, id=_id(TASK, "n"), task_id=_id(TASK, "n"), run_id=_id(RUN, run),
        name="'Orion works'", agent_id="'orion'", status="'succeeded'",
        started_at=begun, ended_at=begun, **{"order": f"n % {each}"},
    )  # fmt: skip
    _insert(
        ToolExecution, runs * each, id=_id(TOOL, "n"), task_execution_id=_id(TASK, "n"),
        tool="'script'", status="CASE WHEN n % 20 = 0 THEN 'error' ELSE 'success' END",
        started_at=begun, ended_at=begun,
    )  # fmt: skip


def _approvals(runs: int) -> None:
    """One of each run. A twentieth of the newest twentieth waits."""
    at = _ago(f"({YEAR_S} - {YEAR_S}.0 * n / {runs})")
    waits = f"n * 20 > {runs} * 19 AND n % 20 < 1"
    _insert(
        Approval, runs, id=_id(APPROVAL, "n"), run_id=_id(RUN, "n"), agent_id="'orion'",
        tool="'script'", seen="'digest'", requested_at=at, expires_at=at,
        status=f"CASE WHEN {waits} THEN 'pending' WHEN n % 33 = 0 THEN 'denied' ELSE 'approved' END",
        decided_at=f"CASE WHEN {waits} THEN NULL ELSE {at} END",
    )  # fmt: skip


def _trail(organization: Organization, entries: int) -> None:
    _insert(
        AuditEntry, entries, id=None, created_at=_ago(f"({YEAR_S} - {YEAR_S}.0 * n / {entries})"),
        kind="'run.started'", way="'api'", actor_name="'somebody'", object_type="'runs.run'",
        organization_id=_literal(organization.pk), organization_name=_literal(organization.name),
    )  # fmt: skip


def _log(runs: int, events: int) -> None:
    stream, run = "'run:' || {}", _dashed(_id(RUN, "n"))
    of_event = _dashed(_id(RUN, f"(1 + (n - 1) / {events})"))
    about = (
        '"seq":1,"timestamp":"2026-01-01T00:00:00.000000Z","crew_id":"","task_id":"","agent_id":""'
    )
    _insert(
        Stream, runs, name=stream.format(run), epoch="'grown'", head=str(events), floor="0",
        closed_at=_ago("60"),
    )  # fmt: skip
    _insert(
        Event, runs * events, stream_id=stream.format(of_event), created_at=_ago("60"),
        seq=f"1 + (n - 1) % {events}", type="'task_start'",
        body=f"""'{{"type":"task_start","name":"",{about},"run_id":"' || {of_event} || '"}}'""",
    )  # fmt: skip


def _documents(organization: Organization, runs: int, crews: int) -> None:
    """One of a tool of each run. All say hello, the oldest has a word that no other has."""
    words = "'hello word ' || (n % 1000) || CASE WHEN n = 1 THEN ' rare' ELSE '' END"
    crew = _id(CREW, f"(n % {crews})")
    columns: dict[str, str | None] = {
        "id": "n * 1000", "organization_id": _literal(organization.pk), "run_id": _id(RUN, "n"),
        "crew_id": crew, "kind": "'tool'", "object_id": _id(TOOL, "n"), "text": words,
        "outcome": "'succeeded'", "ended_at": _ago("60"), "name": "'script'",
    }  # fmt: skip
    own = f"o{organization.pk}"
    if connection.vendor == "postgresql":
        crew = f"'=c' || replace({crew}::text, '-', '')"
        scope = f"array_to_tsvector(ARRAY['={own}', {crew}, '=ktool', '=ssucceeded'])"
        columns["vector"] = f"to_tsvector('simple', {words}) || {scope}"
    _insert(Document, runs, **columns)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                f"""WITH RECURSIVE series(n) AS
                (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < {runs})
                INSERT INTO search_words (rowid, words, scope)
                SELECT n * 1000, {words}, '{own} ktool ssucceeded c' || {crew} FROM series"""
            )


def _insert(model: type[models.Model], rows: int, **columns: str | None) -> None:
    """``rows`` rows numbered ``n``; a column without an expression gets the field's default."""
    values = {}
    for field in model._meta.concrete_fields:
        if field.column in columns:
            values[field.column] = columns[field.column]
        else:
            values[field.column] = _json_or_literal(field, field.get_default())
    values = {column: sql for column, sql in values.items() if sql is not None}
    names = ", ".join(map(connection.ops.quote_name, values))
    series = f"generate_series(1, {rows}) AS series(n)"
    with_series = ""
    if connection.vendor == "sqlite":
        series = "series"
        with_series = f"""WITH RECURSIVE series(n) AS
            (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) {with_series} "
            f"SELECT {', '.join(values.values())} FROM {series}"
        )


def _json_or_literal(field: models.Field, value: Any) -> str:
    return _json(value) if isinstance(field, models.JSONField) else _literal(value)


def _json(value: Any) -> str:
    text = _literal(json.dumps(value))
    return f"{text}::jsonb" if connection.vendor == "postgresql" else text


def _literal(value: Any) -> str:
    """A constant as SQL. Only this module's own values come here."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper() if connection.vendor == "postgresql" else str(int(value))
    if isinstance(value, UUID):
        value = str(value) if connection.vendor == "postgresql" else value.hex
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _id(kind: int, number: str) -> str:
    if connection.vendor == "postgresql":
        first = f"lpad(to_hex(({number})::bigint * {SCATTER} % {2**32}), 8, '0')"
        last = f"lpad(to_hex(({number})::bigint), 16, '0')"
        return f"({first} || '{kind:08x}' || {last})::uuid"
    scattered = f"({number}) * {SCATTER} % {2**32}"
    return f"(printf('%08x', {scattered}) || '{kind:08x}' || printf('%016x', {number}))"


def _dashed(id: str) -> str:
    if connection.vendor == "postgresql":
        return f"{id}::text"
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return "||'-'||".join(f"substr({id}, {start}, {length})" for start, length in parts)


def _ago(seconds: str) -> str:
    if connection.vendor == "postgresql":
        return f"(now() - ({seconds}) * interval '1 second')"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')"
