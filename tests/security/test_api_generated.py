"""Requests generated from the API's own description, by the people of two organizations.

No fault, every answer as described, and nothing of the other organization in any of them, also
where its ids, slugs and names stand in the path, the query or the body.
"""

import json
import re
from random import Random
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import Tenant
from crews.models import ApprovalRule
from runs.models import Approval, ReportedRun, Run, TaskExecution, ToolExecution
from runs.schedules.models import Schedule
from runs.search.tests.scene import end_tool, index
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = 50  # of each operation in a round
ASKS = "/api/report/approvals/"
ROUNDS = 10  # at most, until an operation has both accepted and refused something
# What a body says in any words. It is kept, and a later answer may say it again: so only one's own.
FREE = {"name", "host", "username", "text", "note", "tool", "agent_id"}
CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
PLAIN = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Side:
    """An organization with something of everything, and what gives that away."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        run = tenant.start_run()
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        slug = tenant.organization.slug
        tool.report(output=f"{slug} says")
        ended = tenant.start_run()  # only such a run can be run again
        ended.finish(Run.Status.SUCCEEDED)
        self.ids = [str(pk) for pk in (tenant.crew.pk, run.pk, tool.pk, task.pk, ended.pk)]
        self.ids += [entry["task_id"] for entry in run.plan["tasks"]]
        key, _ = tenant.issue_key("watch")
        secret = tenant.keep_secret(f"{slug}-canary")
        self.of = {
            "crews": [self.ids[0]],
            "runs": [str(run.pk), str(ended.pk)],
            "tool-executions": [str(tool.pk)],
        }
        self.of |= {"organizations": [slug], "secrets": [secret.name]}
        self.of["api-keys"] = [str(key.pk)]
        rule = tenant.crew.approval_rules.create(organization=tenant.organization, tool="no tool")
        approval = Approval.objects.request(
            id=uuid4(), run=run, agent_id="orion", tool="script", params={}, expires_after_s=3600
        )
        Schedule.objects.create(crew=tenant.crew, expression="@daily")
        self.of |= {"approval-rules": [str(rule.pk)], "approvals": [str(approval.pk)]}
        self.seen = approval.seen
        delivery = tenant.notify()
        self.of |= {"deliveries": [str(delivery.pk)], "notifications": [str(delivery.target_id)]}
        self.names = [slug, secret.name, tenant.admin.username, tenant.crew.slug]
        self.own = [*self.ids, slug.title(), f"{slug}-", f"{slug} says"]
        end_tool(tenant, f"{slug} says")
        index()
        self.run = run
        reported = ReportedRun.objects.open(
            crew=tenant.crew, api_key=key, key=f"{slug}-key", started_at=timezone.now()
        )
        self.reported = reported.key
        self.own.append(str(reported.run_id))
        self._person = AccessToken.for_user(tenant.admin)
        _, self._program = tenant.issue_key("report")

    def go_on(self) -> None:
        """Start another run in place of one that an operation has cancelled."""
        self.run.refresh_from_db()
        if self.run.cancel_requested or self.run.is_over:
            self.run = self.tenant.start_run()
            self.ids.append(str(self.run.pk))
            self.own.append(str(self.run.pk))
            self.of["runs"][0] = str(self.run.pk)

    def headers(self, operation: APIOperation) -> dict[str, str]:
        """Of a person; only programs may report."""
        who = self._program if operation.path.startswith("/api/report/") else self._person
        return {"Authorization": f"Bearer {who}"}

    def leaks(self, text: str, asked: str) -> list[str]:
        """Our names and ids that ``text`` contains and the request did not."""
        return [name for name in self.own if name in text and name not in asked]


@pytest.fixture
def sides(acme, globex) -> tuple[Side, Side]:
    return Side(acme), Side(globex)


@pytest.fixture
def schema(talkative: Web) -> Any:
    loaded = schemathesis.openapi.from_url(f"{talkative.origin}/api/schema/")
    loaded.config.generation.update(modes=list(GenerationMode))
    return loaded


def put_in(case: Case, random: Random, sides: tuple[Side, Side]) -> None:
    """Replace some of what was generated by names that there are; ``sides``: whose turn it is
    first.
    """
    names = [name for side in sides for name in (*side.ids, *side.names)]
    names.append("00000000-0000-4000-8000-000000000000")
    whose = random.choice([sides[0], *sides])
    for kind, name in re.findall(r"([\w-]+)/{(\w+)}", case.path):
        # Most often a path of one organization's records, else a record of any kind in its place.
        known = whose.of[kind] if random.randrange(4) else names
        case.path_parameters[name] = random.choice(known)
    if "crew" in (case.query or {}):
        case.query["crew"] = random.choice(names)
    if case.method == "GET" and random.randrange(3) == 0:
        filters = (
            "crew",
            "crew_id",
            "crew__id",
            "organization",
            "search",
            "q",
            "ordering",
            "run",
            "cursor",
        )
        case.query = (case.query or {}) | {random.choice(filters): random.choice(names)}
    if isinstance(case.body, dict):
        for name in case.body:
            if random.randrange(4) == 0:  # the others stay valid, or nothing would be accepted
                is_free = name in FREE or case.path.startswith("/api/report/")
                case.body[name] = random.choice(sides[0].names if is_free else names)
        case.body[random.choice(("crew", "crew_id", "id", "organization"))] = random.choice(names)
        if "seen" in case.body and random.randrange(4):
            case.body["seen"] = whose.seen
        if case.path == ASKS:  # a call that needs approval would wait for it
            case.body |= {"run": whose.reported, "always": False}
        if "expression" in case.body and random.randrange(4):
            case.body |= {"expression": "@daily", "zone": "Europe/Berlin"}
        if "address" in case.body and random.randrange(4):
            case.body |= {"service": "webhook", "address": "https://example.com/hooks/of-nobody"}


def statuses_of(operation: APIOperation, sides: tuple[Side, Side], number: int) -> set[int]:
    """Ask for the operation again and again; every status that came back in this round."""
    statuses = set()

    @PLAIN
    @given(data=st.data(), case=operation.as_strategy())
    def ask(data: st.DataObject, case: Case) -> None:
        # Hypothesis prefers the first of several choices; these are all as likely.
        random = Random(f"{number} {data.draw(st.integers(0, 2**64))}")
        side, other = random.choice((sides, sides[::-1]))
        if random.randrange(5):
            put_in(case, random, (side, other))
        response = case.call(headers=side.headers(operation))
        statuses.add(response.status_code)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)
        asked = f"{case.formatted_path} {case.query} {case.headers} {case.body}"
        received = f"{response.text} {json.dumps(dict(response.headers))}"
        assert other.leaks(received, asked) == [], asked

    ask()
    return statuses


@pytest.mark.timeout(900)  # some 2,000 requests, on a machine that may be busy
def test_no_fault_and_nothing_of_the_other_organization(talkative, schema, sides):
    start = talkative.log.stat().st_size
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in sorted(operations, key=lambda one: one.method == "delete"):  # these last
        statuses: set[int] = set()
        if operation.path == ASKS:
            ApprovalRule.objects.unscoped().update(is_enabled=False)
        for number in range(ROUNDS):
            for side in sides:
                side.go_on()
            statuses |= statuses_of(operation, sides, number)
            # So what was asked was understood.
            accepted = statuses & {200, 201, 202, 204} or "/token/" in operation.label
            # So what was not theirs was refused. A call of reports answers 200 and says in it which
            # of its events are rejected; one of a hook is always understood.
            refused = statuses & {400, 401, 404, 405} or operation.path.startswith("/api/report/")
            if accepted and refused:
                break
        assert accepted, operation.label
        assert refused, operation.label
    assert "Traceback" not in talkative.log.read_bytes()[start:].decode(errors="replace")
    assert Run.objects.filter(crew=sides[0].tenant.crew).count() > 1


def test_a_leak_would_be_noticed(sides):
    acme, globex = sides
    text = json.dumps({"id": globex.ids[0], "name": "Globex crew"})
    assert globex.leaks(text, "") == [globex.ids[0], "Globex"]
    assert globex.leaks(text, f"/{globex.ids[0]}/") == ["Globex"]
    assert acme.leaks(text, "") == []
