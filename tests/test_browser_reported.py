"""A run that a program reports with plain HTTP calls, watched in a real browser and on a socket."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from crews.models import Crew
from runs.models import ReportedRun
from tests.live import Web

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signed_in(page, acme, client, web):
    client.force_login(acme.operator)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    return page


@pytest.fixture
def report(web: Web, acme) -> Callable[..., dict[str, Any]]:
    """Sends events as the example of docs/reporting.md does."""
    _, text = acme.issue_key("report")

    def send(*events: dict[str, Any]) -> dict[str, Any]:
        lines = "\n".join(json.dumps({"run": "nightly-1", **event}) for event in events)
        command = ["curl", "-sS", f"{web.origin}/api/report/", "--data-binary", "@-"]
        command += ["-H", f"Authorization: Bearer {text}"]
        command += ["-H", "Content-Type: application/x-ndjson"]
        answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)

    send.key = text
    return send


def test_each_event_is_on_the_pages_while_they_are_open(signed_in, web, acme, report):
    page = signed_in
    assert report({"id": "boot", "type": "boot", "crew": "release-crew", "name": "Nightly"}) == {
        "accepted": 1, "duplicates": 0, "rejected": [],
    }  # fmt: skip
    run = ReportedRun.objects.get().run
    page.goto(f"{web.origin}{run.get_absolute_url()}")
    expect(page.locator("#run-head h1")).to_contain_text("Nightly")
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")
    crew_page = page.context.new_page()
    crew_page.goto(f"{web.origin}{Crew.objects.get(slug='release-crew').get_absolute_url()}")
    report(
        {"id": "1", "type": "agent_start", "agent_id": "orion", "name": "Orion", "role": "Scout"},
        {"id": "2", "type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"},
        {
            "id": "3",
            "type": "tool_start",
            "execution_id": "x1",
            "tool": "git_clone",
            "task_id": "t1",
        },
    )
    page.bring_to_front()
    expect(page.locator("#run-live")).to_contain_text("Fetch")
    expect(page.locator("#run-live")).to_contain_text("git_clone")
    expect(page.locator("#run-live .lane-label").first).to_contain_text("Orion")
    output = {"id": "4", "type": "tool_progress", "execution_id": "x1", "output": "Cloning\n"}
    report(output)
    expect(page.locator("#run-live .output-text").first).to_contain_text("Cloning")
    crew_page.bring_to_front()
    expect(crew_page.locator('#graph [data-agent="orion"]')).to_have_attribute(
        "data-state", "working"
    )
    report(
        {"id": "5", "type": "tool_end", "execution_id": "x1", "status": "success", "exit_code": 0},
        {"id": "6", "type": "task_end", "task_id": "t1", "status": "succeeded"},
        {"id": "8", "type": "done", "status": "succeeded"},
    )
    page.bring_to_front()
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "finished")
    expect(page.locator("#run-head h1")).to_contain_text("Succeeded")
    expect(page.locator("#again-form")).to_have_count(0)
    # The key follows the run that it reports, to its end; another of the organization's does not.
    with web.socket(f"/ws/runs/{run.pk}", token=report.key) as socket:
        assert [f["type"] for f in socket.rest() if "seq" in f][-1] == "done"
    with web.socket(f"/ws/runs/{run.pk}", token=acme.issue_key("report")[1]) as socket:
        assert socket.close_code() == 4403


def test_a_crew_page_grows_in_place(signed_in, web, acme, report):
    page = signed_in
    report({"id": "boot", "type": "boot", "crew": "release-crew"})
    page.goto(f"{web.origin}{Crew.objects.get(slug='release-crew').get_absolute_url()}")
    expect(page.locator("#no-agents")).to_contain_text("They appear here")
    page.evaluate("window.stayed = true")
    start = {"type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"}
    tool = {"type": "tool_start", "execution_id": "x1", "tool": "git_clone", "task_id": "t1"}
    report({"id": "1", **start}, {"id": "2", **tool})
    card = page.locator("#graph.drawn #card-orion")
    expect(card).to_have_attribute("data-state", "working")
    expect(card).to_contain_text("Fetch")
    page.locator("#row-orion .tool-name").focus()
    card.evaluate("card => { card.isFirst = true }")
    for number, agent in enumerate(("vega", "lyra"), start=3):
        report({"id": str(number), "type": "agent_start", "agent_id": agent})
        expect(page.locator(f"#graph #card-{agent}")).to_have_css("position", "absolute")
        expect(page.locator(f"#row-{agent}")).to_be_visible()
    # The same page, the same elements, in three different places.
    assert page.evaluate("window.stayed")
    assert card.evaluate("card => card.isFirst")
    assert page.evaluate("document.activeElement.matches('#row-orion .tool-name')")
    places = page.locator("#graph .agent-card").evaluate_all(
        "cards => cards.map((card) => card.style.transform)"
    )
    assert len(set(places)) == 3
    expect(card).to_have_attribute("data-state", "working")
    expect(card).to_contain_text("git_clone")
    # A model call and a handoff: an agent that thinks, and an edge to it.
    expect(page.locator("#graph .edge")).to_have_count(0)
    call = {"call_id": "c1", "provider": "openai", "model": "gpt-5-mini"}
    handoff = {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}
    report({"id": "5", "type": "llm_start", "agent_id": "vega", **call}, {"id": "6", **handoff})
    vega = page.locator("#card-vega")
    expect(vega).to_have_attribute("data-state", "thinking")
    expect(vega.locator(".model-call")).to_contain_text("gpt-5-mini")
    expect(page.locator("#row-vega .model-call a")).to_be_visible()
    expect(page.locator('#graph .edge[data-state="thinking"]')).to_have_count(1)
    usage = {"input_tokens": 812, "output_tokens": 94}
    report({"id": "7", "type": "llm_end", "call_id": "c1", "status": "success", **usage})
    expect(vega.locator(".model-call")).to_have_count(0)
    assert page.evaluate("window.stayed")
    page.locator("#runs a").first.click()
    expect(page.locator(".bar-call")).to_have_attribute("data-status", "success")
    expect(page.locator("#run-head")).to_contain_text("812 in, 94 out")
    expect(page.locator("#events")).to_contain_text("hands over to vega")


def test_the_connect_page_says_when_the_first_event_of_a_new_key_has_come(page, acme, client, web):
    client.force_login(acme.admin)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page.goto(f"{web.origin}/connect/")
    page.fill("#id_name", "Nightly")
    page.check("input[value=report]")
    page.click("#new-key button")
    expect(page.locator("#first-run")).to_contain_text("Waiting for the first event")
    key = page.input_value("#issued-key")
    command = ["curl", "-sS", f"{web.origin}/api/report/", "-H", f"Authorization: Bearer {key}"]
    boot = {"type": "boot", "id": "1", "run": "nightly-1", "crew": "release-crew"}
    subprocess.run([*command, "--json", json.dumps(boot)], check=True, capture_output=True)
    expect(page.locator("#first-run")).to_contain_text("Received: a run of release-crew.")
    page.click("#first-run a")
    expect(page.locator("#run-head")).to_contain_text("release-crew")
