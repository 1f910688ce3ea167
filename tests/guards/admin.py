"""Isolation in the admin, and the audit trail."""

from tests.guards.guard import Edit, guard

SCOPED = "crews/admin/scoped.py"
ADMIN_TESTS = "crews/tests/test_admin.py"
EDITING = "crews/tests/test_admin_editing.py"
PROTECTION = "crews/tests/test_audit_protection.py"
VISIBLE = "super().get_queryset(request).visible_to(request.user)"


def matrix(person: str) -> str:
    return f"{ADMIN_TESTS}::test_every_view_answers_as_the_matrix_says[{person}]"


ADMIN = (
    guard(
        "admin: records",
        *(SCOPED, VISIBLE, "super().get_queryset(request)"),
        f"{ADMIN_TESTS}::test_lists_filters_and_searches_tell_nothing_foreign[]",
    ),
    guard(
        "admin: editing",
        *(SCOPED, "is_among(self.model._default_manager.managed_by(request.user), obj)", "True"),
        f"{EDITING}::test_a_crew_is_edited_by_its_admins_alone",
    ),
    guard(
        "admin: choices of foreign keys",
        SCOPED,
        "related._default_manager.managed_by(request.user)",
        "related._default_manager.all()",
        f"{EDITING}::test_a_crew_of_another_organization_is_neither_made_nor_moved",
    ),
    guard(
        "admin: people to choose from",
        SCOPED,
        "users.filter(memberships__organization__in=managed).distinct()",
        "users",
        "crews/tests/test_admin_people.py::test_an_admin_adds_colleagues_and_nobody_else",
    ),
    guard(
        "admin: staff alone",
        SCOPED,
        "if not (request.user.is_active and request.user.is_staff):",
        "if request.user.is_anonymous:",
        "crews/tests/test_scoping.py::test_in_the_admin_only_staff_have_a_role",
    ),
    guard(
        "admin: start and cancel",
        *("runs/admin/acting.py", '"operable_by")', '"visible_to")'),
        "runs/tests/test_admin.py::test_cancelling_is_refused_to_those_who_may_not[viewer]",
    ),
    guard(
        "admin: secrets for admins alone",
        *("crews/admin/secret.py", ".managed_by(request.user)\n\n", "\n\n"),
        matrix("operator"),
        behind=(
            Edit(
                "crews/admin/secret.py",
                "is_among(Secret.objects.managed_by(request.user), obj)",
                "True",
            ),
            Edit(
                "crews/admin/secret.py",
                "        if obj is None:\n            return Role.ADMIN in roles_of(request)\n",
                "",
            ),
        ),
    ),
    guard(
        "admin: recent actions",
        *("crewops/admin_site.py", "entries if request.user.is_superuser else entries.none()", "entries"),
        f"{ADMIN_TESTS}::test_recent_actions_name_no_record_to_who_may_have_lost_the_right_to_see_it",
    ),
    guard(
        "admin: no view that forwards to any record",
        *("crewops/admin_site.py", ' if getattr(url, "name", "") != "view_on_site"', ""),
        f"{ADMIN_TESTS}::test_there_is_no_view_that_forwards_to_any_record",
    ),
    guard(
        "audit: entries for admins alone",
        *("crews/models/audit_entry.py", "self.managed_by(user)", "super().visible_to(user)"),
        matrix("operator"),
    ),
    guard(
        "audit: the database refuses changes",
        *("crews/audit/protection.py", '_execute(connection, _PROTECT)', "pass"),
        f"{PROTECTION}::test_the_database_refuses[update]",
    ),
    guard(
        "audit: the query set refuses changes",
        "crews/models/audit_entry.py",
        "def update(self, **kwargs: Any) -> NoReturn:\n        _refuse()",
        "def update(self, **kwargs: Any) -> NoReturn:\n        return super().update(**kwargs)",
        f"{PROTECTION}::test_the_orm_says_so_beforehand",
    ),
    guard(
        "audit: changes that send no signals are refused",
        *("crews/tracking.py", 'self._refuse("update()")', "return super().update(**kwargs)"),
        "realtime/tests/test_signals.py::test_what_would_bypass_the_signals_is_refused[update]",
    ),
)  # fmt: skip
