"""Compressed frames and MessagePack in a real browser."""

import pytest

from realtime.tests.sockets.test_compression import LARGE, emit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

READ = """(protocols) => {
    const url = location.origin.replace("http", "ws") + "/ws/graph/" + window.crew;
    window.read = [];
    window.socket = new WebSocket(url, protocols);
    window.socket.binaryType = "arraybuffer";
    // As text; binary frames as latin-1. A ping may come at any time.
    window.socket.onmessage = ({ data }) => {
        const text =
            typeof data === "string" ? data : String.fromCharCode(...new Uint8Array(data));
        if (text.length > 500 || !text.includes("ping")) window.read.push(text);
    };
}"""
NEWEST = "() => window.read.at(-1)"


@pytest.fixture
def signed_in(page, acme, client, web):
    client.force_login(acme.operator)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": web.origin}])
    page.goto("/connect/")
    page.evaluate("(crew) => { window.crew = crew; }", str(acme.crew.pk))
    return page


@pytest.mark.parametrize("protocol", ["", "crewops.msgpack"])
def test_chromium_negotiates_compression_and_reads_the_frames(signed_in, acme, protocol):
    signed_in.evaluate(READ, [protocol] if protocol else [])
    signed_in.wait_for_function("() => window.read.length == 2")  # hello, snapshot
    agreed = signed_in.evaluate("() => [window.socket.protocol, window.socket.extensions]")
    assert agreed[0] == protocol
    assert "permessage-deflate" in agreed[1]
    assert "server_no_context_takeover" in agreed[1]
    for number in (3, 4):  # each by itself
        emit(acme.crew.pk, output=LARGE, message="x")
        signed_in.wait_for_function(f"() => window.read.length == {number}")
        newest = signed_in.evaluate(NEWEST)
        assert LARGE in (newest if protocol else newest.replace("\\n", "\n"))
