"""The crew page and the dashboard in a real browser, where the odd cases are."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from crews.models import Agent, Task
from runs.execution import controls
from runs.execution.budget_actions import BUDGET_ACTOR
from runs.models import Approval, Control, TaskExecution, ToolExecution
from runs.models.control import report_paused
from tests.live import Web

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# How often ids are read where a list of cards has changed at its beginning.
MORPH = """async () => {
    const { morph } = await import("/static/realtime/pages/morph.js");
    let reads = 0;
    const { get } = Object.getOwnPropertyDescriptor(Element.prototype, "id");
    Object.defineProperty(Element.prototype, "id", { get() { reads += 1; return get.call(this); } });
    const attribute = Element.prototype.getAttribute;
    Element.prototype.getAttribute = function (name) { reads += 1; return attribute.call(this, name); };
    const list = (from, count) => {
        const ids = Array.from({ length: count }, (_, n) => from + n);
        const cards = ids.map((id) => `<details id="tool-${id}"><summary>${id}</summary></details>`);
        const html = `<div id="list">${cards.join("")}</div>`;
        return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    };
    const count = (tools) => {
        reads = 0;
        const current = list(0, tools);
        morph(current, list(1, tools));
        return [reads, current.outerHTML === list(1, tools).outerHTML];
    };
    return [count(250), count(2000)];
}"""


NAMES = ("constructor", "__proto__", "toString")


@pytest.fixture
def signed_in(page, acme, client, web):
    client.force_login(acme.operator)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    return page


def mark(page):
    return page.locator("[data-live-mark]").first


def test_agents_named_like_properties_of_objects_are_drawn_and_live(signed_in, acme):
    for order, name in enumerate(NAMES, start=2):
        agent = Agent.objects.create(crew=acme.crew, name=name, slug=name, order=order)
        Task.objects.create(crew=acme.crew, agent=agent, name=name, order=order)
    signed_in.goto(acme.crew.get_absolute_url())
    expect(signed_in.locator("#graph.drawn .edge")).to_have_count(4)
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    run = acme.start_run()
    for name in NAMES:
        planned = next(task for task in run.plan["tasks"] if task["agent_id"] == name)
        task = TaskExecution.objects.start(run=run, task=planned)
        ToolExecution.objects.start(task_execution=task, tool="script", params={})
        card = signed_in.locator(f'#graph [data-agent="{name}"]')
        expect(card).to_have_attribute("data-state", "working")
        expect(card.locator(".tool-name")).to_have_text("script")


def test_what_holds_a_run_up_is_shown_in_its_row_live(signed_in, acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    signed_in.goto(acme.crew.get_absolute_url())
    badge = signed_in.locator(f"#run-{run.pk} .status-badge")
    card = signed_in.locator("#graph [data-agent=orion]")
    stopped = card.locator(f'[data-execution="{tool.pk}"][data-paused]')
    expect(badge).to_have_text("Running")
    call = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 3600}
    approval = Approval.objects.request(id=uuid4(), run=run, **call)
    expect(badge).to_have_text("Waits for approval")
    waiting = signed_in.locator("[data-waits] a", has_text="script")
    expect(waiting).to_have_count(2)  # in the card and in the row
    expect(waiting.last).to_have_attribute("href", approval.get_absolute_url())
    approval.decide("approved", by="ada", seen=approval.seen)
    expect(badge).to_have_text("Running")
    expect(waiting).to_have_count(0)
    controls.ask(run, "pause")
    report_paused(run, True)
    expect(badge).to_have_text("Paused")
    expect(card).to_have_attribute("data-state", "paused")
    expect(stopped).to_have_count(1)
    signed_in.reload()
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    expect(badge).to_have_text("Paused")
    expect(card).to_have_attribute("data-state", "paused")
    expect(stopped).to_have_count(1)
    controls.ask(run, "resume")
    report_paused(run, False)
    expect(badge).to_have_text("Running")
    expect(card).to_have_attribute("data-state", "working")
    expect(stopped).to_have_count(0)
    Control.objects.ask(run, "pause", by=BUDGET_ACTOR)
    report_paused(run, True)
    expect(badge).to_have_text("Paused by budget")
    run.finish("succeeded")
    expect(badge).to_have_text("Succeeded")


def test_lists_of_runs_show_what_holds_them_up_live(signed_in, acme):
    run = acme.start_run()
    tabs = {signed_in: "/", signed_in.context.new_page(): "/runs/"}

    def expect_badges(text: str) -> None:
        for tab in tabs:
            expect(tab.locator(f"#run-{run.pk} .status-badge")).to_have_text(text)

    for tab, path in tabs.items():
        tab.goto(path)
        expect(mark(tab)).to_have_attribute("data-state", "live")
    card = signed_in.locator(f"#crew-{acme.crew.pk} .last-run")
    expect_badges("Running")
    controls.ask(run, "pause")
    report_paused(run, True)
    expect_badges("Paused")
    expect(card).to_have_text("Paused")
    for tab in tabs:
        tab.reload()
    expect_badges("Paused")
    controls.ask(run, "resume")
    report_paused(run, False)
    expect_badges("Running")
    expect(card).to_have_text("Running")
    call = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 3600}
    Approval.objects.request(id=uuid4(), run=run, **call)
    expect_badges("Waits for approval")
    run.finish("succeeded")
    expect_badges("Succeeded")
    other = acme.start_run()
    for tab in tabs:
        expect(tab.locator(f"#run-{other.pk}")).to_be_visible()


def test_of_a_large_crew_only_what_is_near_the_screen_is_rendered(signed_in, acme):
    for n in range(10, 90):
        agent = Agent.objects.create(crew=acme.crew, name=f"Agent {n}", slug=f"agent-{n}", order=n)
        Task.objects.create(crew=acme.crew, agent=agent, name=agent.name, order=n)
    count = acme.crew.agents.count()
    signed_in.goto(acme.crew.get_absolute_url())
    expect(signed_in.locator("#graph.drawn .edge")).to_have_count(acme.crew.tasks.count() - 1)
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    rendered = signed_in.evaluate("""() => ["#graph .agent-name", "#agents th", "#tasks .task-head"].map(
        (name) => [...document.querySelectorAll(name)].filter((e) => e.checkVisibility({ contentVisibilityAuto: true })).length)
    """)
    assert 0 < rendered[0] < count / 2
    assert rendered[1:] == [0, 0]
    last = signed_in.locator("#graph .agent-card").last
    last.scroll_into_view_if_needed()
    expect(last.locator(".agent-name")).to_be_visible()


def test_the_rest_of_the_page_is_live_when_the_graph_cannot_be_drawn(signed_in, acme):
    signed_in.add_init_script("ResizeObserver = class { constructor() { throw Error('drawn'); } }")
    signed_in.goto(acme.crew.get_absolute_url())
    expect(mark(signed_in)).to_have_attribute("data-state", "live")
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    ToolExecution.objects.start(task_execution=task, tool="script", params={})
    expect(signed_in.locator("#runs .run-row")).to_have_count(1)
    expect(signed_in.locator("#agents [data-agent=orion]")).to_have_attribute(
        "data-state", "working"
    )


def test_the_dashboard_shows_progress_and_end_of_one_of_many_runs(signed_in, acme):
    first, *_ = [acme.start_run() for _ in range(3)]
    signed_in.goto("/")
    row = signed_in.locator(f"#run-{first.pk}")
    expect(row).to_contain_text("0 of 2 tasks")
    task = TaskExecution.objects.start(run=first, task=first.plan["tasks"][0])
    task.finish("succeeded")
    expect(row).to_contain_text("1 of 2 tasks")
    first.finish("failed", reason="task_failed", message="3 tests failed")
    expect(row).to_contain_text("3 tests failed")


def test_the_mark_names_the_limit_and_says_what_to_do(signed_in, acme, chromium, reduced_motion):
    limited = Web(SOCKETS_PER_USER="1")
    try:
        [cookie] = signed_in.context.cookies()
        signed_in.context.add_cookies([cookie | {"domain": "localhost"}])
        signed_in.goto(f"{limited.origin}/")
        expect(mark(signed_in)).to_have_attribute("data-state", "live")
        another_browser = chromium.new_context(reduced_motion=reduced_motion)
        another_browser.add_cookies(signed_in.context.cookies())
        other = another_browser.new_page()
        other.goto(f"{limited.origin}/")
        expect(mark(other)).to_have_attribute("data-state", "limited")
        expect(mark(other)).to_contain_text("too many connections: close some")
        expect(mark(other)).to_have_attribute(
            "title",
            "This user has 1 sockets open. Close some of them first. The page tries again within a minute.",
        )
        signed_in.close()
        other.get_by_role("button", name="Try now").click()
        expect(mark(other)).to_have_attribute("data-state", "live")
        another_browser.close()
    finally:
        limited.stop()


def test_an_update_of_eight_times_as_many_tools_takes_eight_times_as_much_work(page):
    page.goto("/login/")
    (few, right), (many, right_too) = page.evaluate(MORPH)
    assert (right, right_too) == (True, True)
    assert 250 < few < many < 10 * few  # 64 times where each child is looked for among all
