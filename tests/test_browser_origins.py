"""A browser lets a page of another origin read event streams with a token."""

import pytest
from rest_framework_simplejwt.tokens import AccessToken

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READ = """async ([address, token, method]) => {
    const input = { threadId: "t", runId: "r", messages: [], tools: [], context: [], state: {} };
    const body = method === "POST" ? JSON.stringify(input) : undefined;
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const answer = await fetch(address, { method, body, headers });
    const { value } = await answer.body.getReader().read();
    return [answer.status, value.length > 0];
}"""


def test_a_page_of_an_allowed_origin_reads_event_streams(chromium, web, acme):
    run = acme.start_run()
    other = f"http://localhost:{web.port}"  # it is in ALLOWED_ORIGINS
    assert other != web.origin
    context = chromium.new_context(bypass_csp=True)  # of the page that stands in for another
    page = context.new_page()
    page.goto(f"{other}/healthz")
    token = str(AccessToken.for_user(acme.viewer))
    for path in (f"/sse/runs/{run.pk}", f"/sse/graph/{acme.crew.pk}", "/sse/mission"):
        assert page.evaluate(READ, [web.origin + path, token, "GET"]) == [200, True]
    assert page.evaluate(READ, [f"{web.origin}/agui/runs/{run.pk}", token, "POST"]) == [200, True]
    context.close()
