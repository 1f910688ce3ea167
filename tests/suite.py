"""What is run where, and in which order: see docs/testing.md."""

# The suite runs on PostgreSQL, and the tests that touch the database run on SQLite, too, but for
# those of these files and directories. They test answers, sockets, pages, logs, processes and
# limits; what they read and write, the tests that run on both read and write, too. Two test
# PostgreSQL alone.
SAME_ON_BOTH = (
    "realtime/tests/terminal/",
    "crews/tests/test_admin.py",
    "crews/tests/test_admin_editing.py",
    "crews/tests/test_admin_people.py",
    "crews/tests/test_admin_permissions.py",
    "crews/tests/test_api_keys.py",
    "crews/tests/test_commands.py",
    "crews/tests/test_issue_token.py",
    "crews/tests/test_secrets_api.py",
    "crews/tests/test_sign_in.py",
    "runs/tests/commands/",
    "runs/tests/crew_files/test_rules_and_schedule.py",
    "runs/tests/steering/",
    "runs/tests/test_admin.py",
    "runs/tests/test_admin_pausing.py",
    "runs/tests/test_clones.py",
    "runs/tests/test_credentials.py",
    "runs/tests/test_forms.py",
    "runs/tests/test_views.py",
    "tests/security/",
    "tests/test_access.py",
    "tests/test_stream_access.py",
    "tests/test_access_of_keys.py",
    "tests/test_api_headers.py",
    "tests/test_cross_origin.py",
    "tests/test_budgets.py",
    "tests/test_browser.py",
    "tests/test_catching_up.py",
    "tests/test_compression.py",
    "tests/test_drain.py",
    "tests/test_hung_redis.py",
    "tests/test_logs.py",
    "tests/test_metrics.py",
    "tests/test_output_floods.py",
    "tests/test_problems.py",
    "tests/test_production.py",
    "tests/test_queue.py",
    "tests/test_reading_output.py",
    "tests/test_restoring.py",
    "tests/test_scope_check.py",
    "tests/test_scope_check_of_sockets.py",
    "tests/test_sign_in_limits.py",
    "tests/test_socket_access.py",
    "tests/test_socket_access_of_keys.py",
    "tests/test_throttling.py",
    "tests/test_tokens.py",
    "tests/test_version.py",
    "tests/test_web_processes.py",
    "realtime/tests/delivery/test_autoincrement.py",
    "realtime/tests/test_access_parity.py",
    "realtime/tests/test_churn.py",
    "realtime/tests/test_commands.py",
    "realtime/tests/sockets/test_access_taken_away.py",
    "realtime/tests/sockets/test_limits.py",
    "realtime/tests/sockets/test_refusals.py",
    "realtime/tests/test_daphne.py",
    "realtime/tests/test_handler_names.py",
)

# A file is run by one process. These take longest and begin first, or the last of them would be
# waited for while the other processes have nothing left to do.
LONGEST_FIRST = (
    "tests/test_stack.py",
    "tests/test_queue.py",
    "tests/security/test_revocation.py",
    "tests/test_output_floods.py",
    "realtime/tests/replay/test_run_page.py",
    "realtime/tests/test_snapshots.py",
    "tests/test_access.py",
    "tests/test_stream_access.py",
    "tests/test_query_budget.py",
    "realtime/tests/sockets/test_access_taken_away.py",
    "tests/security/test_api_generated.py",
    "realtime/tests/test_churn.py",
    "runs/tests/steering/",
    "tests/test_logs.py",
    "tests/security/test_half_open.py",
    "tests/security/test_fuzz.py",
    "tests/test_browser_moments.py",
    "tests/test_browser.py",
    "tests/test_browser_crew.py",
    "tests/test_browser_run.py",
    "tests/test_catching_up.py",
    "realtime/tests/delivery/",
    "tests/test_e2e.py",
    "runs/tests/tools/test_script.py",
    "runs/tests/tools/test_script_processes.py",
    "runs/tests/tools/test_box_limits.py",
    "tests/test_production.py",
    "tests/security/",
    "runs/tests/test_clones.py",
    "runs/tests/commands/",
    "runs/tests/crew_files/test_rules_and_schedule.py",
    "tests/",
)

# The tests of faults are handed out one by one. These take longest; the last are short.
FAULTS_LONGEST_FIRST = (
    "tests/chaos/test_work.py",
    "tests/test_chaos.py::test_every_client_ends_with_every_event_once",
    "tests/chaos/test_presence.py",
    "tests/chaos/test_steering.py",
    "tests/chaos/test_cancel.py::test_nothing_of_a_cancelled_tool_is_left",
    "tests/chaos/test_clock.py",
)


def runs_on_both(path: str) -> bool:
    """Whether a test of this file that touches the database runs on SQLite, too."""
    return not path.startswith(SAME_ON_BOTH)


def in_pairs(ids: list[str]) -> list[str]:
    """Each of the longest tests of faults with a short one: pytest-xdist begins with two a
    process.
    """
    rank = {start: number for number, start in enumerate(FAULTS_LONGEST_FIRST)}
    last = len(rank)
    left = sorted(ids, key=lambda i: next((rank[s] for s in rank if i.startswith(s)), last))
    pairs = []
    while left:
        pairs.append(left.pop(0))
        if left:
            pairs.append(left.pop())
    return pairs


def turn(path: str) -> int:
    """Files with a lower number begin earlier."""
    return next(
        (number for number, long in enumerate(LONGEST_FIRST) if path.startswith(long)),
        len(LONGEST_FIRST),
    )
