"""Hooks that Claude Code really sent, replayed: what comes of them was written down by hand."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from django.db import models

from conftest import Tenant
from runs.execution import reaper
from runs.models import AgentExecution, ReportedRun, Run, TaskExecution, ToolExecution
from runs.reporting.sources import values
from runs.reporting.sources.claude_code.mapping import events_of, title_of
from runs.reporting.sources.claude_code.payload import hook_of, short
from runs.reporting.sources.claude_code.runs import crew_of
from runs.tests.reporting.conftest import Program, frames

PATH = "/api/report/claude-code/?crew=site"
VECTORS = Path(__file__).with_name("vectors")
MAIN, SUB = "claude-code", "general-purpose"


def recorded(name: str, session: int = 0) -> list[dict[str, Any]]:
    """The hooks of one session of a recording."""
    lines = (VECTORS / f"claude-code-2.1.332{name}.hooks.jsonl").read_text().splitlines()
    hooks = [json.loads(line) for line in lines]
    sessions = list(dict.fromkeys(hook["session_id"] for hook in hooks))
    return [hook for hook in hooks if hook["session_id"] == sessions[session]]


class Claude:
    """Sends hooks as Claude Code does. Every answer is one that decides nothing."""

    def __init__(self, program: Program) -> None:
        self.client = program.client

    def post(self, body: bytes, path: str = PATH, kind: str = "application/json", **headers: str):
        return self.client.generic("POST", path, body, content_type=kind, **headers)

    def send(self, *hooks: dict[str, Any], path: str = PATH) -> None:
        for hook in hooks:
            response = self.post(json.dumps(hook).encode(), path)
            assert (response.status_code, response.content) == (200, b"{}"), response.content


@pytest.fixture
def claude(program: Program) -> Claude:
    return Claude(program)


def picture(run: Run) -> dict[str, Any]:
    """The run as a person sees it."""
    names = {task["task_id"]: task["name"] for task in run.plan["tasks"]}
    tools = ToolExecution.objects.filter(task_execution__run=run)
    return {
        "run": (run.status, run.reason),
        "agents": sorted({(a.agent_id, a.status) for a in AgentExecution.objects.filter(run=run)}),
        "tasks": sorted(
            (t.agent_id, names[str(t.task_id)], t.status)
            for t in TaskExecution.objects.filter(run=run)
        ),
        "tools": sorted(
            (t.task_execution.agent_id, t.tool, t.status, t.exit_code, t.output, t.message or "")
            for t in tools.select_related("task_execution")
        ),
    }


EXPECTED = {
    ("", 0): {
        "run": ("succeeded", ""),
        "agents": [(MAIN, "succeeded")],
        "tasks": [(MAIN, "do it", "succeeded")],
        "tools": [
            (MAIN, "Bash", "error", 3, "out\nerr", "Exit code 3."),
            (MAIN, "Bash", "success", 0, "A", ""),
            (MAIN, "Bash", "success", 0, "B", ""),
            (MAIN, "Bash", "success", 0, "ok", ""),
            (MAIN, "Read", "success", None, "hello\n", ""),
        ],
    },
    ("", 1): {
        "run": ("succeeded", ""),
        "agents": [(MAIN, "succeeded"), (SUB, "succeeded")],
        "tasks": [(MAIN, "do it", "succeeded"), (SUB, SUB, "succeeded")],
        "tools": [
            (MAIN, "Bash", "success", 0, "main", ""),
            (SUB, "Bash", "error", 4, "", "Exit code 4."),
            (SUB, "Bash", "success", 0, "sub1", ""),
        ],
    },
    # The recording ends while the turn that the ended sub-agent caused is open.
    ("", 2): {
        "run": ("running", ""),
        "agents": [(MAIN, "running"), (MAIN, "succeeded"), (SUB, "succeeded")],
        "tasks": [
            (MAIN, 'Agent "sub job" finished', "running"),
            (MAIN, "do it", "succeeded"),
            (SUB, SUB, "succeeded"),
        ],
        "tools": [(SUB, "Bash", "success", 0, "sub1", "")],
    },
    (".foreground-subagent", 0): {
        "run": ("succeeded", ""),
        "agents": [("Explore", "succeeded"), (MAIN, "succeeded")],
        "tasks": [("Explore", "Explore", "succeeded"), (MAIN, "do it", "succeeded")],
        "tools": [("Explore", "Bash", "success", 0, "sub", "")],
    },
    (".failed", 0): {
        "run": ("failed", "failed"),
        "agents": [(MAIN, "failed")],
        "tasks": [(MAIN, "do it", "failed")],
        "tools": [(MAIN, "Bash", "success", 0, "before", "")],
    },
    (".interrupted", 0): {
        "run": ("cancelled", "cancelled"),
        "agents": [(MAIN, "cancelled")],
        "tasks": [(MAIN, "do it", "cancelled")],
        "tools": [(MAIN, "Bash", "error", None, "", "cancelled")],
    },
}  # fmt: skip
REFUSED = (
    "touch in '/home/dev/project/refused.txt' needs approval. The path is inside the working "
    "directories for this session ('/home/dev/project'), and Claude Code asks before a shell "
    "command creates, changes or removes files there."
)


@pytest.mark.parametrize(("name", "session"), EXPECTED)
def test_a_recording(claude, acme, name, session):
    claude.send(*recorded(name, session))
    run = Run.objects.get()
    shown = picture(run)
    assert shown == EXPECTED[name, session]
    assert (run.crew.slug, run.crew.organization) == ("site", acme.organization)
    assert (run.reported.source, run.reported.name) == ("claude-code", "do it")


def test_refused_calls_wait_and_end_as_cancelled(claude):
    hooks = recorded(".refused")
    asked = [hook["hook_event_name"] for hook in hooks].index("PermissionRequest")
    claude.send(*hooks[: asked + 1], hooks[asked])
    assert ToolExecution.objects.get().message == "Waiting for approval."
    assert [frame.get("message") for frame in frames(Run.objects.get())].count(
        "Waiting for approval."
    ) == 1
    claude.send(*hooks[asked + 1 :])
    shown = picture(Run.objects.get())
    assert shown["run"] == ("succeeded", "")
    assert shown["tools"] == [
        (MAIN, "Bash", "error", None, "", "This Bash command contains multiple operations. "
         "The following part requires approval: exit 3"),
        (MAIN, "Bash", "error", None, "", REFUSED),
        (MAIN, "Nope", "error", None, "", "Error: No such tool available: Nope"),
        (MAIN, "Read", "success", None, "hello\n", ""),
    ]  # fmt: skip


def test_what_was_approved_waits_no_more(claude):
    hook = prompt("s", 1, "Mend it")
    call = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "make"}}
    claude.send(hook, following(hook, "PreToolUse", **call))
    claude.send(following(hook, "PermissionRequest", **call))
    claude.send(following(hook, "PostToolUse", **call, tool_response={"stdout": "", "stderr": ""}))
    tool = ToolExecution.objects.get()
    assert (tool.status, tool.message) == ("success", "")


def test_the_duration_is_that_of_the_hook():
    (slow,) = (hook for hook in recorded("", 0) if hook.get("duration_ms") == 2143)
    assert events_of(hook_of(slow))[-1]["duration_s"] == 2.143


@pytest.mark.parametrize("seed", range(2))
def test_hooks_that_come_twice_change_nothing(claude, seed):
    chance = random.Random(seed)
    name, session = chance.choice([key for key in EXPECTED if key[0] != ".interrupted"])
    hooks = recorded(name, session)
    sent: list[dict[str, Any]] = []
    for hook in hooks:
        sent.append(hook)
        claude.send(hook, *chance.sample(sent, chance.randint(0, 1)))
    claude.send(*chance.sample(sent, min(len(sent), 10)))
    assert picture(Run.objects.get()) == EXPECTED[name, session]


@pytest.mark.parametrize("seed", range(2))
def test_hooks_of_parallel_calls_come_in_any_order(claude, seed):
    """Between the prompt and the end of its turn, where a call's start comes before its end."""
    hooks = recorded("", seed % 2)
    is_inner = {"PreToolUse", "PostToolUse", "PostToolUseFailure"}
    inner = [hook for hook in hooks if hook["hook_event_name"] in is_inner]
    random.Random(seed).shuffle(inner)
    prompt = [hook for hook in hooks if hook["hook_event_name"] == "UserPromptSubmit"][:1]
    rest = [hook for hook in hooks if hook not in (*inner, *prompt)]
    claude.send(*prompt, *inner, *rest)
    assert picture(Run.objects.get()) == EXPECTED["", seed % 2]


