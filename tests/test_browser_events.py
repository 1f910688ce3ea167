"""``EventSource`` of a real browser on a page of ours."""

import pytest

from realtime.tests.sockets.helpers import finish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Collects what the reader gets; ``opened`` counts its connections.
READ = """(path) => {
    window.read = { frames: [], opened: 0, closes: [] };
    const source = new EventSource(path);
    source.onopen = () => { window.read.opened += 1; };
    source.onmessage = ({ data, lastEventId }) => {
        window.read.frames.push([JSON.parse(data), lastEventId]);
    };
    source.addEventListener("close", ({ data }) => window.read.closes.push(JSON.parse(data).code));
    window.source = source;
}"""


@pytest.fixture
def signed_in(page, acme, client, web):
    client.force_login(acme.operator)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page.goto("/connect/")
    return page


def seqs(page) -> list[int]:
    frames = page.evaluate("() => window.read.frames.map(([frame]) => frame)")
    return [frame["seq"] for frame in frames if "seq" in frame]


def test_it_reads_a_run_to_its_end_and_then_stops(signed_in, acme):
    run = acme.start_run()
    signed_in.evaluate(READ, f"/sse/runs/{run.pk}")
    signed_in.wait_for_function("() => window.read.frames.length == 2")
    finish(run)
    # It reconnects once after the end, and is answered 204.
    signed_in.wait_for_function("() => window.source.readyState == EventSource.CLOSED")
    assert seqs(signed_in) == list(range(1, 11))
    assert signed_in.evaluate("() => window.read.closes") == [1000]
    assert signed_in.evaluate("() => window.read.opened") == 1
