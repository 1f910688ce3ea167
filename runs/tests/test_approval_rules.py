"""Approval rules: what they match, the API and the page of a crew."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from crews.api.approval_rules import ApprovalRuleSerializer
from crews.models import ApprovalRule, AuditEntry, Crew
from runs.tests.scene import client_of

CODE = {"interpreter": "bash", "code": "make deploy"}


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"tool": "*"}, True),
        ({"tool": "script"}, True),
        ({"tool": "SCR*"}, True),
        ({"tool": "git_*"}, False),
        ({"tool": "script", "params": "code=*deploy*"}, True),
        ({"tool": "script", "params": "code=deploy"}, False),
        ({"tool": "script", "params": "interpreter=b?sh"}, True),
        ({"tool": "script", "params": "*=[*"}, False),
        ({"tool": "script", "agent_id": "orion"}, True),
        ({"tool": "script", "agent_id": "vega"}, False),
    ],
)
def test_a_rule_matches_tool_parameter_and_agent(rule, matches):
    assert ApprovalRule(**rule).matches("orion", "script", CODE) is matches


def test_a_hostile_pattern_takes_no_longer_than_its_length_times_that_of_the_text():
    rule = ApprovalRule(tool="*", params="*a" * 99 + "c")
    began = time.process_time()
    assert not rule.matches("orion", "script", {"code": "a" * 100_000 + "b"})
    assert time.process_time() - began < 5


def test_rules_of_the_crew_and_of_the_organization_apply_and_no_others(acme, globex):
    ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew, tool="script")
    ApprovalRule.objects.create(organization=acme.organization, tool="*", admins_only=True)
    ApprovalRule.objects.create(organization=acme.organization, tool="*", is_enabled=False)
    ApprovalRule.objects.create(organization=globex.organization, tool="*")
    other = Crew.objects.create(organization=acme.organization, name="Other", slug="other")
    call = {"agent_id": "orion", "tool": "script", "params": CODE}
    assert len(ApprovalRule.objects.that_match(acme.crew, **call)) == 2
    assert [r.admins_only for r in ApprovalRule.objects.that_match(other, **call)] == [True]


def test_a_rule_that_matches_no_step_is_warned_about(acme):
    rule = ApprovalRule(organization=acme.organization, crew=acme.crew, tool="git_push")
    assert "No step" in rule.warning()
    rule.tool = "scr*"
    assert rule.warning() == ""
    acme.give_steps()
    assert "has no steps" in rule.warning()


def test_an_admin_adds_switches_and_deletes_a_rule(acme):
    client, url = client_of(acme.admin), f"/crews/{acme.crew.pk}/approval-rules/"
    fields = {"tool": "git_push", "expires_after_s": 60, "everywhere": "on"}
    assert "No step of any crew" in client.post(url, fields, follow=True).content.decode()
    rule = ApprovalRule.objects.get()
    assert (rule.crew, rule.organization) == (None, acme.organization)

    def press(action: str) -> str:
        page = client.post(f"{url}{rule.pk}/", {"action": action}, follow=True)
        return page.content.decode()

    assert "The rule git_push is switched off." in press("disable")
    assert not ApprovalRule.objects.get().is_enabled
    assert "The rule git_push is switched on." in press("enable")
    assert "The rule git_push is deleted." in press("delete")
    assert not ApprovalRule.objects.exists()
    kinds = AuditEntry.objects.filter(kind__startswith="approval_rule").values_list(
        "kind", flat=True
    )
    assert {*kinds} == {f"approval_rule.{what}" for what in ("created", "edited", "deleted")}


def test_the_api_warns_of_a_rule_without_effect(api, acme):
    url = f"/api/organizations/{acme.organization.slug}/approval-rules/"
    answer = api(acme.admin).post(url, {"tool": "git_push", "crew": "crew"}, format="json")
    assert answer.status_code == 201
    assert "No step of Acme crew" in answer.json()["warning"]
    wrong = api(acme.admin).post(url, {"tool": "*", "expires_after_s": 1}, format="json")
    assert wrong.status_code == 400


def test_a_rule_of_another_organizations_crew_is_refused(api, acme, globex):
    globex.crew.slug = "theirs"
    globex.crew.save()
    url = f"/api/organizations/{acme.organization.slug}/approval-rules/"
    body = {"tool": "*", "crew": "theirs"}
    assert api(acme.admin).post(url, body, format="json").status_code == 400


RULES = "/api/organizations/acme/approval-rules/"


def test_a_list_of_rules_works_out_no_warning(acme, api, django_assert_num_queries):
    ApprovalRule.objects.create(organization=acme.organization, tool="script")
    client = api(acme.admin)
    with CaptureQueriesContext(connection) as asked:
        client.get(RULES)
    for ask in (client.get, client.head):
        with django_assert_num_queries(len(asked)):
            assert ask(RULES).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_that_of_another_admin_and_keeps_it(acme, api, monkeypatch):
    rule = ApprovalRule.objects.create(
        organization=acme.organization, tool="script", is_enabled=False
    )
    update, clients, began = ApprovalRuleSerializer.update, [api(acme.admin), api(acme.admin)], []

    def patch(client, fields: dict) -> int:
        try:
            return client.patch(f"{RULES}{rule.pk}/", fields, format="json").status_code
        finally:
            connections.close_all()

    def slow(self, instance, fields):
        if not began:
            began.append(pool.submit(patch, clients[1], {"is_enabled": True}))
            time.sleep(0.5)
        return update(self, instance, fields)

    monkeypatch.setattr(ApprovalRuleSerializer, "update", slow)
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(patch, clients[0], {"params": "code=*"}).result() == 200
        assert began[0].result() == 200
    rule.refresh_from_db()
    assert (rule.params, rule.is_enabled) == ("code=*", True)
