"""What a role lets its holder do, and what is offered to whom."""

from tests.guards.access import LIVE, ORGANIZATIONS, VIEWS, asks
from tests.guards.guard import Edit, guard

ROLES = (
    guard(
        "access: who is a member of a run",
        *(VIEWS, "is_member=Exists(Run.objects.visible_to(request.user)", "is_member=Exists(Run.objects.all()"),
        "runs/tests/test_views.py::TestReading::test_a_shared_run_is_read_by_all_who_learn_nothing_else",
    ),
    guard(
        "access: who is offered to cancel",
        *(VIEWS, "Exists(Run.objects.operable_by(request.user)", "Exists(Run.objects.visible_to(request.user)"),
        "runs/tests/test_forms.py::TestCancelling::test_the_button_is_shown_to_who_may_press_it",
    ),
    guard(
        "access: who is offered to share",
        *(VIEWS, "Exists(Run.objects.managed_by(request.user)", "Exists(Run.objects.operable_by(request.user)"),
        "runs/tests/test_forms.py::TestSharing::test_the_button_is_shown_to_who_may_press_it",
    ),
    guard(
        "access: who is offered to start, on the dashboard",
        *(LIVE, "Crew.objects.operable_by(request.user).values_list", "Crew.objects.visible_to(request.user).values_list"),
        "realtime/tests/pages/test_dashboard.py::TestDashboard::test_offers_start_to_operators_only",
    ),
    guard(
        "access: who is offered to start, on the crew page",
        *(LIVE, "Crew.objects.operable_by(request.user).filter(pk=pk)", "Crew.objects.filter(pk=pk)"),
        "realtime/tests/pages/test_crew_page.py::TestCrewPage::test_start_says_why_it_cannot_be_pressed[viewer-You watch this crew.]",
    ),
    guard(
        "access: runs on the crew page",
        LIVE,
        "Run.objects.visible_to(request.user).for_lists().filter(crew=crew)",
        "Run.objects.for_lists()",
        "realtime/tests/pages/test_crew_page.py::TestCrewPage::test_lists_no_run_of_another_crew",
    ),
    guard(
        "access: the role that an act needs",
        *(VIEWS, "getattr(objects, scope)(request.user)", "objects.visible_to(request.user)"),
        asks("viewer", "runs/<id:pk>/cancel/", "POST"),
    ),
    *(
        guard(
            f"access: nobody signed in, {name}",
            *(VIEWS, f"@login_required\n@{methods}\ndef {name}(", f"@{methods}\ndef {name}("),
            asks("anonymous", route, method),
        )
        for name, methods, route, method in (
            ("run_list", "require_safe", "runs/", "GET"),
            ("runs_progress", "require_safe", "runs/progress/", "GET"),
            ("run_start", "require_POST", "crews/<id:pk>/runs/", "POST"),
            ("run_cancel", "require_POST", "runs/<id:pk>/cancel/", "POST"),
            ("run_retry", "require_POST", "runs/<id:pk>/retry/", "POST"),
            ("run_share", "require_POST", "runs/<id:pk>/share/", "POST"),
        )
    ),
    *(
        guard(
            f"access: by POST alone, {name}",
            *(VIEWS, f"@require_POST\ndef {name}(", f"def {name}("),
            f"tests/test_access.py::test_methods_that_are_in_no_row_are_refused[{route}-admin]",
        )
        for name, route in (
            ("run_start", "crews/<id:pk>/runs/"),
            ("run_cancel", "runs/<id:pk>/cancel/"),
            ("run_retry", "runs/<id:pk>/retry/"),
            ("run_share", "runs/<id:pk>/share/"),
        )
    ),
    guard(
        "access: organizations for admins alone, of the API",
        *(ORGANIZATIONS, "if not Organization.objects.managed_by(user).filter(pk=organization.pk).exists():", "if False:"),
        asks("operator", "api/organizations/<slug:slug>/audit/"),
    ),
    guard(
        "access: audit trail of the API",
        *("crews/api/audit.py", "AuditEntry.objects.visible_to(self.request.user)", "AuditEntry.objects.all()"),
        "crews/tests/test_audit_reading.py::test_the_api_gives_nothing_foreign",
        behind=(
            Edit(
                "crews/api/audit.py",
                "entries.filter(organization_id=self.managed_organization().pk)",
                "entries",
            ),
        ),
    ),
    guard(
        "access: an agent of another crew is given no task",
        *("crews/models/task.py", "if self.agent_id and self.crew_id and self.agent.crew_id != self.crew_id:", "if False:"),
        "crews/tests/test_admin_editing.py::test_a_task_is_given_to_agents_of_its_own_crew_alone",
        behind=(
            Edit("crews/admin/crew.py", "obj.agents.all()", "Agent.objects.whoever_asks()"),
        ),
    ),
    guard(
        "access: no token for a deactivated user, of the command",
        *("crews/management/commands/issue_token.py", "if not user.is_active:", "if False:"),
        "crews/tests/test_commands.py::test_no_token_for_nobody_or_for_the_deactivated",
    ),
    guard(
        "access: no demo accounts in production",
        *("crews/management/commands/seed_demo.py", "if not settings.DEBUG and not force:", "if False:"),
        "crews/tests/test_commands.py::test_a_production_site_gets_no_demo_by_accident",
    ),
)  # fmt: skip
