"""Generated AG-UI requests: refused, or answered in full; nothing is kept."""

import json
from collections import Counter
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from realtime.tests.sockets.helpers import finish
from runs.models import ModelCall, ToolExecution
from tests.security import tokens
from tests.security.agui_requests import AguiRequests
from tests.security.test_fuzz import (
    CONTROLS,
    COUNT,
    FRAGMENTATION_LIMIT,
    PATIENCE_S,
    SEED,
    assault,
    server,
)
from tests.security.wire import exchange

__all__ = ["server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
# Of requests with good credentials: what is asked for is not there, was decided, or is malformed.
REFUSALS = {400, 403, 404, 409, 413}


def test_generated_requests(server, acme, globex, run):
    about = {"agent_id": "orion", "provider": "openai", "model": "m", "at": timezone.now()}
    call = ModelCall.objects.start(run=run, id=uuid4(), **about)
    call.answer("Hello")
    finish(run)
    tool = ToolExecution.objects.filter(task_execution__run=run).first()
    foreign = globex.start_run()
    gone = User.objects.create_user("gone", is_active=False)
    others = (foreign.pk, "0" * 32, "no-uuid", f"{run.pk}%00", "%2e%2e", f"{run.pk}/x")
    requests = AguiRequests(
        SEED,
        path=f"/agui/runs/{run.pk}",
        port=server.port,
        token=str(AccessToken.for_user(acme.admin)),
        tokens=[*tokens.bad(acme.admin, deactivated=gone, gone=10**6).values()],
        elsewhere=[f"/agui/runs/{each}" for each in others],
        ids=[str(call.pk), str(tool.pk)],
    )
    seen: Counter[str] = Counter()

    async def attack(number: int) -> None:
        if number % CONTROLS == 0:
            what, sent = "good", requests.good()
        else:
            what, sent = ("body", requests.generated()) if number % 2 else requests.refused()
        answer = await exchange(server.port, sent, patience_s=PATIENCE_S)
        message = f"seed {SEED}: {what}: {sent[:3000]!r} → {answer}"
        text = answer.body.decode(errors="replace")
        assert str(globex.crew.pk) not in text, message
        if answer.status == 200:
            assert what in ("body", "good"), message
            assert b"text/event-stream" in answer.head, message
            events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
            if events:  # it may have been left early
                assert json.loads(events[0])["type"] == "RUN_STARTED", message
        else:
            allowed = {0, *range(400, 500)} if what not in ("body", "good") else {0, *REFUSALS}
            assert answer.status in allowed, message
        seen[f"{what} {answer.status}"] += 1

    assault(server, attack, FRAGMENTATION_LIMIT)
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert seen["body 200"] > COUNT / 40, seen
    assert seen["body 400"] > COUNT / 40, seen
    assert sum(n for said, n in seen.items() if said.endswith(" 0")) <= COUNT / 100, seen
