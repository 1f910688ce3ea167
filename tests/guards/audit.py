"""The audit trail: who reads it, that nobody changes it, and what it does not tell."""

from tests.guards.admin import PERMISSIONS, matrix
from tests.guards.guard import guard

ENTRY_ADMIN = "crews/admin/audit_entry.py"
PROTECTION = "crews/tests/test_audit_protection.py"
READING = "crews/tests/test_audit_reading.py"

AUDIT = (
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
    guard(
        "audit: users changed many at a time",
        *("crews/audit/bulk.py", "tell(watched.fields, before[user.pk], user)", "pass"),
        "crews/tests/test_audit_bulk.py::test_an_update_is_told_of_each_user_it_changes"
        "[change0-user.deactivated]",
    ),
    guard(
        "audit: there is a trail, for admins alone",
        ENTRY_ADMIN,
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return Role.ADMIN in roles_of(request)",
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return True",
        f"{PERMISSIONS}::test_what_is_asked_of_a_model",
    ),
    guard(
        "audit: the list for admins alone",
        ENTRY_ADMIN,
        "if obj is None:\n            return Role.ADMIN in roles_of(request)\n",
        "if obj is None:\n            return True\n",
        matrix("operator"),
    ),
    guard(
        "audit: an entry asked for by its id",
        *(ENTRY_ADMIN, "return super().has_view_permission(request, obj)", "return True"),
        f"{PERMISSIONS}::test_an_entry_is_seen_by_admins_of_its_organization",
    ),
    guard(
        "audit: no entry is deleted",
        ENTRY_ADMIN,
        "def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:\n        return False",
        "def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:\n        return True",
        matrix("superuser"),
    ),
    guard(
        "audit: an entry leads to what one may see",
        *(ENTRY_ADMIN, "records = records.visible_to(request.user)", "pass"),
        f"{READING}::test_an_entry_links_to_nothing_that_its_reader_may_not_see",
    ),
    guard(
        "audit: an entry leads superusers alone to an account",
        *(ENTRY_ADMIN, "elif not request.user.is_superuser:", "elif False:"),
        f"{READING}::test_an_entry_links_to_nothing_that_its_reader_may_not_see",
    ),
    guard(
        "audit: a password is not told",
        *("crews/audit/receivers.py", "told = {} if name in watched.hidden else {name: change}", "told = {name: change}"),
        "crews/tests/test_audit_people.py::test_no_password_is_told_not_even_its_hash",
    ),
    guard(
        "audit: of what is deleted no secret is told",
        *("crews/audit/receivers.py", "tuple(name for name in watched.fields if name not in watched.hidden)", "watched.fields"),
        "crews/tests/test_audit.py::test_a_secret_is_told_of_without_its_value",
    ),
    guard(
        "audit: of steps the tools are told alone",
        *("crews/audit/watched.py", 'value = ", ".join(str(step.get("tool")) for step in value)', "value = str(value)"),
        "crews/tests/test_audit.py::test_of_steps_only_the_tools_are_told",
    ),
    guard(
        "audit: what was typed for a name is not told",
        *("crews/audit/sign_in.py", 'str(user) if user else "a name that nobody has"', "username"),
        "crews/tests/test_audit_people.py::test_a_failure_is_told_and_not_what_was_typed",
    ),
    guard(
        "audit: failures of one account are bounded",
        *("crews/audit/sign_in.py", 'told["of_one"] >= MOST_OF_ONE or ', ""),
        "crews/tests/test_audit_people.py::test_failures_are_bounded_for_one_account_and_for_all",
    ),
    guard(
        "audit: failures of all are bounded",
        *("crews/audit/sign_in.py", ' or told["all"] >= MOST_OF_ALL', ""),
        "crews/tests/test_audit_people.py::test_failures_are_bounded_for_one_account_and_for_all",
    ),
    guard(
        "audit: only old entries are removed",
        *("crews/management/commands/prune_audit.py", "if not 1 <= older_than <= LONGEST_D:", "if False:"),
        "crews/tests/test_audit_protection.py::test_an_age_that_is_none_is_refused",
    ),
)  # fmt: skip
