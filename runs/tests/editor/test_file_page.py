"""The page with a crew as YAML: what a text would change is shown before it does."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crews.models import AuditEntry, Crew
from runs.crew_files.reading import MAX_BYTES
from runs.crew_files.writing import describe, text_of
from runs.schedules.models import Schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(acme):
    client = Client(enforce_csrf_checks=False)
    client.force_login(acme.admin)
    return client


@pytest.fixture
def path(acme):
    return reverse("crew-file", args=[acme.crew.pk])


@pytest.fixture
def text(acme):
    return text_of(describe(acme.crew))


def hidden(response) -> dict[str, str]:
    found = re.findall(r'name="(checked|seen)" value="(\w*)"', response.content.decode())
    return dict(found)


def test_the_download_is_what_the_page_accepts(acme, client, path, text):
    response = client.get(reverse("crew-download", args=[acme.crew.pk]))
    assert response["Content-Type"] == "application/yaml; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="acme-crew.yaml"'
    assert response.content.decode() == text
    shown = client.post(path, {"text": text.replace("\n", "\r\n"), "action": "check"})
    assert shown.status_code == 200
    assert "There is nothing to change" in shown.content.decode()


def test_a_change_is_shown_first_and_made_when_it_is_confirmed(acme, client, path, text):
    changed = text.replace("name: Acme crew", "name: Renamed")
    shown = client.post(path, {"text": changed, "action": "check"})
    assert '<span data-kind="added">+name: Renamed' in shown.content.decode()
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Acme crew"
    made = client.post(path, {"text": changed, "action": "apply", **hidden(shown)})
    assert made.status_code == 302
    assert made.url == acme.crew.get_absolute_url()
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Renamed"
    entry = AuditEntry.objects.latest("id")
    assert (entry.kind, entry.actor_name, entry.way) == ("crew.edited", "acme-admin", "page")


def test_a_rule_that_matches_no_step_gets_a_warning_before_and_after_it_is_saved(
    acme, client, path, text
):
    text += "approval_rules:\n  - tool: scirpt\n    agent_id: orion\n"
    warning = "scirpt of orion: No step of Acme crew matches this rule now."
    shown = client.post(path, {"text": text, "action": "check"})
    assert warning in shown.content.decode()
    made = client.post(path, {"text": text, "action": "apply", **hidden(shown)})
    assert made.status_code == 302
    assert warning in client.get(made.url).content.decode()
    assert warning not in client.post(path, {"text": text, "action": "check"}).content.decode()


def test_approval_rules_and_a_schedule_are_set_by_the_admin(acme, client, path, text):
    text += "approval_rules:\n  - tool: script\nschedule:\n  expression: '@daily'\n"
    shown = client.post(path, {"text": text, "action": "check"})
    assert '<span data-kind="added">+  - tool: script' in shown.content.decode()
    assert not acme.crew.approval_rules.exists()
    made = client.post(path, {"text": text, "action": "apply", **hidden(shown)})
    assert made.status_code == 302
    assert acme.crew.approval_rules.get().tool == "script"
    schedule = Schedule.objects.get(crew=acme.crew)
    assert (schedule.expression, schedule.updated_by) == ("@daily", acme.admin)
    kinds = AuditEntry.objects.order_by("-id").values_list("kind", "actor_name")[:2]
    assert {*kinds} == {
        ("approval_rule.created", "acme-admin"),
        ("schedule.created", "acme-admin"),
    }


def test_a_rule_that_is_added_after_the_check_is_shown_and_not_removed(acme, client, path, text):
    mine = text.replace("name: Acme crew", "name: Renamed") + "approval_rules: []\n"
    shown = client.post(path, {"text": mine, "action": "check"})
    acme.crew.approval_rules.create(organization=acme.organization, tool="script")
    again = client.post(path, {"text": mine, "action": "apply", **hidden(shown)}).content.decode()
    assert "Somebody else has changed the crew" in again
    assert "-  - tool: script" in again
    assert acme.crew.approval_rules.exists()


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_set_neither_approval_rules_nor_a_schedule(acme, path, text, role):
    client = Client()
    client.force_login(getattr(acme, role))
    acme.crew.approval_rules.create(organization=acme.organization, tool="script")
    for url in (path, reverse("crew-file-new")):
        body = {"text": text + "approval_rules: []\nschedule: null\n", "action": "apply"}
        assert client.post(url, body).status_code == 403
    assert acme.crew.approval_rules.exists()


def test_another_text_than_the_one_checked_is_shown_first(acme, client, path, text):
    shown = client.post(path, {"text": text.replace("Acme crew", "A"), "action": "check"})
    other = {"text": text.replace("Acme crew", "B"), "action": "apply", **hidden(shown)}
    assert client.post(path, other).status_code == 200
    acme.crew.refresh_from_db()
    assert acme.crew.name == "Acme crew"
    assert client.post(path, {"text": other["text"], "action": "apply"}).status_code == 200


def test_a_change_by_somebody_else_meanwhile_is_shown_and_not_undone(acme, client, path, text):
    mine = text.replace("Orion works", "Orion searches")
    shown = client.post(path, {"text": mine, "action": "check"})
    acme.crew.name = "Theirs"
    acme.crew.save()
    again = client.post(path, {"text": mine, "action": "apply", **hidden(shown)})
    page = again.content.decode()
    assert "Somebody else has changed the crew" in page
    assert "-name: Theirs" in page
    acme.crew.refresh_from_db()
    assert (acme.crew.name, acme.crew.tasks.first().name) == ("Theirs", "Orion works")
    assert client.post(path, {"text": mine, "action": "apply", **hidden(again)}).status_code == 302


def test_a_file_is_read_in_place_of_the_text(acme, client, path, text):
    file = SimpleUploadedFile("crew.yaml", text.replace("Acme crew", "From a file").encode())
    shown = client.post(path, {"text": text, "file": file, "action": "apply"}).content.decode()
    assert "+name: From a file" in shown
    assert "\nname: From a file" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "Save the file as UTF-8."),
        (b"#" * (MAX_BYTES + 1), "more than 512 KiB"),
        (("é" * MAX_BYTES).encode(), "more than 512 KiB"),  # cut within a character
        (b"a: &a [1]", "Line 1: <code>a</code>: Write the value itself"),
        (b"", "The file is empty."),
    ],
)
def test_a_file_that_is_refused(acme, client, path, content, message):
    file = SimpleUploadedFile("crew.yaml", content)
    response = client.post(path, {"file": file, "action": "check"})
    assert response.status_code == 400
    assert message in response.content.decode()


def test_faults_name_the_line_and_keep_the_text(acme, client, path, text):
    wrong = text.replace("interpreter: bash", "interpreter: perl", 1) + "# mine\n"
    response = client.post(path, {"text": wrong, "action": "check"})
    page = response.content.decode()
    assert response.status_code == 400
    assert "<code>tasks[0].steps[0].params.interpreter</code>" in page
    assert "# mine" in page
    assert "Nothing was changed" in page


def test_hostile_text_is_shown_as_text(acme, client, path, text):
    hostile = "</textarea></pre><script>alert(1)</script>"
    changed = text.replace("name: Acme crew", f"name: '{hostile}'")
    page = client.post(path, {"text": changed, "action": "check"}).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") == 2


def test_a_new_crew_from_a_file(acme, globex, client, text):
    path = reverse("crew-file-new")
    new = text.replace("slug: crew", "slug: copy")
    shown = client.post(path, {"text": new, "action": "check"})
    assert not Crew.objects.filter(slug="copy").exists()
    made = client.post(path, {"text": new, "action": "apply", **hidden(shown)})
    crew = Crew.objects.get(organization=acme.organization, slug="copy")
    assert made.url == crew.get_absolute_url()
    assert text_of(describe(crew)) == new


def test_a_new_crew_is_only_for_an_organization_that_the_user_manages(acme, globex, client, text):
    for slug in ("globex", "none"):
        foreign = text.replace("organization: acme", f"organization: {slug}")
        response = client.post(reverse("crew-file-new"), {"text": foreign, "action": "apply"})
        assert response.status_code == 400
        assert f"admin of no organization &#x27;{slug}&#x27;. Write one of: acme." in (
            response.content.decode()
        )


def test_a_crew_whose_slug_is_taken_is_not_created_twice(acme, client, text):
    response = client.post(reverse("crew-file-new"), {"text": text, "action": "check"})
    assert "has a crew with this slug already" in response.content.decode()


def test_the_editor_leads_to_it(acme, client, path):
    assert path in client.get(reverse("crew-edit", args=[acme.crew.pk])).content.decode()