def test_two_sessions_at_once_are_two_runs(claude):
    one, two = recorded("", 0), recorded("", 1)
    for pair in zip(one, two, strict=False):
        claude.send(*pair)
    claude.send(*two[len(one) :])
    shown = sorted((picture(run) for run in Run.objects.all()), key=lambda each: len(each["tasks"]))
    assert shown == [EXPECTED["", 0], EXPECTED["", 1]]


def prompt(session: str, number: int, text: str) -> dict[str, Any]:
    return {
        "session_id": session,
        "cwd": "/home/dev/My Shop",
        "prompt_id": f"p{number}",
        "hook_event_name": "UserPromptSubmit",
        "prompt": text,
    }


def following(hook: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    return {**hook, "hook_event_name": name, **fields}


def test_the_next_prompt_is_the_next_run(claude):
    first, second = prompt("s", 1, "Mend it"), prompt("s", 2, "\n  Test it, too\nplease")
    for hook in (first, second):
        claude.send(hook, following(hook, "Stop", background_tasks=[]))
    claude.send(second, first)  # late copies
    assert [(r.name, r.run.status) for r in ReportedRun.objects.order_by("run__started_at")] == [
        ("Mend it", "succeeded"),
        ("Test it, too", "succeeded"),
    ]


def run_named(name: str) -> Run:
    return ReportedRun.objects.get(name=name).run


def test_the_next_prompt_ends_a_turn_that_was_interrupted(claude):
    """With Esc, which no hook reports. The earlier prompts are sent again, too."""
    hooks = recorded(".esc")
    prompts = [hook for hook in hooks if hook["hook_event_name"] == "UserPromptSubmit"]
    for hook in hooks:
        claude.send(hook)
        claude.send(*prompts[: prompts.index(hook)] if hook in prompts else [])
    assert Run.objects.count() == 3
    assert picture(run_named("do it")) == {
        "run": ("cancelled", "cancelled"),
        "agents": [(MAIN, "cancelled")],
        "tasks": [(MAIN, "do it", "cancelled")],
        "tools": [(MAIN, "Bash", "error", None, "", "cancelled")],
    }
    for name in ("again", "queued"):
        assert picture(run_named(name))["tasks"] == [(MAIN, name, "succeeded")]


def test_a_prompt_that_waits_for_the_next_step_is_of_the_same_turn(claude):
    claude.send(*recorded(".queued"))
    assert sorted(ReportedRun.objects.values_list("name", "run__status")) == [
        ("do it", "succeeded"),
        ("queued", "succeeded"),
    ]
    assert [tool[1:4] for tool in picture(run_named("do it"))["tools"]] == [("Bash", "success", 0)]


def test_a_prompt_while_sub_agents_work_is_a_task_of_the_open_run(claude):
    first, second = prompt("s", 1, "Mend it"), prompt("s", 2, "And test it")
    sub = following(first, "SubagentStart", agent_id="a1", agent_type=SUB)
    works = [{"id": "a1", "type": "subagent", "status": "running"}]
    claude.send(first, sub, following(first, "Stop", background_tasks=works), second)
    claude.send(following(second, "Stop", background_tasks=works))
    claude.send(following(sub, "SubagentStop"), prompt("s", 3, "<task-notification>"))
    claude.send(following(prompt("s", 3, ""), "Stop"))
    shown = picture(Run.objects.get())
    assert shown["run"] == ("succeeded", "")
    assert shown["tasks"] == [
        (MAIN, "And test it", "succeeded"),
        (MAIN, "Background task ended", "succeeded"),
        (MAIN, "Mend it", "succeeded"),
        (SUB, SUB, "succeeded"),
    ]


def test_a_turn_that_goes_on_after_its_stop_is_another_run(claude):
    """Another hook may instruct Claude Code not to stop."""
    hook = prompt("s", 1, "Mend it")
    call = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "true"}}
    before, after = (following(hook, "PreToolUse", **call | {"tool_use_id": id}) for id in "ab")
    claude.send(hook, before, following(hook, "Stop"), before)
    assert Run.objects.count() == 1
    claude.send(after, after, following(after, "PostToolUse"), following(hook, "Stop"))
    assert [run.status for run in Run.objects.all()] == ["succeeded", "succeeded"]
    assert ToolExecution.objects.filter(status="success").count() == 1


