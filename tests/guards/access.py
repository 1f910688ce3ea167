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
        *(API, f"return summaries({MEMBERS_RUNS})", "return summaries(Run.objects.all())"),
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
        "access: progress of runs",
        *(VIEWS, "Run.objects.visible_to(request.user).filter(pk__in=ids)", "Run.objects.filter(pk__in=ids)"),
        "runs/tests/test_progress.py::test_of_another_organizations_run_nothing_is_told",
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
        *(LIVE, "        Crew.objects.visible_to(user)\n", "        Crew.objects\n"),
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
        *(LIVE, ".filter(crew=crew)[", "["),
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
        *("runs/models/run_queryset.py", "self.visible_to(user) | self.whoever_asks().filter(is_public=True)", "self.whoever_asks()"),
        asks("outsider", "runs/<id:pk>/"),
    ),
)  # fmt: skip
