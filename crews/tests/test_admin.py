"""The answer of each admin view to each kind of user, and that no foreign record is shown.

The records are made once for all tests here, in a transaction that is never committed.
"""

import re
import uuid
from collections.abc import Iterator
from copy import deepcopy

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey, Model
from django.test import Client

from conftest import PASSWORD, make_tenant
from crews.models import ApiKey, ApprovalRule, AuditEntry, Crew, Membership, Organization, Secret
from runs.models import ModelCall, Run, ToolExecution, Worker
from runs.schedules.models import Schedule
from tests.admin import PEOPLE, RANDOM, Clients, World, answer, clients, url, views
from tests.shared_records import shared_records

# Every view of every registered model, asked for with GET. A run that is active is deleted by
# nobody.
MATRIX = """
view                              superuser admin operator viewer outsider homeless civilian

crews_organization_changelist     200       200   200      200    200      403      login
crews_organization_add            200       403   403      403    403      403      login
crews_organization_change         200       200   200      200    gone     403      login
crews_organization_history        200       200   200      200    gone     gone     login
crews_organization_delete         200       403   403      403    403      403      login

crews_membership_changelist       200       200   200      200    200      403      login
crews_membership_add              200       200   403      403    200      403      login
crews_membership_change           200       200   200      200    gone     403      login
crews_membership_history          200       200   200      200    gone     gone     login
crews_membership_delete           200       200   403      403    gone     403      login

crews_crew_changelist             200       200   200      200    200      403      login
crews_crew_add                    200       200   403      403    200      403      login
crews_crew_change                 200       200   200      200    gone     403      login
crews_crew_history                200       200   200      200    gone     gone     login
crews_crew_delete                 200       200   403      403    gone     403      login
crews_crew_start_run              200       200   200      403    403      403      login
crews_crew_open_live_page         302       302   302      302    403      403      login

crews_apikey_changelist           200       200   403      403    200      403      login
crews_apikey_add                  403       403   403      403    403      403      login
crews_apikey_change               200       200   403      403    gone     403      login
crews_apikey_history              200       200   gone     gone   gone     gone     login
crews_apikey_delete               403       403   403      403    403      403      login
crews_secret_changelist           200       200   403      403    200      403      login
crews_secret_add                  200       200   403      403    200      403      login
crews_secret_change               200       200   403      403    gone     403      login
crews_secret_history              200       200   gone     gone   gone     gone     login
crews_secret_delete               200       200   403      403    gone     403      login
crews_approvalrule_changelist     200       200   200      200    200      403      login
crews_approvalrule_add            200       200   403      403    200      403      login
crews_approvalrule_change         200       200   200      200    gone     403      login
crews_approvalrule_history        200       200   200      200    gone     gone     login
crews_approvalrule_delete         200       200   403      403    gone     403      login

schedules_schedule_changelist     200       200   200      200    200      403      login
schedules_schedule_add            200       200   403      403    200      403      login
schedules_schedule_change         200       200   200      200    gone     403      login
schedules_schedule_history        200       200   200      200    gone     gone     login
schedules_schedule_delete         200       200   403      403    gone     403      login

crews_auditentry_changelist       200       200   403      403    200      403      login
crews_auditentry_add              403       403   403      403    403      403      login
crews_auditentry_change           200       200   403      403    gone     403      login
crews_auditentry_history          200       200   gone     gone   gone     gone     login
crews_auditentry_delete           403       403   403      403    403      403      login

runs_run_changelist               200       200   200      200    200      403      login
runs_run_add                      403       403   403      403    403      403      login
runs_run_change                   200       200   200      200    gone     403      login
runs_run_history                  200       200   200      200    gone     gone     login
runs_run_delete                   403       403   403      403    403      403      login
runs_run_cancel                   200       200   200      403    403      403      login
runs_run_pause                    200       200   200      403    403      403      login
runs_run_unpause                  200       200   200      403    403      403      login
runs_run_message                  200       200   200      403    403      403      login
runs_run_run_again                200       200   200      403    403      403      login
runs_run_resume                   200       200   200      403    403      403      login
runs_run_open_live_page           302       302   302      302    403      403      login

runs_toolexecution_changelist     200       200   200      200    200      403      login
runs_toolexecution_add            403       403   403      403    403      403      login
runs_toolexecution_change         200       200   200      200    gone     403      login
runs_toolexecution_history        200       200   200      200    gone     gone     login
runs_toolexecution_delete         403       403   403      403    403      403      login

runs_modelcall_changelist         200       200   200      200    200      403      login
runs_modelcall_add                403       403   403      403    403      403      login
runs_modelcall_change             200       200   200      200    gone     403      login
runs_modelcall_history            200       200   200      200    gone     gone     login
runs_modelcall_delete             403       403   403      403    403      403      login

auth_user_changelist              200       403   403      403    403      403      login
auth_user_add                     200       403   403      403    403      403      login
auth_user_change                  200       403   403      403    403      403      login
auth_user_history                 200       gone  gone     gone   gone     gone     login
auth_user_delete                  200       403   403      403    403      403      login
auth_user_password_change         200       403   403      403    403      403      login

axes_accessattempt_changelist     200       403   403      403    403      403      login
axes_accessattempt_add            403       403   403      403    403      403      login
axes_accessattempt_change         200       403   403      403    403      403      login
axes_accessattempt_history        200       gone  gone     gone   gone     gone     login
axes_accessattempt_delete         200       403   403      403    403      403      login
"""
ROWS = {
    cells[0]: dict(zip(PEOPLE, cells[1:], strict=True))
    for cells in map(str.split, MATRIX.strip().splitlines()[1:])
    if cells
}
REGISTERED = {
    ApiKey,
    ApprovalRule,
    AuditEntry,
    Organization,
    Membership,
    Crew,
    Secret,
    Run,
    ModelCall,
    ToolExecution,
    User,
    AccessAttempt,
    Schedule,
}
FOREIGN_KEYS = [
    field
    for model in apps.get_models()
    if model._meta.app_label in ("crews", "runs", "schedules", "auth")
    for field in model._meta.fields
    if isinstance(field, ForeignKey)
]


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker) -> Iterator[tuple[World, Clients]]:
    with shared_records(django_db_blocker):
        acme, globex = make_tenant("acme"), make_tenant("globex")
        superuser = User.objects.create_superuser("root", password=PASSWORD)
        Worker.objects.beat("w", tier="namespaces")
        yield World(acme), clients(acme, globex, superuser)


