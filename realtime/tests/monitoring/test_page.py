"""The page: who sees whose figures, what it says, and where it is linked."""

import re

import pytest
from django.utils import timezone

from conftest import Tenant, make_tenant
from crews.models import Membership
from realtime.counting import HOPS
from realtime.models import MetricSample

pytestmark = pytest.mark.django_db


@pytest.fixture
def globex() -> Tenant:
    return make_tenant("globex")


def test_an_admin_sees_the_own_organization_and_no_other(client, acme, globex):
    client.force_login(acme.admin)
    page = client.get("/monitoring/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Acme" in text
    assert "Globex" not in text
    assert "web processes" not in text
    shown = re.findall(r'data-hop="(\w+)"', text)
    assert shown == ["commit", "publish", "receive", "write", "render"]
    assert shown == [hop for hop in HOPS if hop not in ("hub", "delivery")]
    for path in ("/monitoring/", "/monitoring/history/"):
        assert client.get(f"{path}?organization=acme").status_code == 200
        assert client.get(f"{path}?organization=globex").status_code == 404
        assert client.get(f"{path}?organization=nowhere").status_code == 404


def test_an_admin_of_two_organizations_may_choose(client, acme, globex):
    Membership.objects.create(organization=globex.organization, user=acme.admin, role="admin")
    client.force_login(acme.admin)
    text = client.get("/monitoring/").content.decode()
    assert "All that you manage" in text
    assert client.get("/monitoring/?organization=globex").context["organization"] is not None


def test_a_viewer_elsewhere_does_not_see_that_organization(client, acme, globex):
    Membership.objects.create(organization=globex.organization, user=acme.admin, role="viewer")
    client.force_login(acme.admin)
    assert "Globex</option>" not in client.get("/monitoring/").content.decode()
    assert client.get("/monitoring/?organization=globex").status_code == 404


def test_history_of_another_organization_is_not_in_the_answer(client, acme, globex, superuser):
    at = timezone.now().replace(microsecond=0)
    at = at.fromtimestamp(at.timestamp() // 10 * 10 - 60, at.tzinfo)
    for organization, events in ((None, 777.125), (globex.organization, 777.125)):
        MetricSample.objects.create(
            at=at, seconds=10, organization=organization, figures={"events": events, "latency": {}}
        )
    for path in ("/monitoring/history/", "/monitoring/"):
        client.force_login(acme.admin)
        assert b"777.125" not in client.get(path).content
        client.force_login(superuser)
        assert b"777.125" in client.get(path).content


def test_an_unknown_span_is_refused_with_what_to_give(client, superuser):
    client.force_login(superuser)
    refused = client.get("/monitoring/history/?span=year")
    assert refused.status_code == 400
    assert b"hour or day" in refused.content


@pytest.mark.parametrize("person", ["admin", "operator", "viewer"])
def test_only_those_who_may_see_it_have_the_link(client, acme, person):
    client.force_login(getattr(acme, person))
    linked = 'href="/monitoring/"' in client.get("/").content.decode()
    assert linked == (person == "admin")
