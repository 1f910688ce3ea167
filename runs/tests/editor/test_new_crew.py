"""New crews on the editor's page: empty, or as a copy; and who finds and may make them."""

import pytest
from django.urls import reverse

from crews.models import Crew
from runs.crew_files.writing import describe

pytestmark = pytest.mark.django_db


def test_a_new_crew(acme, globex, editor_of):
    editor = editor_of(acme.admin, reverse("crew-new"))
    assert "globex" not in editor.page
    editor.press("add-agent", name="Night watch")
    editor.press("add-task", agents__0__name="Ada & Co.")
    editor.press("add-step:0:script", tasks__0__name="Look")
    refused = editor.press("save", tasks__0__steps__0__params__code="ls")
    assert refused.status_code == 400
    assert not Crew.objects.filter(name="Night watch").exists()
    editor.press("save", tasks__0__steps__0__params__interpreter="bash")
    crew = Crew.objects.get(organization=acme.organization, slug="night-watch")
    assert editor.response.url == crew.get_absolute_url()
    assert crew.agents.get().slug == "ada-co"
    assert crew.tasks.get().agent.slug == "ada-co"
    again = editor_of(acme.admin, reverse("crew-new"))
    again.press("save", name="Night watch")
    assert "has a crew with this slug already" in again.page
    assert again.form.invalid == ["slug"]


def test_a_duplicate_is_a_new_crew_with_the_same_parts(acme, editor_of):
    editor = editor_of(acme.admin, f"{reverse('crew-new')}?from={acme.crew.pk}")
    assert editor.press("save").status_code == 302
    copy = Crew.objects.get(organization=acme.organization, slug="copy-of-acme-crew")
    assert copy.name == "Copy of Acme crew"
    of = describe(acme.crew)
    assert describe(copy) == of | {"name": copy.name, "slug": copy.slug}
    assert not {*copy.tasks.values_list("pk", flat=True)} & {
        *acme.crew.tasks.values_list("pk", flat=True)
    }


def test_the_editor_leads_to_what_has_a_page_of_its_own(acme, editor):
    for page in ("approval-rules", "schedule", "crew-file"):
        assert f'href="{reverse(page, args=[acme.crew.pk])}"' in editor.page


@pytest.mark.parametrize(("role", "is_linked"), [("admin", 1), ("operator", 0), ("viewer", 0)])
def test_only_admins_find_the_links(acme, editor_of, role, is_linked):
    user = getattr(acme, role)
    page = editor_of(user, acme.crew.get_absolute_url()).page
    assert page.count(reverse("crew-edit", args=[acme.crew.pk])) == is_linked
    assert editor_of(user, "/").page.count(reverse("crew-new")) == is_linked


def test_a_crew_of_another_organization_cannot_be_duplicated(acme, globex, editor_of):
    for begun in (globex.crew.pk, "none"):
        path = f"{reverse('crew-new')}?from={begun}"
        assert editor_of(acme.admin, path).response.status_code == 404


def test_a_crew_is_not_created_in_another_organization(acme, globex, editor_of):
    editor = editor_of(acme.admin, reverse("crew-new"))
    editor.form.values["organization"] = ["globex"]
    assert editor.press("save", name="X").status_code == 400
    assert "Choose an organization of which you are an admin." in editor.page
