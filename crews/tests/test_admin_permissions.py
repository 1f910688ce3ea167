"""What each admin answers when Django asks it for a permission, whichever page asks.

Most pages ask for more than one, so that another would answer in place of one that is wrong.
"""

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import User

from crews.admin.crew import AgentInline
from crews.admin.membership import MembershipAdmin
from crews.models import ApiKey, AuditEntry, Crew, Membership, Organization, Secret
from runs.models import ModelCall, Run, ToolExecution

PEOPLE = ("superuser", "admin", "operator", "viewer", "outsider", "homeless")
MEMBERS = {"superuser", "admin", "operator", "viewer", "outsider"}  # of any organization
ADMINS = {"superuser", "admin", "outsider"}


@pytest.fixture
def asked(acme, globex, superuser, rf):
    """A request of each of ``PEOPLE``; the outsider is an admin elsewhere. All are staff."""
    users = {"superuser": superuser, "outsider": globex.admin}
    users |= {role: getattr(acme, role) for role in ("admin", "operator", "viewer")}
    users["homeless"] = User.objects.create_user("homeless")
    requests = {}
    for person, user in users.items():
        user.is_staff = True
        user.save()
        requests[person] = rf.get("/admin/")
        requests[person].user = user
    return requests


def who(asked, permitted) -> set[str]:
    """The people to whom ``permitted(request)`` is true."""
    return {person for person, request in asked.items() if permitted(request)}


@pytest.mark.parametrize(
    ("model", "people"),
    [
        *(
            (model, MEMBERS)
            for model in (Organization, Membership, Crew, Run, ToolExecution, ModelCall)
        ),
        *((model, ADMINS) for model in (ApiKey, Secret, AuditEntry)),
        *((model, {"superuser"}) for model in (User, AccessAttempt)),
    ],
)
def test_what_is_asked_of_a_model(asked, model, people):
    assert who(asked, admin.site.get_model_admin(model).has_module_permission) == people


@pytest.mark.parametrize(
    ("permission", "people"),
    [
        ("view", {"superuser", "admin", "operator", "viewer"}),
        ("change", {"superuser", "admin"}),
        ("delete", {"superuser", "admin"}),
    ],
)
def test_what_is_asked_of_a_record(acme, asked, permission, people):
    permitted = getattr(admin.site.get_model_admin(Crew), f"has_{permission}_permission")
    assert who(asked, lambda request: permitted(request, acme.crew)) == people


@pytest.mark.parametrize("permission", ["view", "add", "change", "delete"])
def test_what_is_asked_of_the_rows_of_a_record(acme, asked, permission):
    permitted = getattr(AgentInline(Crew, admin.site), f"has_{permission}_permission")
    sees, manages = {"superuser", "admin", "operator", "viewer"}, {"superuser", "admin"}
    own = sees if permission == "view" else manages
    assert who(asked, lambda request: permitted(request, acme.crew)) == own
    to_come = MEMBERS if permission == "view" else ADMINS
    assert who(asked, lambda request: permitted(request, None)) == to_come


def test_an_entry_is_seen_by_admins_of_its_organization(acme, asked):
    entry = AuditEntry.objects.filter(organization_id=acme.organization.pk).first()
    permitted = admin.site.get_model_admin(AuditEntry).has_view_permission
    assert who(asked, lambda request: permitted(request, entry)) == {"superuser", "admin"}


@pytest.mark.parametrize("model", [AuditEntry, Run, ToolExecution, ModelCall, AccessAttempt])
def test_what_is_to_look_at_is_changed_by_nobody(asked, model):
    model_admin = admin.site.get_model_admin(model)
    assert not who(asked, model_admin.has_change_permission)
    assert not who(asked, model_admin.has_add_permission)
    assert "superuser" in who(asked, model_admin.has_view_permission)


@pytest.mark.parametrize("model", [Run, ToolExecution, ModelCall])
def test_what_has_happened_is_deleted_by_superusers_alone(asked, model):
    permitted = admin.site.get_model_admin(model).has_delete_permission
    assert who(asked, permitted) == {"superuser"}


@pytest.mark.parametrize(
    ("model", "permissions"),
    [(User, {"view", "add", "change", "delete"}), (AccessAttempt, {"view", "delete"})],
)
def test_accounts_are_for_superusers_alone(asked, model, permissions):
    for permission in permissions:
        permitted = getattr(admin.site.get_model_admin(model), f"has_{permission}_permission")
        assert who(asked, permitted) == {"superuser"}


def test_people_to_choose_from_are_those_of_organizations_one_manages(acme, globex, asked):
    """Who manages one organization and watches another does not learn who else is in that."""
    Membership.objects.create(organization=globex.organization, user=acme.admin, role="viewer")
    user_field = Membership._meta.get_field("user")
    people = MembershipAdmin(Membership, admin.site)
    offered = people.formfield_for_foreignkey(user_field, asked["admin"]).queryset
    assert set(offered) == {acme.admin, acme.operator, acme.viewer}
    everybody = people.formfield_for_foreignkey(user_field, asked["superuser"]).queryset
    assert set(everybody) == set(User.objects.all())
