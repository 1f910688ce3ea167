"""Isolation and roles in the admin."""

from tests.guards.guard import Edit, guard

SCOPED = "crews/admin/scoped.py"
ADMIN_TESTS = "crews/tests/test_admin.py"
EDITING = "crews/tests/test_admin_editing.py"
PERMISSIONS = "crews/tests/test_admin_permissions.py"
SECRETS = "crews/tests/test_secrets_api.py::TestAdmin"
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
        "admin: models for who has a role",
        SCOPED,
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return bool(roles_of(request))",
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return True",
        f"{PERMISSIONS}::test_what_is_asked_of_a_model",
    ),
    guard(
        "admin: lists for who has a role",
        SCOPED,
        "if obj is None:\n            return bool(roles_of(request))\n        return is_among",
        "if obj is None:\n            return True\n        return is_among",
        matrix("homeless"),
    ),
    guard(
        "admin: a record asked for by its id",
        *(SCOPED, "is_among(self.model._default_manager.visible_to(request.user), obj)", "True"),
        f"{PERMISSIONS}::test_what_is_asked_of_a_record",
    ),
    guard(
        "admin: adding",
        SCOPED,
        "def has_add_permission(self, request: HttpRequest) -> bool:\n        return Role.ADMIN in roles_of(request)",
        "def has_add_permission(self, request: HttpRequest) -> bool:\n        return True",
        matrix("operator"),
    ),
    guard(
        "admin: changing, before a record is chosen",
        SCOPED,
        "if obj is None:\n            return Role.ADMIN in roles_of(request)\n        return is_among",
        "if obj is None:\n            return True\n        return is_among",
        matrix("homeless"),
    ),
    guard(
        "admin: deleting",
        *(SCOPED, "return self.has_change_permission(request, obj)", "return True"),
        matrix("operator"),
    ),
    guard(
        "admin: deleting what is selected",
        *(SCOPED, "if not all(self.has_delete_permission(request, obj) for obj in objs):", "if False:"),
        "crews/tests/test_admin_people.py::test_an_admin_elsewhere_who_watches_here_changes_nothing_here",
    ),
    guard(
        "admin: deleting what goes along",
        *(SCOPED, "if model_admin and not model_admin.has_delete_permission(request)", "if False"),
        "crews/tests/test_admin_people.py::test_a_crew_with_runs_is_deleted_by_a_superuser_alone",
    ),
    *(
        guard(f"admin: {what}", file, text, text.replace("visible_to(request.user)", "all()"), test)
        for what, file, text, test in (
            (
                "what a filter offers",
                SCOPED,
                "offered = field.remote_field.model._default_manager.visible_to(request.user)",
                f"{ADMIN_TESTS}::test_lists_filters_and_searches_tell_nothing_foreign[]",
            ),
            (
                "crews that a search of runs finds",
                "runs/admin/run.py",
                "crews = Crew.objects.visible_to(request.user)",
                f"{ADMIN_TESTS}::test_lists_filters_and_searches_tell_nothing_foreign[?q=acme]",
            ),
            (
                "runs that a search of executions finds",
                "runs/admin/tool_execution.py",
                "runs = Run.objects.visible_to(request.user)",
                "runs/tests/test_admin.py::test_executions_are_found_by_the_id_of_their_run",
            ),
        )
    ),
    guard(
        "admin: nothing is deleted under a crew at work",
        *(SCOPED, ".filter(activity=Crew.Status.BUSY)", ".none()"),
        "crews/tests/test_admin_people.py::test_nothing_is_deleted_under_a_crew_at_work[crew]",
    ),
    *(
        guard(
            f"admin: rows of a record, {act}",
            SCOPED,
            f"def has_{act}_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n"
            f'        return self._may(request, obj, "{scope}")',
            f"def has_{act}_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n"
            f"        return {without}",
            f"{PERMISSIONS}::test_what_is_asked_of_the_rows_of_a_record",
        )
        for act, scope, without in (
            ("view", "visible_to", "True"),
            ("add", "managed_by", 'self._may(request, obj, "visible_to")'),
            ("change", "managed_by", 'self._may(request, obj, "visible_to")'),
            ("delete", "managed_by", 'self._may(request, obj, "visible_to")'),
        )
    ),
    guard(
        "admin: rows of a record, reached through who asks",
        *(SCOPED, "return rows.visible_to(request.user)", "return rows"),
        matrix("viewer"),
    ),
    guard(
        "admin: rows of a record to come",
        *(SCOPED, 'if scope == "visible_to"', "if True"),
        f"{PERMISSIONS}::test_what_is_asked_of_the_rows_of_a_record",
    ),
    guard(
        "admin: records to look at are not added",
        SCOPED,
        "def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return False",
        "def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return True",
        matrix("superuser"),
    ),
    guard(
        "admin: records to look at are not changed",
        SCOPED,
        "def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return False",
        "def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return True",
        f"{PERMISSIONS}::test_what_is_to_look_at_is_changed_by_nobody",
    ),
    guard(
        "admin: colleagues of the organizations one manages",
        *(SCOPED, "Organization.objects.managed_by(request.user)", "Organization.objects.visible_to(request.user)"),
        f"{PERMISSIONS}::test_people_to_choose_from_are_those_of_organizations_one_manages",
    ),
    guard(
        "admin: a crew stays in its organization",
        *("crews/admin/crew.py", 'return ["organization"] if obj else []', "return []"),
        f"{EDITING}::test_a_crew_of_another_organization_is_neither_made_nor_moved",
    ),
    guard(
        "admin: agents of the own crew",
        *("crews/admin/crew.py", "obj.agents.all()", "Agent.objects.whoever_asks()"),
        f"{EDITING}::test_a_task_is_given_to_agents_of_its_own_crew_alone",
    ),
    guard(
        "admin: a membership stays its user's",
        *("crews/admin/membership.py", "disabled = bool(self.instance.pk)", "disabled = False"),
        "crews/tests/test_admin_people.py::test_an_admin_changes_roles_and_neither_the_user_nor_the_organization",
    ),
    guard(
        "admin: runs are deleted by superusers alone",
        *("runs/admin/run.py", "request.user.is_superuser and (obj is None or obj.is_over)", "obj is None or obj.is_over"),
        "crews/tests/test_admin_people.py::test_a_crew_with_runs_is_deleted_by_a_superuser_alone",
    ),
    guard(
        "admin: a run under way is deleted by nobody",
        *("runs/admin/run.py", "request.user.is_superuser and (obj is None or obj.is_over)", "request.user.is_superuser"),
        matrix("superuser"),
    ),
    guard(
        "admin: tools are deleted by superusers alone",
        *("runs/admin/tool_execution.py", "request.user.is_superuser and obj is None", "obj is None"),
        f"{PERMISSIONS}::test_what_has_happened_is_deleted_by_superusers_alone",
    ),
    guard(
        "admin: tools are deleted with their run alone",
        *("runs/admin/tool_execution.py", "request.user.is_superuser and obj is None", "request.user.is_superuser"),
        matrix("superuser"),
    ),
    *(
        guard(
            f"admin: organizations, {act}",
            "crews/admin/organization.py",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n"
            "        return request.user.is_superuser",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n        return True",
            matrix("admin"),
        )
        for act, more in (("add", ""), ("delete", ", obj: Organization | None = None"))
    ),
    guard(
        "admin: there are secrets, for admins alone",
        "crews/admin/secret.py",
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return Role.ADMIN in roles_of(request)",
        "def has_module_permission(self, request: HttpRequest) -> bool:\n        return True",
        f"{PERMISSIONS}::test_what_is_asked_of_a_model",
    ),
    guard(
        "admin: a secret keeps its name and its organization",
        *("crews/admin/secret.py", '*("organization", "name"),', ""),
        f"{SECRETS}::test_it_is_not_made_in_another_organization_nor_moved_nor_renamed",
    ),
    guard(
        "admin: a secret is shown on no form",
        *("crews/admin/secret.py", "render_value=False", "render_value=True"),
        f"{SECRETS}::test_a_refused_form_does_not_give_the_value_back",
    ),
    guard(
        "admin: steps without their secrets for who may not edit them",
        *("runs/admin/crew.py", "redact_params(task.steps, secrets_in(task.steps))", "task.steps"),
        f"{EDITING}::test_steps_are_shown_redacted_to_those_who_may_not_edit_them",
    ),
    *(
        guard(
            f"admin: users for superusers alone, {act}",
            "crews/admin/user.py",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n"
            "        return request.user.is_superuser",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n        return True",
            test,
        )
        for act, more, test in (
            ("module", "", f"{PERMISSIONS}::test_what_is_asked_of_a_model"),
            ("view", ", obj: User | None = None", matrix("admin")),
            ("add", "", f"{PERMISSIONS}::test_accounts_are_for_superusers_alone"),
            ("change", ", obj: User | None = None", matrix("admin")),
            ("delete", ", obj: User | None = None", matrix("admin")),
        )
    ),
    guard(
        "admin: users for superusers alone, history",
        *("crews/admin/user.py", "users if request.user.is_superuser else users.none()", "users"),
        matrix("admin"),
    ),
    *(
        guard(
            f"admin: failed sign-ins for superusers alone, {act}",
            "crews/admin/failed_sign_in.py",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n"
            "        return request.user.is_superuser",
            f"def has_{act}_permission(self, request: HttpRequest{more}) -> bool:\n        return True",
            test,
        )
        for act, more, test in (
            ("module", "", f"{PERMISSIONS}::test_what_is_asked_of_a_model"),
            ("view", ", obj: AccessAttempt | None = None", matrix("admin")),
            ("delete", ", obj: AccessAttempt | None = None", matrix("admin")),
        )
    ),
    guard(
        "admin: failed sign-ins for superusers alone, history",
        *("crews/admin/failed_sign_in.py", "if not request.user.is_superuser:", "if False:"),
        matrix("admin"),
    ),
)  # fmt: skip