def test_a_silent_session_is_lost_and_its_next_prompt_is_seen(claude):
    first = prompt("s", 1, "Mend it")
    claude.send(first)
    rows = Run.objects.all()
    models.QuerySet.update(rows, lease_until=models.F("started_at"))
    reaper.sweep()
    assert [(run.status, run.reason) for run in Run.objects.all()] == [("failed", "reporter_lost")]
    claude.send(following(first, "Stop"), prompt("s", 2, "Go on"))
    assert sorted(run.status for run in Run.objects.all()) == ["failed", "running"]


def test_ends_without_a_run_make_none(claude):
    hook = prompt("s", 1, "")
    claude.send(
        *(following(hook, name) for name in ("Stop", "StopFailure", "SessionEnd", "PreCompact")),
        following(hook, "PostToolUse", tool_name="Bash", tool_use_id="t1"),
        following(hook, "PermissionRequest", tool_name="Bash"),
    )
    assert not Run.objects.exists()


def test_without_a_crew_the_directory_names_it(claude):
    claude.send(prompt("s", 1, "Mend it"), path="/api/report/claude-code")
    assert Run.objects.get().crew.slug == "My-Shop"
    assert crew_of("C:\\work\\site\\") == "site"
    assert crew_of("/") == "claude-code"


def test_secrets_of_prompts_inputs_and_outputs_are_redacted(claude):
    hook = prompt("s", 1, "Use password=canary-secret-1")
    call = {"tool_name": "Bash", "tool_use_id": "t1"}
    call["tool_input"] = {"command": "curl https://user:canary-secret-2@example.com"}
    response = {"stdout": "token=canary-secret-3", "stderr": ""}
    claude.send(
        hook,
        following(hook, "PreToolUse", **call),
        following(hook, "PermissionRequest", **call),
        following(hook, "PostToolUse", **call, tool_response=response),
    )
    run = Run.objects.get()
    stored = f"{frames(run)} {run.plan} {run.reported.name} {ToolExecution.objects.values()}"
    assert "canary" not in stored
    assert "Waiting for approval." in stored


