"""Queries whose SQL is made once."""

from datetime import timedelta

import pytest
from django.db.models import BigIntegerField, DurationField, F, TextField, UUIDField
from django.db.models.functions import Now

from conftest import Tenant
from crews.compiled_queries import AnyOf, BindList, BindParam, Select, Update
from crews.models import Agent, ApiKey, Crew
from crews.scoping import UnscopedQuery, enforcing_scope, unscoped

pytestmark = pytest.mark.django_db

NAMES = ["plain", 'a "quoted" name', "back\\slash", "{curly,comma}", "line\nbreak", "%s é 🙂", ""]


def _agents() -> Select:
    crew, names = BindParam("crew", BigIntegerField()), BindList("names", TextField())
    found = Agent.objects.filter(AnyOf(F("name"), names), crew__organization=crew)
    return Select(lambda: found.select_related("crew").order_by("slug"))


def test_it_finds_what_django_finds_for_each_value(
    acme: Tenant, globex: Tenant, django_assert_num_queries
):
    for tenant in (acme, globex):
        for number, name in enumerate(NAMES):
            Agent.objects.create(crew=tenant.crew, slug=f"agent{number}", name=name)
    agents = _agents()
    for names in (NAMES, NAMES[1:3], [], ["unknown"]):
        for tenant in (acme, globex):
            with django_assert_num_queries(1):
                found = agents.rows(crew=tenant.organization.pk, names=names)
                crews = {agent.crew for agent in found}
            assert found == list(tenant.crew.agents.filter(name__in=names).order_by("slug"))
            assert crews == ({tenant.crew} if found else set())
    assert agents.first(crew=acme.organization.pk, names=[]) is None


def test_values_are_converted_as_django_converts_them(acme: Tenant):
    key, _ = acme.issue_key("report", "watch")
    read = Select(
        lambda: ApiKey.objects.filter(prefix=BindParam("prefix", TextField())).values_list(
            "scopes", "pk", "created_at"
        )
    )
    assert read.rows(prefix=key.prefix) == [[["report", "watch"], key.pk, key.created_at]]


def test_an_update_changes_the_rows_of_its_values_only(acme: Tenant, globex: Tenant):
    later = Update(
        lambda: (
            ApiKey.objects.filter(prefix=BindParam("prefix", TextField())),
            {"expires_at": Now() + BindParam("time", DurationField()), "name": F("prefix")},
        )
    )
    keys = [tenant.issue_key("report")[0] for tenant in (acme, globex)]
    later.execute(prefix=keys[1].prefix, time=timedelta(days=2))
    for key in keys:
        key.refresh_from_db()
    assert (keys[0].expires_at, keys[1].name) == (None, keys[1].prefix)
    assert timedelta(days=1) < keys[1].expires_at - keys[1].created_at < timedelta(days=3)


def test_a_request_needs_a_user_or_says_that_it_needs_none(acme: Tenant):
    crews = Select(lambda: Crew.objects.filter(pk=BindParam("pk", UUIDField())))
    reached = Select(lambda: Crew.objects.unscoped().filter(pk=BindParam("pk", UUIDField())))
    with enforcing_scope():
        with pytest.raises(UnscopedQuery):
            crews.rows(pk=acme.crew.pk)
        assert reached.rows(pk=acme.crew.pk) == [acme.crew]
        with unscoped():
            assert crews.rows(pk=acme.crew.pk) == [acme.crew]
