"""The columns of a run that repeat what its plan and its tasks say, brought up to date by set-based SQL.

The verbs keep them. This fills them for runs that are older than the columns, or that a process of
the version before has written since.
"""

from django.db import connections, transaction

BATCH = 5_000  # runs in a transaction, so that no lock is held for long

PLANNED = {
    "postgresql": "jsonb_array_length(plan -> 'tasks')",
    "sqlite": "json_array_length(plan, '$.tasks')",
}
CREW_NAME = {"postgresql": "plan ->> 'crew'", "sqlite": "json_extract(plan, '$.crew')"}
# The run's row is locked before its tasks are counted, as by a verb that ends one.
LOCKED = {"postgresql": "FOR UPDATE", "sqlite": ""}


def recount(using: str = "default") -> int:
    """Correct the runs whose columns differ; returns how many did."""
    changed, last = 0, None
    while True:
        with transaction.atomic(using=using):
            last, corrected = _recount_batch(using, last)
        changed += corrected
        if last is None:
            return changed


def _recount_batch(using: str, after: str | None) -> tuple[str | None, int]:
    """The id of the last run of the batch, ``None`` when there is none left, and how many were wrong."""
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
