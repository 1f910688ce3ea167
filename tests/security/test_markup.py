"""Names, messages and output are text, on every page, in a real browser, and in the terminal."""

import io
import re
from contextlib import AbstractContextManager, nullcontext

import pytest
from rich.console import Console
from rich.errors import MarkupError

from conftest import PASSWORD, Tenant
from crews.models import Agent, Crew, Task
from realtime.terminal.graph_view import GraphView
from realtime.terminal.mission_view import MissionView
from realtime.terminal.run_view import RunView
from runs.models import Run, TaskExecution, ToolExecution
from tests.security.payloads import MARK, MARKUP, RUN_AT_ONCE, TERMINAL

# Only what rich itself draws with: colours and moves of a display that is drawn again.
DRAWING = re.compile(r"\x1b\[[0-9;]*m")
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What no page of ours has, so that it could only have come out of a text.
FOREIGN = """() => [...document.querySelectorAll("*")].flatMap((element) => [
    ...[...element.attributes].filter((a) => /^on/i.test(a.name)
        || /^\\s*javascript:/i.test(a.value) && /href|src|action|data$/i.test(a.name)).map((a) => a.name),
    ...(["IFRAME", "OBJECT", "EMBED", "MARQUEE", "MATH"].includes(element.tagName) ? [element.tagName] : []),
    ...(element.tagName === "SCRIPT" && element.text.includes("__pwned") && !element.type.includes("json")
        ? ["script"] : []),
])"""
WRITE = "(html) => document.write(html)"
TEXT = """() => document.documentElement.textContent +
    [...document.querySelectorAll("[title],[value],[aria-label]")].map((e) =>
        [e.title, e.value, e.ariaLabel].join(" ")).join(" ")"""


@pytest.fixture
def crew(acme: Tenant) -> Crew:
    """A crew whose every text is a payload; each payload is the name of something."""
    acme.crew.tasks.all().delete()
    acme.crew.agents.all().delete()
    acme.crew.name, acme.crew.description = MARKUP[1], " ".join(MARKUP)[:300]
    acme.crew.save()
    acme.organization.name = MARKUP[0]
    acme.organization.save()
    for order, payload in enumerate(MARKUP):
        agent = Agent.objects.create(
            crew=acme.crew, name=payload, slug=f"a{order}", role=payload, order=order
        )
        steps = [{"tool": "script", "params": {"interpreter": "bash", "code": payload}}]
        Task.objects.create(crew=acme.crew, agent=agent, name=payload, order=order, steps=steps)
    return acme.crew


def carry_out(run: Run) -> None:
    """Every task with a tool that says every payload, and fails with one."""
    for entry, payload in zip(run.plan["tasks"], MARKUP, strict=True):
        task = TaskExecution.objects.start(run=run, task=entry)
        params = {"code": payload, payload: [payload], "path": f"/tmp/{payload}"}
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params=params)
        tool.report(message=payload, output=f"{payload}\n{TERMINAL[0]}\n", progress=0.5)
        tool.end("error", exit_code=1, message=payload)
        task.finish("failed", reason="tool_failed", message=payload)
    run.finish("failed", reason="task_failed", message=" ".join(MARKUP)[:500])


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
class TestPages:
    @pytest.fixture
    def signed_in(self, page, acme, superuser):
        page.goto("/login/")
        page.get_by_label("User name").fill("root")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("[data-live-mark]")
        return page

    def test_no_text_becomes_markup(self, signed_in, crew):
        page = signed_in
        run = Run.objects.create(crew=crew)
        run.start(worker="w")
        watching = []
        for path in ("/", crew.get_absolute_url(), run.get_absolute_url()):
            tab = page.context.new_page()
            tab.goto(path)
            tab.wait_for_selector('[data-live-mark][data-state="live"]')
            watching.append(tab)
        carry_out(run)
        watching[2].wait_for_selector("#run-head .status-badge[data-status=failed]")
        for tab in watching:
            self._is_clean(tab)
        execution = ToolExecution.objects.first()
        paths = ["/", "/runs/", crew.get_absolute_url(), run.get_absolute_url(), "/admin/"]
        paths += [f"/runs/{run.pk}/tools/{execution.pk}/output/"]
        for model, pk in (
            ("crews/crew", crew.pk), ("crews/organization", crew.organization_id),
            ("runs/run", run.pk), ("runs/toolexecution", execution.pk),
        ):  # fmt: skip
            paths += [f"/admin/{model}/", f"/admin/{model}/{pk}/change/"]
        seen = set()
        for path in paths:
            response = page.goto(path)
            assert response.status == 200, path
            policy = dict(
                p.split(" ", 1)
                for p in response.headers["content-security-policy"].split("; ")
                if " " in p
            )
            assert "unsafe-inline" not in policy["script-src"], path
            self._is_clean(page)
            text = page.evaluate(TEXT)
            seen |= {payload for payload in MARKUP if payload in text}
        assert seen == set(MARKUP)  # so each was on a page, as the text that it is

    def _is_clean(self, page) -> None:
        assert page.evaluate(f"window.{MARK}") is None, page.url
        assert page.evaluate(FOREIGN) == [], page.url

    def test_as_markup_they_would_run(self, chromium, web):
        """Without the policy, and put into a page as no template of ours does."""
        context = chromium.new_context(base_url=web.origin, bypass_csp=True)
        page = context.new_page()
        for payload in RUN_AT_ONCE:
            page.goto("/login/")
            page.evaluate(WRITE, payload)
            page.wait_for_function(f"window.{MARK} === 1")
        page.goto("/login/")
        apart = """(all) => document.body.replaceChildren(...all.map((html) =>
            Object.assign(document.createElement("div"), {innerHTML: html})))"""
        page.evaluate(apart, MARKUP)
        assert len(page.evaluate(FOREIGN)) > 20
        context.close()

    def test_the_policy_alone_would_stop_them(self, chromium, web):
        context = chromium.new_context(base_url=web.origin)
        page = context.new_page()
        for payload in MARKUP:
            page.goto("/login/")
            with refusal(page) if payload in RUN_AT_ONCE else nullcontext():
                page.evaluate(WRITE, payload)
            assert page.evaluate(f"window.{MARK}") is None, payload
        context.close()


