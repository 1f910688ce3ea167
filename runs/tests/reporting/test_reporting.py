"""A run as a program reports it: from its boot to its done, through the models, into the log."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from crews.models import AuditEntry, Crew
from runs.execution import run_queue
from runs.models import AgentExecution, ReportedRun, Run, SeenEvent, TaskExecution, ToolExecution
from runs.tests.reporting.conftest import Program, frames, types

STORY = [
    {"id": "boot", "type": "boot", "crew": "release-crew", "name": "Nightly", "origin": "python"},
    {"id": "1", "type": "agent_start", "agent_id": "orion", "name": "Orion", "role": "Scout"},
    {"id": "2", "type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"},
    {"id": "3", "type": "tool_start", "execution_id": "x1", "tool": "git_clone", "task_id": "t1",
     "params": {"url": "https://user:canary-secret@example.com/x.git"}},
    {"id": "4", "type": "tool_progress", "execution_id": "x1", "progress": 0.4, "output": "Clo"},
    {"id": "5", "type": "tool_progress", "execution_id": "x1", "output": "ning\n"},
    {"id": "6", "type": "tool_end", "execution_id": "x1", "status": "success", "exit_code": 0},
    {"id": "7", "type": "task_end", "task_id": "t1", "status": "succeeded"},
    {"id": "8", "type": "agent_end", "agent_id": "orion", "status": "succeeded"},
    {"id": "9", "type": "done", "status": "succeeded"},
]  # fmt: skip


def story(run: str = "nightly-1") -> list[dict]:
    return [{"run": run, **event} for event in STORY]


def test_a_story_from_boot_to_done(program, run_of, acme):
    assert program.send(*story(), pack=True) == {"accepted": 10, "duplicates": 0, "rejected": []}
    run = run_of("nightly-1")
    assert (run.status, run.origin, run.crew.organization) == (
        "succeeded", "reported", acme.organization,
    )  # fmt: skip
    assert types(run) == [
        "boot", "agent_start", "task_start", "task_end", "agent_end", "done",
        "tool_start", "tool_progress", "tool_progress", "tool_end",
    ]  # fmt: skip
    events = frames(run)
    assert events[6]["agent_id"] == "orion"
    assert "canary-secret" not in str(events)
    assert events[-1] | {"exit_code": 0, "status": "success"} == events[-1]
    tool = ToolExecution.objects.get()
    assert (tool.output, tool.progress) == ("Cloning\n", 0.4)
    crew = Crew.objects.get(slug="release-crew")
    assert [(a.slug, a.name, a.role) for a in crew.agents.all()] == [("orion", "Orion", "Scout")]
    assert run.plan["tasks"][0]["name"] == "Fetch"
    assert (run.tasks_planned, run.tasks_ended) == (1, 1)
    assert AuditEntry.objects.get(kind="crew.created", object_id=crew.pk).actor_name.startswith(
        "API key a program"
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_is_sent_again_is_in_the_log_once(program, run_of, seed):
    """Calls of any size, each sent as often as an unreliable network would have it."""
    chance = random.Random(seed)
    events, accepted = story(), 0
    while events:
        size = chance.randint(1, 4)
        for _ in range(chance.randint(1, 3)):
            accepted += program.send(*events[:size])["accepted"]
        events = events[size:]
    assert accepted == len(STORY)
    assert program.send(*story())["duplicates"] == len(STORY)
    run = run_of("nightly-1")
    assert len(frames(run)) == len(STORY)
    assert ToolExecution.objects.get().output == "Cloning\n"


def test_one_bad_event_does_not_lose_its_neighbours(program, run_of):
    events = story()
    events[5:5] = [
        {"run": "nightly-1", "id": "bad", "type": "tool_end", "execution_id": "x1", "status": "?"},
        {"run": "nightly-1", "id": "odd", "type": "tool_strat"},
        {"run": "other", "id": "1", "type": "agent_start", "agent_id": "orion"},
    ]
    answer = program.send(*events)
    assert answer["accepted"] == 10
    assert [(r["id"], r["index"], r["code"]) for r in answer["rejected"]] == [
        ("bad", 5, "invalid"), ("odd", 6, "unknown_type"), ("1", 7, "unknown_run"),
    ]  # fmt: skip
    assert answer["rejected"][0]["detail"].startswith("status: ")
    assert run_of("nightly-1").status == "succeeded"


def test_runs_of_one_call_are_apart(program, run_of):
    both = [event for pair in zip(story("a"), story("b"), strict=True) for event in pair]
    assert program.send(*both)["accepted"] == 20
    assert run_of("a") != run_of("b")
    assert types(run_of("a")) == types(run_of("b"))
    assert ToolExecution.objects.count() == 2  # though the reporter's ids are the same


def test_keys_of_two_organizations_meet_nowhere(program, globex, run_of):
    program.send(*story()[:3])
    other = Program(globex.issue_key("report")[1])
    refused = other.send({"run": "nightly-1", "id": "9", "type": "done", "status": "failed"})
    assert refused["rejected"][0]["code"] == "unknown_run"
    assert other.send(*story())["accepted"] == 10
    mine, theirs = ReportedRun.objects.order_by("pk"), Run.objects.count()
    assert (mine.count(), theirs) == (2, 2)
    assert Run.objects.get(crew__organization=globex.organization).status == "succeeded"
    assert Crew.objects.filter(slug="release-crew").count() == 2


def test_the_crew_that_is_there_is_taken(program, acme, run_of):
    events = story()[:2]
    events[0]["crew"] = acme.crew.slug
    program.send(*events)
    run = run_of("nightly-1")
    assert run.crew == acme.crew
    acme.crew.refresh_from_db()
    assert acme.crew.status == "busy"  # without any worker
    assert acme.crew.agents.count() == 2  # orion was there


def test_an_organization_can_refuse_new_crews_and_agents(program, acme, run_of):
    acme.organization.reports_create = False
    acme.organization.save()
    events = story()
    assert program.send(*events[:1])["rejected"][0]["code"] == "unknown_crew"
    events[0]["crew"] = acme.crew.slug
    events[1]["agent_id"] = "stranger"
    assert program.send(*events[:2])["accepted"] == 2
    assert not acme.crew.agents.filter(slug="stranger").exists()
    assert run_of("nightly-1").plan["agents"][0]["agent_id"] == "stranger"


def test_no_worker_claims_a_reported_run_and_it_takes_no_place(program, acme, settings):
    settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION = 1
    events = story()[:1]
    events[0]["crew"] = acme.crew.slug
    program.send(*events)
    assert run_queue.claim(worker="w") is None
    asked = Run.objects.request(crew=acme.crew, user=acme.operator)
    assert run_queue.claim(worker="w") == asked


@pytest.mark.parametrize("place", [{}, {"agent_id": "orion"}], ids=["no agent", "agent"])
def test_what_no_event_has_started_ends_as_the_run_does(program, run_of, place):
    boot, *_, done = story()
    tool = {"run": "nightly-1", "execution_id": "x", "tool": "deploy", **place}
    start, end = {**tool, "type": "tool_start"}, {**tool, "type": "tool_end", "status": "error"}
    program.send(boot, {**start, "id": "1"}, {**end, "id": "2"}, done)
    run = run_of("nightly-1")
    assert [(f["type"], f["status"]) for f in frames(run)[3:6]] == [
        ("task_end", "succeeded"), ("agent_end", "succeeded"), ("done", "succeeded"),
    ]  # fmt: skip
    assert run.tasks_ended == 1


CUT_OFF = {
    "an agent that was started": [
        {"type": "agent_start", "agent_id": "orion"},
        {"type": "tool_start", "execution_id": "x", "tool": "deploy", "agent_id": "orion"},
        {"type": "tool_end", "execution_id": "x", "status": "success"},
    ],
    "a task that was started": [{"type": "task_start", "task_id": "t", "agent_id": "orion"}],
    "a tool": [{"type": "tool_start", "execution_id": "x", "tool": "deploy"}],
    "a model call": [
        {"type": "tool_end", "execution_id": "x", "status": "success", "agent_id": "run"},
        {"type": "llm_start", "call_id": "c", "provider": "p", "model": "m", "agent_id": "run"},
    ],
}


@pytest.mark.parametrize("opened", CUT_OFF.values(), ids=CUT_OFF)
def test_what_is_cut_off_by_the_end_is_cancelled(program, run_of, opened):
    boot, *_, done = story()
    events = [{**event, "run": "nightly-1", "id": str(n)} for n, event in enumerate(opened)]
    assert program.send(boot, *events, done)["rejected"] == []
    assert run_of("nightly-1").status == "succeeded"
    assert TaskExecution.objects.get().status == AgentExecution.objects.get().status == "cancelled"


def test_done_ends_what_is_open_and_nothing_opens_it_again(program, run_of):
    events = story()
    program.send(*events[:5], {**events[-1], "status": "cancelled"})
    run = run_of("nightly-1")
    assert types(run)[:6] == ["boot", "agent_start", "task_start", "task_end", "agent_end", "done"]
    assert ToolExecution.objects.get().status == "error"
    assert TaskExecution.objects.get().status == AgentExecution.objects.get().status == "cancelled"
    before = len(frames(run))
    late = [
        {
            "run": "nightly-1",
            "id": "l1",
            "type": "tool_end",
            "execution_id": "x1",
            "status": "success",
        },
        {"run": "nightly-1", "type": "beat"},
        {"run": "nightly-1", "id": "l2", "type": "tool_start", "execution_id": "x2", "tool": "ls"},
        {"run": "nightly-1", "id": "l3", "type": "boot", "crew": "release-crew"},
    ]
    answer = program.send(*late)
    assert answer["accepted"] == 2
    assert [r["code"] for r in answer["rejected"]] == ["run_ended", "run_ended"]
    assert len(frames(run)) == before


def test_ends_without_starts_and_second_ends(program, run_of):
    boot, base = story()[0], {"run": "nightly-1"}
    answer = program.send(
        boot,
        base
        | {"id": "1", "type": "tool_end", "execution_id": "x", "status": "error", "duration_s": 0},
        base | {"id": "2", "type": "tool_end", "execution_id": "x", "status": "success"},
        base | {"id": "3", "type": "task_end", "task_id": "t", "status": "failed", "message": "no"},
        base | {"id": "4", "type": "task_end", "task_id": "t", "status": "succeeded"},
        base | {"id": "5", "type": "agent_end", "agent_id": "vega", "status": "failed"},
    )
    assert answer["accepted"] == 6
    assert ToolExecution.objects.get().status == "error"
    assert TaskExecution.objects.get(name="t").status == "failed"
    assert AgentExecution.objects.get(agent_id="vega").status == "failed"
    assert "error" in types(run_of("nightly-1"))


def test_an_agent_at_work_twice_is_so_until_the_last_has_ended(program, run_of):
    boot, base = story()[0], {"run": "nightly-1", "agent_id": "a b"}
    program.send(
        boot,
        base | {"id": "1", "type": "agent_start", "instance": "i"},
        base | {"id": "2", "type": "agent_start", "instance": "j"},
        base | {"id": "3", "type": "agent_end", "instance": "i", "status": "succeeded"},
    )
    run = run_of("nightly-1")
    assert types(run) == ["boot", "agent_start"]
    program.send(base | {"id": "4", "type": "agent_end", "instance": "j", "status": "failed"})
    assert types(run) == ["boot", "agent_start", "agent_end"]
    assert frames(run)[1]["agent_id"].startswith("a-b-")


def test_tasks_and_tools_run_in_parallel(program, run_of):
    base = {"run": "nightly-1"}
    answer = program.send(
        story()[0],
        *(base | {"id": f"t{n}", "type": "task_start", "task_id": f"{n}", "agent_id": f"a{n % 2}"}
          for n in range(4)),
        *(base | {"id": f"x{n}", "type": "tool_start", "execution_id": f"{n}", "tool": "ls",
                  "task_id": f"{n % 4}"} for n in range(8)),
        base | {"id": "free", "type": "tool_start", "execution_id": "f", "tool": "ls", "agent_id": "a1"},
        base | {"id": "none", "type": "tool_start", "execution_id": "n", "tool": "ls"},
    )  # fmt: skip
    assert answer["rejected"] == []
    running = ToolExecution.objects.filter(status="running")
    assert running.count() == 10
    assert {t.agent_id for t in running.select_related("task_execution")} == {"a0", "a1", "run"}
    program.send(base | {"id": "d", "type": "done", "status": "failed", "message": "boom"})
    run = run_of("nightly-1")
    assert not ToolExecution.objects.filter(status="running").exists()
    assert frames(run)[[*types(run)].index("done")]["status"] == "failed"


def test_an_error_is_recorded_and_ends_nothing(program, run_of):
    base = {"run": "nightly-1"}
    program.send(
        *story()[:3],
        base | {"id": "e", "type": "error", "message": "password=hunter2-canary", "task_id": "t1"},
    )
    (error,) = [frame for frame in frames(run_of("nightly-1")) if frame["type"] == "error"]
    assert "canary" not in error["message"]
    assert error["task_id"] == str(TaskExecution.objects.get().task_id)
    assert run_of("nightly-1").status == "running"


def test_a_clock_that_is_ahead_draws_nothing_before_its_run(program, run_of):
    now = timezone.now()
    events = story()
    events[0]["at"] = (now + timedelta(hours=2)).isoformat()
    for number, event in enumerate(events[1:9], 1):
        event["at"] = (now + timedelta(hours=2, seconds=number / 1000)).timestamp()
    events[2]["at"] = 0  # and one from 1970
    program.send(*events)
    run, task, tool = run_of("nightly-1"), TaskExecution.objects.get(), ToolExecution.objects.get()
    assert now <= run.started_at <= task.started_at <= tool.started_at <= tool.ended_at
    assert tool.ended_at <= run.ended_at <= timezone.now()


def test_reported_durations_count(program):
    events = story()
    then = timezone.now() - timedelta(minutes=10)
    for event in events[:6]:
        event["at"] = then.isoformat()
    events[6]["duration_s"] = 2.5
    program.send(*events)
    tool = ToolExecution.objects.get()
    assert (tool.started_at, tool.duration_s) == (then, 2.5)


def test_a_stop_is_asked_for_and_done_by_the_program(program, run_of):
    program.send(*story()[:3])
    run_of("nightly-1").cancel()
    assert program.send({"run": "nightly-1", "type": "beat"})["stop"] == ["nightly-1"]
    assert run_of("nightly-1").status == "running"
    answer = program.send({"run": "nightly-1", "id": "d", "type": "done", "status": "cancelled"})
    assert "stop" not in answer


def test_ids_are_kept_a_day_after_the_end(program, run_of):
    program.send(*story())
    ReportedRun.objects.forget_ids()
    assert SeenEvent.objects.count() == len(STORY)
    run = run_of("nightly-1")
    run.ended_at -= timedelta(hours=25)
    run.save(update_fields=["ended_at"])
    ReportedRun.objects.forget_ids()
    assert not SeenEvent.objects.exists()
    answer = program.send(*story())
    assert {r["code"] for r in answer["rejected"]} == {"run_ended"}


def test_an_agent_does_not_get_the_name_of_an_agent_that_it_calls(program, acme):
    program.send(
        {"id": "boot", "run": "n1", "type": "boot", "crew": "support"},
        {"id": "1", "run": "n1", "type": "agent_start", "agent_id": "scout", "name": "The Scout",
         "parent_agent_id": "chief"},
    )  # fmt: skip
    crew = acme.organization.crews.get(slug="support")
    assert dict(crew.agents.values_list("slug", "name")) == {"scout": "The Scout", "chief": "chief"}


@pytest.mark.parametrize("before", ["", "x" * 55, "x" * 95])
def test_a_secret_in_a_name_is_not_shown_nor_kept(program, run_of, before):
    """A reporter may take a command line as the name. The secret may begin before the limit."""
    text = f"{before} curl -H 'Authorization: Bearer ghp_abcdefghijklmnop1234567890' x"
    shown = {"boot": ("name",), "agent_start": ("name", "role"), "task_start": ("name",)}
    program.send(*(event | dict.fromkeys(shown.get(event["type"], ()), text) for event in story()))
    run = run_of("nightly-1")
    agent = run.crew.agents.get()
    kept = [run.reported.name, agent.name, agent.role, run.plan, frames(run)]
    assert "curl" in str(kept) or before
    assert "Bearer" not in str(kept)
    assert "ghp_" not in str(kept)
