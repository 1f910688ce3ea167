"""Isolation between organizations, and the roles within one: in the query sets, views and the API."""

from tests.guards.guard import Edit, guard

VIEWS, API, LIVE = "runs/views.py", "runs/api/views.py", "realtime/views.py"
SECRETS_API, ORGANIZATIONS = "crews/api/secrets.py", "crews/api/organizations.py"
MEMBERS_RUNS = "Run.objects.visible_to(self.request.user)"
AS_A_MEMBER = "Membership.objects.filter(user=user, role__in=roles)"
SECRET = "api/organizations/<slug:slug>/secrets/<slug:name>/"


def asks(person: str, route: str, method: str = "GET") -> str:
    """The cell of the access matrix for ``person``."""
    test = "test_the_answer_is_that_of_the_matrix"
    return f"tests/test_access.py::{test}[{route}-{method}-{person}]"


ACCESS = (
    guard(
        "access: organization",
        *("crews/scoping.py", AS_A_MEMBER, "Membership.objects.filter(role__in=roles)"),
        asks("outsider", "api/crews/<id:pk>/"),
    ),
    guard(
        "access: role",
        *("crews/scoping.py", AS_A_MEMBER, "Membership.objects.filter(user=user)"),
        asks("viewer", "api/crews/<id:pk>/runs/", "POST"),
    ),
    guard(
        "access: deactivated user",
        *("crews/scoping.py", "if not user.is_active:", "if user.is_anonymous:"),
        "crews/tests/test_scoping.py::test_a_deactivated_user_reaches_nothing",
    ),
    guard(
        "access: the second wall",
        *("crews/scoping.py", "if not known and _answering.get():", "if False:"),
        "tests/test_second_wall.py::test_a_view_that_forgets_shows_nothing[/page/-forgot]",
    ),
    guard(
        "access: the second wall before sockets",
        *("realtime/consumers/socket.py", "with answering():", "with answering(False):"),
        "tests/test_second_wall.py::test_a_socket_that_forgets_is_closed[Careless]",
    ),
    guard(
        "access: rows of a record's page",
        *("crews/admin/scoped.py", "named.queryset = self.queryset", "pass"),
        "crews/tests/test_admin_editing.py::test_an_inline_row_of_another_crew_is_not_taken_over",
    ),
    guard(
        "access: nobody signed in to the API",
        *("crewops/settings/api.py", "permissions.IsAuthenticated", "permissions.AllowAny"),
        asks("anonymous", "api/crews/"),
    ),
    guard(
        "access: nobody signed in to a live page",
        *(LIVE, "login_required(never_cache(", "never_cache(("),
        asks("anonymous", "/"),
    ),
    guard(
        "access: crews of the API",
        *("crews/api/views.py", "Crew.objects.visible_to(self.request.user)", "Crew.objects.all()"),
        asks("outsider", "api/crews/<id:pk>/"),
    ),
    guard(
        "access: runs of the API",
        *(API, f"return {MEMBERS_RUNS}", "return Run.objects.all()"),
        asks("outsider", "api/runs/"),
    ),
    guard(
        "access: a run of the API",
        *(API, f"            {MEMBERS_RUNS}", "            Run.objects.all()"),
        asks("outsider", "api/runs/<id:pk>/"),
    ),
    guard(
        "access: a tool's output of the API",
        *(API, "ToolExecution.objects.visible_to(self.request.user)", "ToolExecution.objects.all()"),
        asks("outsider", "api/tool-executions/<id:pk>/output/"),
    ),
    guard(
        "access: a record that is not theirs to see, of the API",
        *(API, "queryset.visible_to(request.user), pk=pk", "queryset.all(), pk=pk"),
        asks("outsider", "api/runs/<id:pk>/cancel/", "POST"),
    ),
    guard(
        "access: operators of the API",
        *(API, "if not queryset.operable_by(request.user).filter(pk=pk).exists():", "if False:"),
        asks("viewer", "api/runs/<id:pk>/cancel/", "POST"),
    ),
    guard(
        "access: crews to filter by, of the API",
        *("runs/api/filters.py", "Crew.objects.visible_to(request.user)", "Crew.objects.all()"),
        "runs/tests/api/test_list.py::TestList::test_a_foreign_crew_is_refused_exactly_like_a_missing_one",
    ),
    guard(
        "access: events of the API",
        *("realtime/api/views.py", "self.owners.visible_to(request.user)", "self.owners.all()"),
        asks("outsider", "api/runs/<id:pk>/events/"),
    ),
    guard(
        "access: secrets for admins alone, of the API",
        *(SECRETS_API, "Secret.objects.managed_by(self.request.user)", "Secret.objects.all()"),
        asks("operator", SECRET),
        behind=(
            Edit(
                ORGANIZATIONS,
                "if not Organization.objects.managed_by(user).filter(pk=organization.pk).exists():",
                "if False:",
            ),
        ),
    ),
    guard(
        "access: secrets of the organization asked for",
        *(SECRETS_API, ".filter(organization=self.managed_organization())", ".all()"),
        "crews/tests/test_secrets_api.py::test_each_organization_lists_its_own_to_an_admin_of_both",
    ),
    guard(
        "access: audit trail of the organization asked for",
        "crews/api/audit.py",
        "entries.filter(organization_id=self.managed_organization().pk)",
        "entries",
        "crews/tests/test_audit_reading.py::test_the_api_gives_nothing_foreign",
    ),
    guard(
        "access: an organization that is not theirs to see",
        *(ORGANIZATIONS, "Organization.objects.visible_to(user)", "Organization.objects.all()"),
        asks("outsider", SECRET),
    ),
    guard(
        "access: run page",
        *(VIEWS, "Run.objects.readable_by(request.user).select", "Run.objects.select"),
        asks("outsider", "runs/<id:pk>/"),
    ),
    guard(
        "access: list of runs",
        *(VIEWS, "form.filter(Run.objects.visible_to(request.user))", "form.filter(Run.objects.all())"),
        asks("outsider", "runs/"),
    ),
    guard(
        "access: crews to filter by",
        *("runs/forms.py", "Crew.objects.visible_to(user)", "Crew.objects.all()"),
        asks("outsider", "runs/"),
    ),
    guard(
        "access: a tool through its own run",
        *(VIEWS, "ToolExecution.objects.whoever_asks().filter(task_execution__run=record)", "ToolExecution.objects.whoever_asks()"),
        "runs/tests/test_views.py::TestReading::test_a_tool_is_reached_through_its_own_run_only",
    ),
    guard(
        "access: start",
        *(VIEWS, 'Crew.objects, "operable_by"', 'Crew.objects, "visible_to"'),
        asks("viewer", "crews/<id:pk>/runs/", "POST"),
    ),
    guard(
        "access: cancel",
        *(VIEWS, '"operable_by", pk, "cancel', '"visible_to", pk, "cancel'),
        asks("viewer", "runs/<id:pk>/cancel/", "POST"),
    ),
    guard(
        "access: run again",
        *(VIEWS, 'Run.objects, "operable_by", pk, "start', 'Run.objects, "visible_to", pk, "start'),
        asks("viewer", "runs/<id:pk>/retry/", "POST"),
    ),
    guard(
        "access: share",
        *(VIEWS, 'Run.objects, "managed_by"', 'Run.objects, "operable_by"'),
        asks("operator", "runs/<id:pk>/share/", "POST"),
    ),
    guard(
        "access: a record that is not theirs to see",
        *(VIEWS, "get_object_or_404(objects.visible_to(request.user), pk=pk)", "pass"),
        asks("outsider", "runs/<id:pk>/cancel/", "POST"),
    ),
    guard(
        "access: crews on the dashboard",
        *(LIVE, "crews = Crew.objects.visible_to(request.user)", "crews = Crew.objects"),
        asks("outsider", "/"),
    ),
    guard(
        "access: runs on the dashboard",
        *(LIVE, "runs = Run.objects.visible_to(request.user)\n", "runs = Run.objects.all()\n"),
        asks("outsider", "/"),
    ),
    guard(
        "access: crew page",
        *(LIVE, "        Crew.objects.visible_to(request.user).select", "        Crew.objects.select"),
        asks("outsider", "crews/<id:pk>/"),
    ),
    guard(
        "access: runs of the crew page's own crew",
        *(LIVE, "        .filter(crew=crew)\n", ""),
        "realtime/tests/pages/test_crew_page.py::TestCrewPage::test_lists_no_run_of_another_crew",
    ),
    guard(
        "access: operators are no viewers",
        *("crews/scoping.py", 'self._within(user, "operator", "admin")', 'self._within(user, "viewer", "operator", "admin")'),
        asks("viewer", "crews/<id:pk>/runs/", "POST"),
    ),
    guard(
        "access: admins are no operators",
        *("crews/scoping.py", 'self._within(user, "admin")', 'self._within(user, "operator", "admin")'),
        asks("operator", "runs/<id:pk>/share/", "POST"),
    ),
    guard(
        "access: shared runs alone are everybody's",
        *("runs/models/run_queryset.py", "self.visible_to(user) | self.filter(is_public=True)", "self.all()"),
        asks("outsider", "runs/<id:pk>/"),
    ),
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
        "Run.objects.visible_to(request.user)\n        .filter(crew=crew)\n",
        "Run.objects.all()\n",
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
            Edit("crews/admin/crew.py", "Agent.objects.filter(crew=obj)", "Agent.objects.all()"),
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