def refusal(page) -> AbstractContextManager:
    """Ends once the browser has said that the page's policy forbids something."""
    return page.expect_console_message(lambda said: "Content Security Policy" in said.text)


def drawn(view: RunView | GraphView | MissionView) -> str:
    """What a terminal gets of the view, without rich's own colours."""
    console = Console(file=io.StringIO(), force_terminal=True, width=200, height=100)
    console.print(view.render())
    return DRAWING.sub("", console.file.getvalue())


@pytest.mark.parametrize("escape", TERMINAL)
def test_a_terminal_obeys_nothing_but_the_client(escape):
    text = f"before{escape}after"
    at = {"timestamp": "2026-01-01T12:00:00.000000Z", "seq": 1, "crew_id": text, "run_id": text}
    agent = {"agent_id": text, "name": text, "role": text, "state": text}
    task = {"task_id": text, "name": text, "agent_id": text}
    tool = at | {"agent_id": text, "execution_id": text, "tool": text}
    tools = [
        {"type": "tool_start", "params": {text: text}},
        {"type": "tool_progress", "message": text, "output": text, "progress": 0.5},
        {"type": "tool_end", "duration_s": 1.0, "exit_code": 1, "status": text},
    ]
    run, graph, mission = (
        RunView(),
        GraphView(lambda crew_id: text),
        MissionView(lambda crew_id: text),
    )
    run.feed(at | {"type": "boot", "crew": text, "agents": [agent], "tasks": [task]})
    run.feed(at | task | {"type": "task_start"})
    graph.feed({"type": "snapshot", "stream": "graph:x", "agents": [agent], "executions": []})
    shown = []
    for frame in tools:
        for view in (run, graph):
            view.feed(tool | frame)
            shown.append(drawn(view))
    run.feed(at | {"type": "error", "message": text, "reason": text})
    run.feed(at | task | {"type": "task_end", "status": text, "duration_s": 1.0})
    run.feed(at | {"type": "done", "status": text, "duration_s": 1.0, "reason": text})
    mission.feed(at | {"type": "signal", "payload": {"status": text, "crewId": text}})
    shown += [drawn(run), drawn(mission)]
    assert STEERING.findall("".join(shown)) == []
    # What is left of it is there, letter by letter.
    left = "".join(char if char.isprintable() else " " for char in text)
    assert all(left in picture for picture in shown)


@pytest.mark.parametrize("escape", TERMINAL)
def test_printed_as_it_comes_it_would_be_obeyed(escape):
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    try:
        console.print(f"before{escape}after")
    except MarkupError:
        return
    printed = console.file.getvalue()
    assert STEERING.search(printed) or f"before{escape}after" not in printed
