"""The page of approval rules: editing a rule, and errors beside their fields."""

import re

import pytest
from django.urls import reverse

from crews.models import ApprovalRule, AuditEntry
from runs.tests.scene import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(acme) -> str:
    return reverse("approval-rules", args=[acme.crew.pk])


@pytest.fixture
def admin(acme):
    return client_of(acme.admin)


@pytest.fixture
def rule(acme) -> ApprovalRule:
    return ApprovalRule.objects.create(
        organization=acme.organization, crew=acme.crew, tool="script", params="code=*deploy*",
        agent_id="orion", expires_after_s=60, admins_only=True,
    )  # fmt: skip


def fields_of(response) -> dict[str, str]:
    """What the form of the rule sends, as a browser would."""
    page = response.content.decode()
    form = re.search(r'<form class="rule-form".*?</form>', page, re.DOTALL)[0]
    found = dict(re.findall(r'<input[^>]*? name="(\w+)"[^>]*? value="([^"]*)"', form))
    found |= dict.fromkeys(re.findall(r'type="checkbox" name="(\w+)" checked', form), "on")
    if chosen := re.search(r'<option value="([^"]*)" selected', form):
        found["agent_id"] = chosen[1]
    found.pop("csrfmiddlewaretoken", None)
    return found


def element(response, id: str) -> str:
    return re.search(rf'<\w+[^>]* id="{id}"[^>]*>', response.content.decode())[0]


def test_a_rule_is_edited_in_a_form_that_has_its_values(admin, url, rule):
    assert f'href="?edit={rule.pk}"' in admin.get(url).content.decode()
    form = fields_of(admin.get(url, {"edit": rule.pk}))
    assert form.pop("seen")
    assert form == {
        "tool": "script", "params": "code=*deploy*", "agent_id": "orion", "expires_after_s": "60",
        "admins_only": "on",
    }  # fmt: skip
    form = fields_of(admin.get(url, {"edit": rule.pk})) | {"params": "code=*", "agent_id": ""}
    del form["admins_only"]
    page = admin.post(f"{url}?edit={rule.pk}", form, follow=True).content.decode()
    assert "Calls that match script code=* wait for approval from now on." in page
    edited = ApprovalRule.objects.get()
    assert (edited.pk, edited.params, edited.agent_id) == (rule.pk, "code=*", "")
    assert (edited.expires_after_s, edited.admins_only, edited.is_enabled) == (60, False, True)
    entry = AuditEntry.objects.latest("id")
    assert (entry.kind, entry.actor_name, entry.way) == (
        "approval_rule.edited",
        "acme-admin",
        "page",
    )


def test_a_rule_becomes_one_of_every_crew_and_of_this_crew_again(acme, admin, url, rule):
    path = f"{url}?edit={rule.pk}"
    assert admin.post(path, fields_of(admin.get(path)) | {"everywhere": "on"}).status_code == 302
    rule.refresh_from_db()
    assert rule.crew is None
    form = fields_of(admin.get(path))
    assert form.pop("everywhere") == "on"
    assert admin.post(path, form).status_code == 302
    rule.refresh_from_db()
    assert rule.crew == acme.crew


def test_a_rule_that_is_off_stays_off_and_says_so(admin, url, rule):
    path = f"{url}?edit={rule.pk}"
    form = fields_of(admin.get(path)) | {"tool": "git_push"}
    ApprovalRule.objects.filter(pk=rule.pk).update(is_enabled=False)  # while the form is open
    page = admin.post(path, form, follow=True).content.decode()
    assert "is saved. It is switched off." in page
    assert "No step of Acme crew matches this rule" in page
    assert not ApprovalRule.objects.get().is_enabled


def test_an_agent_that_is_not_there_stays_chosen(admin, url, rule):
    ApprovalRule.objects.update(agent_id="lyra")
    response = admin.get(url, {"edit": rule.pk})
    assert "lyra (not there)" in response.content.decode()
    assert fields_of(response)["agent_id"] == "lyra"


