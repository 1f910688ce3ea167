"""Text of model calls: stored only where the organization allows it, redacted, and shown to
members.
"""

import pytest
from django.test import Client

from realtime.sockets import snapshots
from runs.execution.removal import remove
from runs.models import CallText, Run, model_call
from runs.tests.reporting.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)

BOOT = {"id": "boot", "run": "n1", "type": "boot", "crew": "support"}
START = {"type": "llm_start", "call_id": "c1", "agent_id": "orion", "provider": "openai"}
START |= {"model": "gpt-5-mini"}
PROGRESS = {"type": "llm_progress", "call_id": "c1"}
END = {"type": "llm_end", "call_id": "c1", "status": "success"}


@pytest.fixture
def send(program):
    count = iter(range(1_000))

    def send(*events):
        return program.send(*({"id": f"e{next(count)}", "run": "n1"} | event for event in events))

    send(BOOT)
    return send


@pytest.fixture
def allowed(acme):
    acme.organization.keeps_model_text = True
    acme.organization.save()


def pages_of(run, person) -> list[tuple[int, str]]:
    client, call = Client(), run.calls.get()
    client.force_login(person)
    paths = [f"/runs/{run.pk}/calls/{call.pk}/{part}/" for part in ("input", "output")]
    answers = [client.get(path) for path in paths]
    assert {answer.get("X-Content-Type-Options") for answer in answers} == {"nosniff"}
    return [(answer.status_code, answer.content.decode()) for answer in answers]


def progress_of(run):
    shown = ("first_token_s", "output")
    return [
        {name: frame[name] for name in shown if name in frame}
        for frame in frames(run)
        if frame["type"] == "llm_progress"
    ]


def test_text_is_dropped_unless_the_organization_stores_it(send, run_of, acme):
    answer = send(START | {"input": "Hello?"}, PROGRESS | {"output": "Hello."}, END)
    assert answer["accepted"] == 3
    run = run_of("n1")
    assert not CallText.objects.unscoped().exists()
    assert pages_of(run, acme.viewer) == [(200, ""), (200, "")]
    assert [set(event) for event in progress_of(run)] == [{"first_token_s"}]
    page = Client()
    page.force_login(acme.viewer)
    assert "call-text" not in page.get(f"/runs/{run.pk}/").content.decode()


def test_text_is_stored_in_order_across_calls(send, run_of, acme, allowed):
    send(START | {"input": "Hello?"}, PROGRESS | {"input": " More."}, PROGRESS | {"output": "He"})
    send(PROGRESS | {"output": "llo."}, END)
    send(PROGRESS | {"output": "late"}, START | {"input": "again"})
    run = run_of("n1")
    assert pages_of(run, acme.viewer) == [(200, "Hello? More."), (200, "Hello.")]
    first, second = progress_of(run)
    assert first["output"] == "He"
    assert first["first_token_s"] >= 0
    assert second == {"output": "llo."}
    page = Client()
    page.force_login(acme.viewer)
    shown = page.get(f"/runs/{run.pk}/").content.decode()
    assert shown.count('class="call-text"') == 2


def test_input_does_not_say_that_the_model_answers(send, run_of, allowed):
    send(START, PROGRESS | {"input": "Hello?"})
    run = run_of("n1")
    assert run.calls.get().first_token_s is None
    assert progress_of(run) == []


def test_text_is_redacted(send, run_of, acme, allowed):
    text = "api_key=ca11text-k3y"
    send(START | {"input": text}, PROGRESS | {"output": text}, END)
    run = run_of("n1")
    for _, shown in pages_of(run, acme.viewer):
        assert shown == "api_key=[redacted]"
    assert "ca11text" not in str(frames(run))


def test_text_beyond_the_limit_is_cut(send, run_of, acme, allowed, monkeypatch):
    monkeypatch.setattr(model_call, "TEXT_AT_MOST", 5)
    send(START | {"input": "Hello?"}, PROGRESS | {"output": "abc"}, PROGRESS | {"output": "def"})
    answer = send(PROGRESS | {"output": "ghi"}, END)
    assert answer["accepted"] == 2
    assert pages_of(run_of("n1"), acme.viewer) == [(200, "Hello"), (200, "abcde")]


def test_a_guest_of_a_shared_run_does_not_see_the_text(send, run_of, acme, allowed):
    send(START | {"input": "Hello?"}, PROGRESS | {"output": "Hello."}, END)
    run = run_of("n1")
    run.share(True)
    guest = Client()
    page = guest.get(f"/runs/{run.pk}/")
    assert page.status_code == 200
    assert "call-text" not in page.content.decode()
    assert guest.get(f"/runs/{run.pk}/calls/{run.calls.get().pk}/output/").status_code == 302


def test_text_is_deleted_with_the_run(send, run_of, allowed):
    send(START | {"input": "Hello?"}, PROGRESS | {"output": "Hello."}, END)
    send({"type": "done", "status": "succeeded"})
    assert CallText.objects.unscoped().count() == 2
    assert remove([run_of("n1").pk]) == 1
    assert not CallText.objects.unscoped().exists()
    assert not Run.objects.exists()


def test_a_snapshot_has_the_time_to_the_first_token(send, run_of):
    send(START)
    run = run_of("n1")
    (call,) = snapshots.open_calls_of([run.pk])
    assert "first_token_s" not in call
    send(PROGRESS)
    (call,) = snapshots.open_calls_of([run.pk])
    assert call["first_token_s"] == run.calls.get().first_token_s