@pytest.fixture
def of_test(made, worker_alive) -> tuple[World, Clients]:
    """What was made, as it was made, for one test."""
    return deepcopy(made)


@pytest.fixture
def world(of_test) -> World:
    return of_test[0]


@pytest.fixture
def staff(of_test) -> Clients:
    return of_test[1]


def address(world: World, view: str) -> str:
    """The view's URL, of our record where it is of one."""
    record = _record(world, view)
    return url(view, record.pk) if record else url(view)


def url_of_missing(world: World, view: str) -> str:
    """The same for a record that there is not."""
    record = _record(world, view)
    if record is None:
        return url(view)
    return url(view, uuid.uuid4() if isinstance(record.pk, uuid.UUID) else 10**9)


def _record(world: World, view: str) -> Model | None:
    app, model, _ = view.split("_", 2)
    of_one = (view, True) in views(apps.get_model(app, model))
    return world.records[f"{app}.{model}"] if of_one else None


def test_every_model_and_every_view_of_the_admin_is_in_the_matrix():
    assert set(admin.site._registry) == REGISTERED
    assert {name for model in REGISTERED for name, _ in views(model)} == set(ROWS)


@pytest.mark.parametrize("person", PEOPLE)
def test_every_view_answers_as_the_matrix_says(world, staff, person):
    for view, answers in ROWS.items():
        response = staff[person].get(address(world, view))
        assert answer(response) == answers[person], view
        if person in ("outsider", "homeless", "civilian"):
            assert world.texts_in(response) == [], view
        elif answers[person] == "200" and view.endswith(("_change", "_changelist")):
            assert world.texts_in(response), view  # so these texts would give a leak away


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("person", ["outsider", "homeless", "civilian"])
def test_another_organizations_record_answers_like_a_missing_one(
    world, staff, settings, person, method
):
    settings.WORKER_ALIVE_S = 3600  # or pages begin to say, half-way, that no worker is alive
    client = staff[person]
    of_records = [view for view in ROWS if address(world, view) != url_of_missing(world, view)]
    assert len(of_records) > 20
    for view in of_records:
        seen = []
        for missing in (False, True):
            path = url_of_missing(world, view) if missing else address(world, view)
            response = getattr(client, method)(path, {"post": "yes", "_form_submitted": "on"})
            text = response.content.decode() + response.headers.get("Location", "")
            if message_waits(client):
                text += client.get(url("index")).content.decode()  # shows the message
                assert not message_waits(client)
            pk = re.search(r"/([\w-]+)/\w+/$", path)[1]
            text = text.replace(f"/{pk}/", "/pk/").replace(f"“{pk}”", "“pk”")
            seen.append((response.status_code, RANDOM.sub("", text)))
        assert seen[0] == seen[1], view


def message_waits(client: Client) -> bool:
    """Whether the next page shows a message about an earlier request."""
    return bool(client.cookies.get("messages") and client.cookies["messages"].value)