def test_a_rule_that_another_admin_has_saved_is_not_overwritten(admin, url, rule):
    path = f"{url}?edit={rule.pk}"
    mine = fields_of(admin.get(path)) | {"params": "code=*mine*"}
    ApprovalRule.objects.update(params="code=*theirs*")
    refused = admin.post(path, mine)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Somebody else has saved this rule since you opened the page" in page
    assert "with <code>code=*theirs*</code>" in page
    assert ApprovalRule.objects.get().params == "code=*theirs*"
    again = fields_of(refused)
    assert again["params"] == "code=*mine*"
    # Now the user has seen the other one.
    assert admin.post(path, again).status_code == 302
    assert ApprovalRule.objects.get().params == "code=*mine*"


def test_a_form_without_what_was_seen_overwrites_nothing(admin, url, rule):
    form = fields_of(admin.get(url, {"edit": rule.pk})) | {"tool": "*"}
    del form["seen"]
    assert admin.post(f"{url}?edit={rule.pk}", form).status_code == 409
    assert ApprovalRule.objects.get().tool == "script"


def test_what_another_admin_has_saved_alike_is_no_conflict(admin, url, rule):
    path = f"{url}?edit={rule.pk}"
    mine = fields_of(admin.get(path)) | {"tool": "*"}
    ApprovalRule.objects.update(tool="*")
    assert admin.post(path, mine).status_code == 302


@pytest.mark.parametrize("is_edited", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tool", "", "This field is required."),
        ("params", "x" * 201, "Ensure this value has at most 200 characters"),
        ("agent_id", "a b", "Enter a valid"),
        ("expires_after_s", "5", "Ensure this value is greater than or equal to 10."),
    ],
)
def test_an_error_stands_beside_its_field(admin, url, rule, is_edited, name, value, message):
    path = f"{url}?edit={rule.pk}" if is_edited else url
    form = fields_of(admin.get(path)) | {name: value}
    refused = admin.post(path, form)
    assert refused.status_code == 400
    field = element(refused, f"id_{name}")
    assert 'aria-invalid="true"' in field
    assert "autofocus" in field
    assert f'aria-describedby="id_{name}_error' in field
    page = refused.content.decode()
    assert page.count("invalid-feedback") == page.count('aria-invalid="true"') == 1
    error = page.partition(element(refused, f"id_{name}_error"))[2].partition("</div>")[0]
    assert message in error
    # What was entered, and what was seen, are still there.
    assert fields_of(refused).get(name, value) == value
    assert fields_of(refused).get("seen") == form.get("seen")
    rule.refresh_from_db()
    assert (rule.tool, rule.expires_after_s) == ("script", 60)


def test_fields_without_an_error_say_none(admin, url):
    page = admin.get(url).content.decode()
    assert "aria-invalid" not in page
    assert "_error" not in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_see_no_form_and_edit_nothing(acme, url, rule, role):
    client = client_of(getattr(acme, role))
    page = client.get(url, {"edit": rule.pk}).content.decode()
    assert "rule-form" not in page
    assert "?edit=" not in page
    assert client.post(f"{url}?edit={rule.pk}", {"tool": "*"}).status_code == 403
    assert ApprovalRule.objects.get().tool == "script"


def test_a_rule_of_another_crew_or_organization_is_not_found(acme, globex, admin, url, second):
    others = [
        ApprovalRule.objects.create(organization=acme.organization, crew=second),
        ApprovalRule.objects.create(organization=globex.organization),
    ]
    for named in (*(rule.pk for rule in others), "none"):
        assert admin.get(url, {"edit": named}).status_code == 404
        assert admin.post(f"{url}?edit={named}", {"tool": "x"}).status_code == 404
    assert {rule.tool for rule in ApprovalRule.objects.all()} == {"*"}
