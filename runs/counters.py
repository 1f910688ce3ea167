"""Corrects the columns of runs that repeat data of their plans and tasks, with set-based SQL.

The models keep these columns up to date. This fills them for runs that are older than the columns,
or that a process of the previous version has written since.
"""

from django.db import connections, transaction

BATCH = 5_000  # runs in one transaction, so that no lock is held for long

PLANNED = {
    "postgresql": "jsonb_array_length(plan -> 'tasks')",
    "sqlite": "json_array_length(plan, '$.tasks')",
}
CREW_NAME = {"postgresql": "plan ->> 'crew'", "sqlite": "json_extract(plan, '$.crew')"}
# The run's row is locked before its tasks are counted, as in the methods that end a task.
LOCKED = {"postgresql": "FOR UPDATE", "sqlite": ""}


def recount(using: str = "default") -> int:
    """Correct all runs whose columns are wrong. Returns their number."""
    changed, last = 0, None
    while True:
        with transaction.atomic(using=using):
            last, corrected = _recount_batch(using, last)
        changed += corrected
        if last is None:
            return changed


def _recount_batch(using: str, after: str | None) -> tuple[str | None, int]:
    """Correct one batch. Returns the id of its last run, or ``None`` if no run is left, and the
    number of corrected runs.
    """
    connection = connections[using]
    vendor = connection.vendor
    following = "WHERE id > %s" if after is not None else ""
    parameters = [after] if after is not None else []
    ids = f"SELECT id FROM runs_run {following} ORDER BY id LIMIT {BATCH} {LOCKED[vendor]}"
    facts = f"""
        SELECT id AS run_id, {CREW_NAME[vendor]} AS crew_name,
               {PLANNED[vendor]} AS tasks_planned,
               (SELECT count(*) FROM runs_taskexecution t
                WHERE t.run_id = runs_run.id AND t.ended_at IS NOT NULL) AS tasks_ended
        FROM runs_run WHERE id BETWEEN %s AND %s
    """
    with connection.cursor() as cursor:
        cursor.execute(ids, parameters)
        found = [pk for (pk,) in cursor.fetchall()]
        if not found:
            return None, 0
        cursor.execute(
            f"""
            UPDATE runs_run SET crew_name = f.crew_name, tasks_planned = f.tasks_planned,
                                tasks_ended = f.tasks_ended
            FROM ({facts}) AS f
            WHERE runs_run.id = f.run_id AND (
                runs_run.crew_name <> f.crew_name OR runs_run.tasks_planned <> f.tasks_planned
                OR runs_run.tasks_ended <> f.tasks_ended
            )
            """,
            [found[0], found[-1]],
        )
        return found[-1], cursor.rowcount
