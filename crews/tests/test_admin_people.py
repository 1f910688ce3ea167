"""Members, users and deleting in the admin: who may, and who is refused."""

import pytest
from django.contrib.auth.models import User

from conftest import PASSWORD
from crews.models import Crew, Membership, Organization
from crews.tests.test_admin_editing import crew_form, errors
from runs.models import Run
from tests.admin import answer, clients, url

DELETE = {"post": "yes"}


@pytest.fixture
def staff(acme, globex, superuser):
    return clients(acme, globex, superuser)


def selected(crew: Crew) -> dict[str, str]:
    return {"action": "delete_selected", "_selected_action": str(crew.pk), "post": "yes"}


def test_an_admin_changes_roles_and_neither_the_user_nor_the_organization(acme, globex, staff):
    membership = Membership.objects.get(user=acme.viewer)
    form = {"role": "operator", "user": globex.viewer.pk, "organization": globex.organization.pk}
    path = url("crews_membership_change", membership.pk)
    assert staff["admin"].post(path, form).status_code == 302
    membership.refresh_from_db()
    assert (membership.role, membership.user) == ("operator", acme.viewer)
    assert membership.organization == acme.organization


@pytest.mark.parametrize("inline", [False, True], ids=["form", "inline"])
def test_an_admin_adds_colleagues_and_nobody_else(acme, globex, staff, inline):
    other = Organization.objects.create(name="Acme Labs", slug="labs")
    Membership.objects.create(organization=other, user=acme.admin, role="admin")

    def add(user, organization):
        if not inline:
            form = {"organization": organization.pk, "user": user.pk, "role": "viewer"}
            return staff["admin"].post(url("crews_membership_add"), form)
        form = {"name": organization.name, "slug": organization.slug}
        form |= {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0}
        form |= {"memberships-0-user": user.pk, "memberships-0-role": "viewer"}
        return staff["admin"].post(url("crews_organization_change", organization.pk), form)

    assert "Select a valid choice" in errors(add(globex.viewer, other))
    assert not other.members.filter(pk=globex.viewer.pk).exists()
    assert add(acme.viewer, other).status_code == 302
    assert other.members.filter(pk=acme.viewer.pk).exists()
    assert answer(add(acme.viewer, globex.organization)) == ("gone" if inline else "200")
    assert globex.organization.members.count() == 3


@pytest.mark.parametrize("person", ["admin", "operator", "viewer", "outsider", "homeless"])
def test_nobody_but_a_superuser_makes_users_or_superusers(acme, staff, person):
    own = User.objects.get(pk=staff[person].session["_auth_user_id"])
    form = {"username": own.username, "is_superuser": "on", "is_staff": "on", "is_active": "on"}
    assert staff[person].post(url("auth_user_change", own.pk), form).status_code == 403
    form = {"username": "new", "password1": "a good password", "password2": "a good password"}
    assert staff[person].post(url("auth_user_add"), form).status_code == 403
    path = url("auth_user_password_change", acme.operator.pk)
    assert staff[person].post(path, form).status_code == 403
    assert not User.objects.filter(username="new").exists()
    assert User.objects.filter(is_superuser=True).count() == 1


def test_a_superuser_invites_somebody_into_an_organization(acme, staff):
    form = {"username": "new", "password1": "a good password", "password2": "a good password"}
    form |= {"usable_password": "true", "memberships-TOTAL_FORMS": 1}
    form |= {"memberships-INITIAL_FORMS": 0, "memberships-0-role": "operator"}
    form |= {"memberships-0-organization": acme.organization.pk}
    response = staff["superuser"].post(url("auth_user_add"), form)
    assert response.status_code == 302
    assert Membership.objects.get(user__username="new").role == "operator"


def test_a_deleted_user_leaves_the_runs(acme, staff, worker_alive):
    run = acme.start_run()
    run.finish("succeeded")
    path = url("auth_user_delete", acme.operator.pk)
    assert staff["superuser"].post(path, DELETE).status_code == 302
    run.refresh_from_db()
    assert run.started_by is None


def test_a_crew_without_runs_is_deleted_by_its_admin(acme, staff):
    response = staff["admin"].post(url("crews_crew_delete", acme.crew.pk), DELETE)
    assert response.status_code == 302
    assert not Crew.objects.not_deleted().filter(pk=acme.crew.pk).exists()


def test_a_crew_with_runs_is_deleted_by_a_superuser_alone(acme, staff, worker_alive):
    acme.start_run().finish("succeeded")
    path = url("crews_crew_delete", acme.crew.pk)
    assert staff["admin"].get(path).context["perms_lacking"] == {"run"}
    assert staff["admin"].post(path, DELETE).status_code == 403
    assert Crew.objects.filter(pk=acme.crew.pk).exists()
    assert dict(staff["superuser"].get(path).context["model_count"])["runs"] == 1
    assert staff["superuser"].post(path, DELETE).status_code == 302
    assert not Run.objects.not_deleted().filter(crew=acme.crew.pk).exists()


@pytest.mark.parametrize("model", ["crew", "organization"])
def test_nothing_is_deleted_under_a_crew_at_work(acme, staff, worker_alive, model):
    run = acme.start_run()
    path = url(f"crews_{model}_delete", getattr(acme, model).pk)
    response = staff["superuser"].post(path, DELETE)
    assert "which is busy with a run" in response.content.decode()
    assert Run.objects.filter(pk=run.pk).exists()
    run.finish("succeeded")
    assert staff["superuser"].post(path, DELETE).status_code == 302
    assert not Run.objects.not_deleted().filter(pk=run.pk).exists()


@pytest.mark.parametrize("person", ["operator", "viewer", "outsider"])
def test_deleting_what_is_selected_reaches_only_what_one_manages(acme, staff, person):
    staff[person].post(url("crews_crew_changelist"), selected(acme.crew))
    assert Crew.objects.filter(pk=acme.crew.pk).exists()
    staff["admin"].post(url("crews_crew_changelist"), selected(acme.crew))
    assert not Crew.objects.not_deleted().filter(pk=acme.crew.pk).exists()


def test_an_admin_elsewhere_who_watches_here_changes_nothing_here(acme, globex, staff):
    Membership.objects.create(organization=acme.organization, user=globex.admin, role="viewer")
    response = staff["outsider"].post(url("crews_crew_changelist"), selected(acme.crew))
    assert response.status_code == 403
    assert Crew.objects.filter(pk=acme.crew.pk).exists()
    path = url("crews_crew_change", acme.crew.pk)
    assert staff["outsider"].post(path, crew_form(acme.crew, name="Renamed")).status_code == 403
    assert staff["outsider"].get(path).status_code == 200


def test_a_user_who_may_not_use_the_admin_gets_a_message(acme, client):
    client.force_login(acme.operator)
    response = client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert f"{acme.operator.username} may not use the admin" in response.content.decode()


def test_the_admin_is_signed_in_to_on_the_page_of_the_site(superuser, client):
    asked = url("crews_crew_changelist") + "?q=orion"
    page = client.get(asked, follow=True)
    assert page.redirect_chain[-1][0].startswith("/login/?next=")
    form = {"username": superuser.username, "password": PASSWORD}
    response = client.post(page.redirect_chain[-1][0], form)
    assert (response.status_code, response.headers["Location"]) == (302, asked)
    assert client.get("/admin/login/").headers["Location"] == "/admin/"