def test_long_values_are_cut_and_long_outputs_split(claude):
    hook = prompt("s", 1, "Write")
    content = "line\n" * 30_000
    call = {"tool_name": "Write", "tool_use_id": "t" * 200}
    call["tool_input"] = {"file_path": "a", "content": content}
    claude.send(
        hook,
        following(hook, "PreToolUse", **call),
        following(hook, "PostToolUse", **call, tool_response=content),
    )
    tool = ToolExecution.objects.get()
    assert tool.status == "success"
    assert tool.params == {"file_path": "a", "content": content[: values.STRING] + "…"}
    assert len(tool.output) == values.OUTPUT
    assert tool.output[:-1] == content[: values.OUTPUT - 1]


def test_deep_values_are_named():
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    assert values.bounded(deep) == {"value": "Nested too deeply to be shown."}
    assert values.bounded([1] * 50_000)["value"].endswith("…")
    assert values.text_of([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"session_id": 7, "hook_event_name": "Stop"}', "application/json", 400),
        (b'{"session_id": "", "hook_event_name": "Stop"}', "application/json", 400),
        (b'{"session_id": "s", "hook_event_name": "PreToolUse"}', "application/json", 400),
        (b'{"session_id": "s", "hook_event_name": "SubagentStart"}', "application/json", 400),
        (b'{"session_id": "s", "hook_event_name": "Stop", "background_tasks": 1}', "application/json", 400),
        (b'{"session_id": "s", "hook_event_name": "Stop", "duration_ms": NaN}', "application/json", 400),
        (b'{"session_id": "' + b"s" * 201 + b'", "hook_event_name": "Stop"}', "application/json", 400),
        (b'{"session_id": "s", "hook_event_name": "Stop", "a": "' + b"a" * 2**20 + b'"}', "application/json", 413),
        (b"session_id=s", "text/plain", 415),
        (gzip.compress(b"{}"), "application/gzip", 415),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_no_hook_is_refused(claude, body, kind, status):
    response = claude.post(body, kind=kind)
    assert response.status_code == status, response.content
    assert response.json()["detail"]
    assert not Run.objects.exists()


def test_a_crew_that_cannot_be_used_is_named(claude, acme: Tenant):
    body = json.dumps(prompt("s", 1, "Mend it")).encode()
    refused = claude.post(body, "/api/report/claude-code/?crew=no%20slug")
    assert (refused.status_code, refused.json()["detail"][:4]) == (400, "crew")
    acme.organization.reports_create = False
    acme.organization.save()
    refused = claude.post(body)
    assert refused.status_code == 400
    assert "There is no crew site" in refused.json()["detail"]
    assert not Run.objects.exists()


def test_characters_that_no_database_stores(claude):
    hook = prompt("s\0\ud800", 1, "nul \0 and \ud800")
    call = {"tool_name": "Ba\0sh", "tool_use_id": "t\0", "tool_input": {"a\0": "\ud800"}}
    claude.send(
        hook,
        following(hook, "PreToolUse", **call),
        following(hook, "PermissionRequest", **call),
        following(hook, "PostToolUse", **call, tool_response={"\0": "\ud800"}),
        following(hook, "Stop"),
    )
    assert picture(Run.objects.get())["run"] == ("succeeded", "")


def test_unknown_hooks_and_fields_are_answered_the_same(claude):
    hook = prompt("s", 1, "Mend it")
    claude.send(following(hook, "SomethingNew", background_tasks=[], news={"a": [1]}))
    assert not Run.objects.exists()


def test_a_notification_is_no_prompt_of_a_person():
    (hook,) = (hook for hook in recorded("", 1) if "<task-" in hook.get("prompt", ""))
    assert title_of(hook_of(hook)) == 'Agent "sub job" finished'
    assert short("x" * 61) != "x" * 61