def test_a_missing_record_leaves_a_message_for_the_next_page(world, staff):
    """The control of the test above: so there is something to compare there."""
    staff["admin"].get(url_of_missing(world, "crews_crew_change"))
    assert message_waits(staff["admin"])


def test_to_those_who_may_see_it_a_record_answers_unlike_a_missing_one(world, staff):
    for view, answers in ROWS.items():
        if address(world, view) != url_of_missing(world, view) and answers["superuser"] != "403":
            here = staff["superuser"].get(address(world, view))
            gone = staff["superuser"].get(url_of_missing(world, view))
            assert answer(here) != answer(gone), view


@pytest.mark.parametrize(
    "query", ["", "?q=acme", "?_facets=True", "?e=1", "?q=Acme+crew&all=", "?p=1"]
)
def test_lists_filters_and_searches_show_nothing_foreign(world, staff, query):
    for view in ROWS:
        if not view.endswith("_changelist") or view.startswith(("auth", "axes")):
            continue
        response = staff["outsider"].get(url(view) + query, follow=True)
        assert response.status_code == 200, view
        assert world.texts_in(response) == [], view
        assert "acme-v" not in response.content.decode()


def test_a_filter_on_a_foreign_record_finds_nothing(world, staff):
    filters = {
        "crews_crew": f"organization__id__exact={world.tenant.organization.pk}",
        "crews_membership": f"organization__id__exact={world.tenant.organization.pk}",
        "crews_secret": f"organization__id__exact={world.tenant.organization.pk}",
        "runs_run": f"crew__id__exact={world.tenant.crew.pk}",
        "runs_toolexecution": f"task_execution__run__crew__id__exact={world.tenant.crew.pk}",
    }
    for model, query in filters.items():
        path = f"{url(f'{model}_changelist')}?{query}"
        assert world.texts_in(staff["admin"].get(path)), model
        assert world.texts_in(staff["outsider"].get(path)) == [], model


@pytest.mark.parametrize("field", FOREIGN_KEYS, ids=str)
def test_autocompletes_offer_nothing_foreign(world, staff, field):
    query = {
        "app_label": field.model._meta.app_label,
        "model_name": field.model._meta.model_name,
        "field_name": field.name,
    }
    for person in PEOPLE:
        response = staff[person].get(url("autocomplete"), query)
        assert response.status_code in (200, 302, 403, 404)
        if person in ("outsider", "homeless", "civilian"):
            assert world.texts_in(response) == []
            assert "acme" not in response.content.decode().lower()
    if field.related_model is User:
        assert staff["superuser"].get(url("autocomplete"), query).status_code == 200
        assert staff["admin"].get(url("autocomplete"), query).status_code == 403


def test_the_index_the_search_and_the_rest_of_the_site_show_nothing_foreign(world, staff):
    pages = [url("index"), f"{url('search')}?s=acme&extended=1", url("jsi18n")]
    pages += [url("app_list", app) for app in ("crews", "runs")]
    for path in pages:
        response = staff["outsider"].get(path)
        assert response.status_code == 200
        assert world.texts_in(response) == []
    assert staff["outsider"].get(url("app_list", "auth")).status_code == 404
    assert staff["superuser"].get(url("app_list", "auth")).status_code == 200


def test_recent_actions_name_no_record_to_who_may_have_lost_the_right_to_see_it(world, staff):
    crew = world.tenant.crew
    for person, shown in (("superuser", 1), ("outsider", 0)):
        user = User.objects.get(pk=staff[person].session["_auth_user_id"])
        LogEntry.objects.log_actions(user.pk, [crew], CHANGE, single_object=True)
        response = staff[person].get(url("index"))
        assert len(response.context["log_entries"]) == shown
        assert bool(world.texts_in(response)) is bool(shown)


def test_there_is_no_view_that_forwards_to_any_record(world, staff):
    for record in world.records.values():
        kind = ContentType.objects.get_for_model(record)
        for pk in (record.pk, uuid.uuid4()):
            for person in ("superuser", "outsider"):
                assert staff[person].get(f"/admin/r/{kind.pk}/{pk}/").status_code == 404


def test_pages_of_the_admin_carry_a_policy_without_inline_scripts(world, staff, client):
    pages = [client.get(url("login"))]
    pages += [staff["superuser"].get(address(world, view)) for view in ROWS]
    assert len(pages) > 30
    for response in pages:
        if response.status_code != 200:
            continue
        policy = response.headers["Content-Security-Policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self' 'unsafe-eval'"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=", response.content.decode())


def test_the_sidebar_shows_users_to_superusers_alone(staff):
    users = f'href="{url("auth_user_changelist")}"'
    assert users in staff["superuser"].get(url("index")).content.decode()
    assert users not in staff["admin"].get(url("index")).content.decode()
