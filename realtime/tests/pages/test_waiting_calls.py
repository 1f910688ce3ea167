"""The crew page names the tool call that waits for approval, and leads to the decision."""

import re
from uuid import uuid4

import pytest

from realtime.tests.pages.scene import crew_path, get, queries
from runs.models import Approval, Run, TaskExecution

pytestmark = pytest.mark.django_db


def ask(run: Run, tool: str) -> Approval:
    call = {"agent_id": "orion", "tool": tool, "params": {}, "expires_after_s": 3600}
    return Approval.objects.request(id=uuid4(), run=run, **call)


def waiting(page: str) -> list[tuple[str, str]]:
    """The address and the tool of each waiting call: in the card, then in the row."""
    return re.findall(r'data-waits="[^"]+">.*?href="([^"]+)"[^>]*>(\w+)</a>', page)


def test_card_and_row_name_the_call_that_has_waited_longest_and_link_to_it(acme):
    run = acme.start_run()
    TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    assert waiting(get(acme.viewer, crew_path(acme)).content.decode()) == []
    first, _ = ask(run, "script"), ask(run, "git_clone")
    page = get(acme.viewer, crew_path(acme)).content.decode()
    assert waiting(page) == [(f"/approvals/{first.pk}/", "script")] * 2
    first.decide("denied", by="somebody", seen=first.seen)
    page = get(acme.viewer, crew_path(acme)).content.decode()
    assert [tool for _, tool in waiting(page)] == ["git_clone"] * 2


def test_it_costs_no_query(acme):
    run = acme.start_run()
    TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    before = queries(acme.viewer, crew_path(acme))
    ask(run, "script")
    assert queries(acme.viewer, crew_path(acme)) <= before
