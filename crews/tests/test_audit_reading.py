"""Reading the trail, in the admin and over the API: found by kind, person and object, and only
one's own.
"""

from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from crews.models import AuditEntry, Crew, Membership
from crews.models.audit_entry import Kind
from tests.admin import clients, url

LIST = "crews_auditentry_changelist"


@pytest.fixture
def staff(acme, globex, superuser):
    return clients(acme, globex, superuser)


def names(client: Client, query: str = "") -> list[tuple[str, str]]:
    """``(kind, object)`` of each entry that the list shows."""
    response = client.get(f"{url(LIST)}?{query}", follow=True)
    return [(e.kind, e.object_name) for e in response.context["cl"].result_list]


def filters(client: Client) -> str:
    specs = client.get(url(LIST)).context["cl"].filter_specs
    return str([getattr(spec, "lookup_choices", "") for spec in specs])


def detail(client: Client, entry: AuditEntry) -> str:
    return client.get(url("crews_auditentry_change", entry.pk)).content.decode()


# -- The admin ------------------------------------------------------------------------------------


def test_the_list_is_filtered_by_kind_person_and_day(acme, staff):
    staff["admin"].post(url("crews_crew_start_run", acme.crew.pk), {"_form_submitted": "on"})
    person = f"person={acme.admin.pk}"
    ((kind, _),) = names(staff["admin"], person)
    assert kind == "run.started"
    assert names(staff["admin"], f"{person}&kind__exact=run.started&way__exact=admin")
    assert names(staff["admin"], f"{person}&kind__exact=run.cancelled") == []
    assert names(staff["admin"], f"{person}&way__exact=api") == []
    assert ("crew.created", "Acme crew") in names(staff["admin"], "person=none")
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert names(staff["admin"], f"created_at__gte={quote(str(today))}")
    assert names(staff["admin"], f"created_at__lt={quote(str(today))}") == []
    assert names(staff["admin"], "q=Orion+works") == [("task.created", "Orion works of Acme crew")]


@pytest.mark.parametrize("value", ["0", "-1", "x", "9" * 40, "' OR 1=1"])
def test_a_person_that_is_none_did_nothing(staff, value):
    assert names(staff["admin"], f"person={value}") == []


def test_nobody_elses_entries_are_listed_counted_or_offered(acme, globex, staff):
    staff["outsider"].post(url("crews_crew_start_run", globex.crew.pk), {"_form_submitted": "on"})
    own = {entry.pk for entry in AuditEntry.objects.filter(organization_name="Acme")}
    assert len(names(staff["admin"])) == len(own) < AuditEntry.objects.count()
    assert names(staff["admin"], f"person={globex.admin.pk}") == []
    by_organization = names(staff["admin"], f"organization={globex.organization.pk}")
    assert "globex" not in str(by_organization).lower()
    assert "globex" in str(names(staff["outsider"])).lower()
    assert "globex" not in filters(staff["admin"]).lower()
    assert "globex-admin" in filters(staff["outsider"])
    assert names(staff["superuser"], f"person={globex.admin.pk}")


def test_who_is_an_admin_here_and_a_viewer_there_reads_only_here(acme, globex, staff):
    Membership.objects.create(organization=acme.organization, user=globex.admin, role="viewer")
    seen = names(staff["outsider"])
    assert ("crew.created", "Globex crew") in seen
    assert ("crew.created", "Acme crew") not in seen


def test_what_is_of_no_organization_is_for_superusers(acme, staff):
    assert ("user.created", "acme-viewer") in names(staff["superuser"], "q=acme-viewer")
    assert not [kind for kind, _ in names(staff["admin"]) if kind.startswith(("user.", "sign_in"))]


def test_an_entry_links_to_its_object_while_there_is_one_to_see(acme, staff):
    crew = url("crews_crew_change", acme.crew.pk)
    of_crew = AuditEntry.objects.get(kind="crew.created", object_id=acme.crew.pk)
    of_task = AuditEntry.objects.filter(kind="task.created", organization_name="Acme").first()
    for entry in (of_crew, of_task):
        assert f'href="{crew}"' in detail(staff["admin"], entry)
    Crew.objects.get(pk=acme.crew.pk).delete()
    for entry in (of_crew, of_task):
        page = detail(staff["admin"], entry)
        assert crew not in page
        assert entry.object_name in page


def test_an_entry_about_an_account_links_to_it_for_superusers(acme, superuser, staff):
    entry = AuditEntry.objects.get(kind="user.created", object_name="acme-viewer")
    assert f'href="{url("auth_user_change", acme.viewer.pk)}"' in detail(staff["superuser"], entry)


def test_an_entry_links_to_nothing_that_its_reader_may_not_see(acme, globex, staff):
    """What an organization's entry is about need not be the organization's for ever."""
    for record, page in ((globex.crew, "crews_crew"), (globex.viewer, "auth_user")):
        about = {"about": record, "organization": acme.organization}
        entry = AuditEntry.objects.record(Kind.CREW_EDITED, **about)
        link = f'href="{url(f"{page}_change", record.pk)}"'
        assert entry.object_name in detail(staff["admin"], entry)
        assert link not in detail(staff["admin"], entry)
        assert link in detail(staff["superuser"], entry)


def test_values_are_text_and_never_markup(acme, staff):
    acme.crew.name = acme.crew.description = "<script>alert(1)</script>"
    acme.crew.save()
    entry = AuditEntry.objects.get(kind="crew.edited")
    for page in (detail(staff["admin"], entry), staff["admin"].get(url(LIST)).content.decode()):
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


# -- The API --------------------------------------------------------------------------------------


def test_the_api_gives_an_admin_the_same(acme, api):
    acme.crew.is_active = False
    acme.crew.save()
    path = "/api/organizations/acme/audit/"
    entry = api(acme.admin).get(path).json()["results"][0]
    assert entry.pop("created_at").endswith("Z")
    assert entry.pop("actor_name")
    assert entry == {
        "id": AuditEntry.objects.first().pk,
        "kind": "crew.deactivated",
        "way": "system",
        "address": "",
        "actor_id": None,
        "object_type": "crews.crew",
        "object_id": str(acme.crew.pk),
        "object_name": "Acme crew",
        "changes": {"is_active": [True, False]},
    }
    (again,) = api(acme.admin).get(f"{path}?kind=crew.deactivated").json()["results"]
    assert again["id"] == entry["id"]
    assert api(acme.admin).get(f"{path}?actor={acme.admin.pk}").json()["results"] == []
    of_crew = api(acme.admin).get(f"{path}?object={acme.crew.pk}").json()["results"]
    assert [found["kind"] for found in of_crew] == ["crew.deactivated", "crew.created"]
    assert api(acme.admin).get(f"{path}?kind=none").status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_api_changes_nothing(acme, superuser, api, method):
    before = list(AuditEntry.objects.values())
    response = getattr(api(superuser), method)("/api/organizations/acme/audit/", {"kind": "x"})
    assert response.status_code == 405
    assert list(AuditEntry.objects.values()) == before


def test_the_api_gives_nothing_foreign(acme, globex, superuser, api):
    kinds = [e["object_name"] for e in _all(api(globex.admin), "globex")]
    assert "Globex crew" in kinds
    assert "Acme crew" not in kinds
    assert "user.created" not in [e["kind"] for e in _all(api(superuser), "acme")]
    assert api(acme.viewer).get("/api/organizations/acme/audit/").status_code == 403
    assert api(globex.admin).get("/api/organizations/acme/audit/").status_code == 404


def _all(client, slug: str) -> list[dict]:
    return client.get(f"/api/organizations/{slug}/audit/?page_size=200").json()["results"]
