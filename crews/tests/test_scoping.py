"""A query set returns nothing to a deactivated user; only active staff have a role in the admin."""

import pytest
from django.contrib.auth.models import AnonymousUser

from crews.admin.scoped import roles_of
from crews.models import Crew
from crews.pages.permissions import rights_with, with_role

pytestmark = pytest.mark.django_db
SCOPES = pytest.mark.parametrize("scope", ["visible_to", "operable_by", "managed_by"])


@SCOPES
def test_a_deactivated_user_reaches_nothing(acme, superuser, scope):
    for user in (acme.admin, superuser):
        assert getattr(Crew.objects, scope)(user).get() == acme.crew
        user.is_active = False
        assert not getattr(Crew.objects, scope)(user).exists()


def test_in_the_admin_only_staff_have_a_role(acme, rf):
    request = rf.get("/admin/")
    for is_active, is_staff in ((True, True), (True, False), (False, True)):
        request.user = acme.admin
        acme.admin.is_active, acme.admin.is_staff = is_active, is_staff
        assert bool(roles_of(request)) is (is_active and is_staff)


def test_a_pages_rights_are_those_of_the_query_sets(acme, globex, superuser):
    users = [acme.viewer, acme.operator, acme.admin, globex.admin, superuser, AnonymousUser()]
    found = set()
    for is_active in (True, False):
        for user in users:
            if user.pk:
                user.is_active = is_active
            [crew] = with_role(Crew.objects.unscoped(), user).filter(pk=acme.crew.pk)
            rights = rights_with(user, crew.role)
            scopes = (Crew.objects.visible_to, Crew.objects.operable_by, Crew.objects.managed_by)
            assert rights == tuple(acme.crew in scope(user) for scope in scopes), user
            found.add(rights)
    assert len(found) == 4  # none, watch, operate, manage
