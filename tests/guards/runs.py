"""One worker at a run, one ending of it, and nothing from who lost it."""

from tests.guards.guard import Edit, guard

RUN, RUNS_SET = "runs/models/run.py", "runs/models/run_queryset.py"
LEASE, LOG = "runs/lease.py", "realtime/log.py"
MODELS, FENCE = "runs/tests/test_models.py", "realtime/tests/test_fence.py"
REPORT = """if self.status != self.Status.RUNNING:
            raise self._over()"""
SECOND_START = 'raise IllegalMove(f"Run {self.pk} is {self.status}; only a queued run starts.")'

RUNS = (
    guard(
        "run: starts once",
        *(RUN, SECOND_START, "pass"),
        f"{MODELS}::test_a_run_does_not_start_twice",
    ),
    guard(
        "run: claimed once",
        *("runs/turns.py", "filter(crew=line.crew_id, status=Run.Status.QUEUED)", "filter(crew=line.crew_id)"),
        f"{MODELS}::test_only_one_worker_claims_a_run",
    ),
    guard(
        "turns: no more than the limit",
        *("runs/turns.py", "            if line.full:\n", "            if False:\n"),
        "runs/tests/test_turns.py::TestLimits::test_of_a_crew_and_of_its_organization",
    ),
    guard(
        "turns: an organization does not raise its own limit",
        "crews/admin/organization.py",
        'return [] if request.user.is_superuser else ["max_active_runs"]',
        "return []",
        "runs/tests/test_turns.py::TestWhoSets::test_an_organization_does_not_raise_its_own_limit",
    ),
    guard(
        "run: one for a key",
        *(RUNS_SET, "if run := asked.filter(idempotency_key=idempotency_key).first():", "if run := None:"),
        f"{MODELS}::test_the_same_key_of_the_same_user_is_the_same_run",
    ),
    guard(
        "run: keeps its first ending",
        RUN,
        "            if self.is_over:\n                return\n",
        "",
        f"{MODELS}::test_an_ended_run_keeps_its_first_ending_and_starts_nothing",
    ),
    guard(
        "run: a deactivated crew starts none",
        *(RUNS_SET, "if not crew.is_active:", "if False:"),
        f"{MODELS}::test_a_run_that_could_do_nothing_is_refused",
    ),
    guard(
        "run: a key is of one request",
        *(RUNS_SET, "if (run.crew_id, run.parent_id) != (crew.pk, parent and parent.pk):", "if False:"),
        "runs/tests/test_retries.py::test_a_key_is_of_one_retry_of_one_run",
    ),
    guard(
        "workspace: not handed on while somebody may be at work in it",
        *("runs/workspaces.py", "run.is_over and run.attempt <= 1 and workspace", "workspace"),
        "runs/tests/test_retries.py::test_without_a_workspace_of_its_own_it_starts_over_and_says_so"
        "[its worker was lost]",
    ),
    guard(
        "workspace: not removed while its run is under way",
        *("runs/workspaces.py", "if (run and not run.is_over) or (run_id", "if (run_id"),
        "runs/tests/test_workspaces.py::test_an_old_workspace_of_an_ended_run_is_removed",
    ),
    guard(
        "workspace: of what a task left only its own clone is removed",
        *("runs/remains.py", " or status.st_ino != item[\"inode\"]", ""),
        "runs/tests/test_remains.py::test_what_another_task_made_is_not_taken_for_the_clone",
    ),
    guard(
        "workspace: what a task left is not looked for behind a link",
        *("runs/remains.py", "WAY | os.O_NOFOLLOW", "WAY"),
        "runs/tests/test_remains.py::TestLinks::test_are_not_followed[a/repo-a-]",
    ),
    guard(
        "workspace: a link in place of what is removed is not followed",
        *("runs/tools/removal.py", "if directory.is_symlink():", "if False:"),
        "runs/tests/test_remains.py::TestLinks::"
        "test_one_that_appears_at_the_last_moment_is_removed_itself",
    ),
    guard(
        "lease: of the attempt",
        *(LEASE, "attempt != self._run.own_attempt or status", "status"),
        "runs/tests/test_lease.py::test_a_run_that_is_not_ours_any_more_is_given_up"
        "[another attempt]",
        behind=(Edit(RUNS_SET, "attempt=run.own_attempt, status", "status"),),
    ),
    guard(
        "lease: by the worker's own clock",
        *(LEASE, " or held_s > settings.RUN_LEASE_S", ""),
        "runs/tests/test_lease.py::"
        "test_a_worker_that_could_not_renew_in_time_gives_up_by_its_own_clock",
    ),
    guard(
        "lease: only an expired one is taken",
        *(RUNS_SET, "status=self.model.Status.RUNNING, lease_until__lt=Now()", "status=self.model.Status.RUNNING"),
        f"{MODELS}::test_a_sweep_ends_the_runs_of_lost_workers_and_no_others",
    ),
    guard(
        "lease: looked at again under the lock",
        "runs/reaper.py",
        "if not Run.objects.lease_expired().filter(pk=run.pk).exists():",
        "if False:",
        "runs/tests/test_reaper.py::test_a_lease_that_is_renewed_meanwhile_is_kept",
    ),
    guard(
        "fence: in the statement that moves the head",
        LOG,
        'return f"FROM {fence} WHERE stream_id = %s AND attempt = %s {lock}", by[0]',
        'return "WHERE true", ()',
        f"{FENCE}::test_an_attempt_that_nobody_began_writes_nothing",
    ),
    guard(
        "fence: every event names its attempt",
        *("realtime/signals.py", "by={_attempt(run)} if run else ())", "by=())"),
        f"{FENCE}::test_the_receivers_name_the_attempt",
    ),
    guard(
        "fence: raised when a run is taken away",
        *(RUN, "if self.status == self.Status.RUNNING and self.held_attempt is None:", "if False:"),
        f"{FENCE}::test_who_lost_the_run_changes_and_tells_nothing_more",
    ),
    guard(
        "fence: a tool that has ended takes no report",
        *("runs/models/tool_execution.py", REPORT, "pass"),
        "runs/tests/test_emitter.py::test_an_execution_that_somebody_else_ended_takes_no_report",
    ),
    guard(
        "fence: nor does one that has ended since its last report",
        *("runs/reports.py", "AND {table}.status = 'running' RETURNING", "RETURNING"),
        f"{MODELS}::TestReports::test_a_tool_that_somebody_else_ended_is_not_reported_on",
    ),
    guard(
        "fence: nor is one that has ended saved as running",
        *(
            "runs/models/tool_execution.py",
            "base_qs = base_qs.filter(status=self.Status.RUNNING)",
            "pass",
        ),
        f"{MODELS}::TestReports::test_a_tool_that_somebody_else_ended_is_not_saved_as_running",
    ),
    guard(
        "fence: several reports pass the fences of all their attempts",
        LOG,
        'return every, [*(value for attempt in by for value in attempt), len(by)]',
        'return "WHERE true", ()',
        "realtime/tests/test_reports.py::TestOneIsRefused::test_a_run_that_was_taken_away_fails_its_own_report_alone",
    ),
    guard(
        "end: one done of a stream, in the database",
        "realtime/migrations/0001_initial.py",
        "'constraints': [models.UniqueConstraint(condition=models.Q(('type', 'done')), "
        "fields=('stream',), name='event_one_done')],",
        "",
        f"{FENCE}::test_the_database_holds_one_done_of_a_stream_at_most",
    ),
    guard(
        "end: nothing follows it",
        *(LOG, "WHERE {table}.closed_at IS NULL", "WHERE true"),
        "realtime/tests/test_log.py::test_nothing_follows_the_last_event",
    ),
)  # fmt: skip
