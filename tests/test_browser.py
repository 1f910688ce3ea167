"""A new user's way through the product, in a real browser against live processes."""

import io
import os
import re
import signal

import pytest
from django.core.management import call_command

from crews.models import Crew
from realtime.tests.sockets.helpers import work
from runs.models import Run, TaskExecution, ToolExecution
from tests.live import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SOCKET = """async ([path, protocols]) => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + path, protocols);
    return await new Promise((resolve) => socket.addEventListener("close", (e) => resolve(e.code)));
}"""


@pytest.fixture
def demo(worker, settings) -> Crew:
    """The demo's crew, with a worker that is there for it."""
    settings.DEBUG = True
    call_command("seed_demo", stdout=io.StringIO())
    crews = Crew.objects.filter(slug="demo", activity="available")
    return eventually(crews.first)


def sign_in(page, settings, username: str = "acme-operator") -> None:
    page.goto("/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.animated
def test_a_new_user_starts_the_demo_run_and_watches_it(page, demo, settings):
    from playwright.sync_api import expect

    sign_in(page, settings)
    badge = page.locator(f"#crew-{demo.pk} .status-badge")
    expect(badge).to_have_text("Available")
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")

    watcher = page.context.new_page()
    watcher.goto(demo.get_absolute_url())
    expect(watcher.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    expect(watcher.locator("#graph [data-agent=orion]")).to_have_attribute("data-state", "idle")

    watcher.get_by_role("button", name="Start run").click()
    run = eventually(Run.objects.first)
    story = page.context.new_page()
    story.goto(run.get_absolute_url())
    expect(story.locator("#run-head .status-badge")).to_have_text(re.compile("Queued|Running"))
    expect(badge).to_have_text("Busy")
    expect(watcher.locator("#graph .agent-card[data-state=working]").first).to_be_visible()
    expect(watcher.locator("#toasts")).to_contain_text("✓")
    expect(watcher.locator("#toasts")).to_contain_text(re.compile(r"done in \d"))

    expect(story.locator("body")).to_contain_text("collected")
    expect(story.locator("#run-head .status-badge")).to_have_text("Succeeded")
    expect(badge).to_have_text("Available")
    expect(watcher.locator("#graph [data-agent=lyra]")).to_have_attribute("data-state", "done")


def test_a_shared_run_opens_without_signing_in_and_a_private_one_does_not(page, acme):
    from playwright.sync_api import expect

    run = acme.start_run()
    assert page.goto(run.get_absolute_url()).url.split("?")[0].endswith("/login/")
    run.share(True)
    page.goto(run.get_absolute_url())
    expect(page.locator("#run-head .status-badge")).to_have_text("Running")
    run.finish("cancelled", reason="cancelled")
    expect(page.locator("#run-head .status-badge")).to_have_text("Cancelled")


def test_a_browser_reads_why_a_socket_was_refused(page, acme):
    page.goto("/login/")
    run = acme.start_run()
    for path in ("/ws/mission", f"/ws/runs/{run.pk}", f"/ws/graph/{acme.crew.pk}"):
        assert page.evaluate(SOCKET, [path, ["token", "garbage"]]) == 4401
        assert page.evaluate(SOCKET, [path, []]) == 4401


def test_text_from_tools_and_names_is_never_markup(page, acme, settings):
    payload = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
    crew = acme.crew
    crew.name = payload
    crew.save()
    for agent in crew.agents.all():
        agent.name, agent.role = payload[:60], payload
        agent.save()
    run = acme.start_run()
    run.share(True)
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    execution = ToolExecution.objects.start(
        task_execution=task, tool="script", params={"code": payload}
    )
    page.goto(run.get_absolute_url())
    execution.report(message=payload, output=f"\x1b[31m{payload}\n")
    task.finish("failed", reason="tool_failed", message=payload)
    run.finish("failed", reason="task_failed", message=payload)
    page.wait_for_selector("#run-head .status-badge[data-status=failed]")
    assert page.evaluate("window.pwned") is None


def test_a_page_stays_right_while_redis_hangs(page, acme, redis_server, settings):
    """Events come from the log meanwhile, and nobody has to reload."""
    from playwright.sync_api import expect

    page.goto("/login/")
    run = acme.start_run()
    run.share(True)
    page.goto(run.get_absolute_url())
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    pid = redis_server.info("server")["process_id"]
    loaded = page.evaluate("performance.timeOrigin")
    os.kill(pid, signal.SIGSTOP)
    try:
        for entry in run.plan["tasks"]:
            work(run, entry)
        expect(page.locator("body")).to_contain_text("hello")
        run.finish("succeeded")
        expect(page.locator("#run-head .status-badge")).to_have_text("Succeeded")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert page.evaluate("performance.timeOrigin") == loaded
