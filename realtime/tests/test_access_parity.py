"""Sockets show the same crews and runs as pages and API, for every role."""

import pytest
from django.contrib.auth.models import User

from crews import scoping
from crews.compiled_queries import Select
from crews.models import Crew, Membership, Role
from realtime.delivery import grants as grants_module
from realtime.delivery.grants import NOTHING, grants
from runs.models import Run

pytestmark = pytest.mark.django_db

ROLES = (None, *Role.values)


def seen_by(user: User) -> tuple[set, set]:
    """The user's crews on a page, and on a socket."""
    grant = grants([user.pk]).get(user.pk, NOTHING)
    assert grant.member or not grant.crews
    return set(Crew.objects.visible_to(user).values_list("pk", flat=True)), set(grant.crews)


@pytest.fixture
def person(acme, globex):
    """Makes a user with these roles in the two organizations."""

    def make(first: str | None, second: str | None, **fields: bool) -> User:
        user = User.objects.create_user(f"{first}-{second}", **fields)
        for tenant, role in ((acme, first), (globex, second)):
            if role:
                Membership.objects.create(user=user, organization=tenant.organization, role=role)
        return user

    return make


@pytest.mark.parametrize("superuser", [False, True])
@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("second", ROLES)
@pytest.mark.parametrize("first", ROLES)
def test_pages_and_sockets_show_the_same(acme, globex, person, first, second, active, superuser):
    user = person(first, second, is_active=active, is_superuser=superuser)
    on_page, on_socket = seen_by(user)
    roles = ((acme, first), (globex, second))
    expected = {tenant.crew.pk for tenant, role in roles if active and (role or superuser)}
    assert on_page == on_socket == expected
    runs = {tenant.start_run().pk: tenant.crew.pk for tenant in (acme, globex)}
    readable = Run.objects.readable_by(user).values_list("pk", flat=True)
    assert {runs[run] for run in readable} == on_socket


@pytest.mark.parametrize("role", Role.values)
def test_there_is_one_rule(acme, person, monkeypatch, role):
    """Whatever roles it names, both follow it."""
    monkeypatch.setattr(scoping, "WATCHING", ("admin",))
    monkeypatch.setattr(grants_module, "USERS", Select(grants_module.USERS._make))  # not yet SQL
    expected = {acme.crew.pk} if role == "admin" else set()
    assert seen_by(person(role, None)) == (expected, expected)
