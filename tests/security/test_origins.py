"""Pages of other sites open no socket, whatever their origin and whichever user's browser it is."""

import asyncio
from collections.abc import Iterator

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from realtime.tests.sockets.helpers import browser_of
from tests.live import Web
from tests.security.wire import Answer, exchange, handshake

pytestmark = pytest.mark.django_db(transaction=True)

FOREIGN = {
    "another site": "http://evil.example",
    "nobody": "null",
    "empty": "",
    "another scheme": "https://127.0.0.1:{port}",
    "a socket's scheme": "ws://127.0.0.1:{port}",
    "another port": "http://127.0.0.1:1",
    "no port": "http://127.0.0.1",
    "another of our addresses": "http://[::1]:{port}",
    "the same address in a number": "http://2130706433:{port}",
    "malformed": "https://[::1",
    "no scheme": "127.0.0.1:{port}",
    "capitals": "HTTP://127.0.0.1:{port}",
    "a slash": "http://127.0.0.1:{port}/",
    "a path": "http://127.0.0.1:{port}/evil",
    "a trailing dot": "http://localhost.:{port}",
    "a user": "http://127.0.0.1:{port}@evil.example",
    "ours as a user": "http://evil@127.0.0.1:{port}",
    "a subdomain": "http://evil.localhost:{port}",
    "ours as a subdomain": "http://127.0.0.1:{port}.evil.example",
    "ours as an ending": "http://evil127.0.0.1:{port}",
    "punycode": "http://xn--lcalhost-66a:{port}",
    "not ASCII": "http://l\xf6calhost:{port}",
    "two": "http://127.0.0.1:{port} http://evil.example",
    "a list": "http://127.0.0.1:{port}, http://evil.example",
    "a star": "*",
}


@pytest.fixture(params=["/ws/runs/{run}", "/ws/mission", "/ws/graph?crew_id={crew}"])
def path(request, acme, run) -> str:
    return request.param.format(run=run.pk, crew=acme.crew.pk)


@pytest.fixture(params=["token", "bearer", "cookie"])
def credentials(request, acme) -> str:
    """The line that would open the socket from a page of ours."""
    token = AccessToken.for_user(acme.viewer)
    match request.param:
        case "token":
            return f"Sec-WebSocket-Protocol: token, {token}"
        case "bearer":
            return f"Authorization: Bearer {token}"
    return f"Cookie: {browser_of(acme.viewer)[1]['Cookie']}"


@pytest.fixture
def no_trace(talkative: Web) -> Iterator[None]:
    start = talkative.log.stat().st_size
    yield
    said = talkative.log.read_bytes()[start:].decode(errors="replace")
    assert "Traceback" not in said, said


def answers(web: Web, path: str, *heads: tuple[str, ...]) -> list[Answer]:
    """To a handshake with each of these sets of lines, as far as the welcome or the close."""

    async def all_of_them() -> list[Answer]:
        talks = (
            exchange(web.port, handshake(path, *lines, port=web.port), until='"hello"')
            for lines in heads
        )
        return await asyncio.gather(*talks)

    return asyncio.run(all_of_them())


@pytest.mark.usefixtures("no_trace")
def test_another_origin_is_refused_whatever_the_credentials(talkative, path, credentials):
    origins = [origin.format(port=talkative.port) for origin in FOREIGN.values()]
    received = answers(talkative, path, *((credentials, f"Origin: {origin}") for origin in origins))
    refused = {
        name: (answer.status, answer.code) for name, answer in zip(FOREIGN, received, strict=True)
    }
    assert refused == dict.fromkeys(FOREIGN, (101, 4403))
    assert not any(answer.welcomed for answer in received)


@pytest.mark.usefixtures("no_trace")
def test_our_own_origins_are_welcome_and_none_at_all_only_with_a_token(
    talkative, path, credentials
):
    ours = [f"Origin: http://{host}:{talkative.port}" for host in ("127.0.0.1", "localhost")]
    *received, without = answers(
        talkative, path, *((credentials, line) for line in ours), (credentials,)
    )
    assert [answer.welcomed for answer in received] == [True, True]
    if credentials.startswith("Cookie"):
        assert (without.welcomed, without.code) == (False, 4401)
    else:
        assert without.welcomed


def test_two_origins_are_no_handshake(talkative, path, credentials):
    ours, theirs = f"Origin: http://127.0.0.1:{talkative.port}", "Origin: http://evil.example"
    received = answers(talkative, path, (credentials, ours, theirs), (credentials, theirs, ours))
    assert [(answer.status, answer.welcomed) for answer in received] == [(400, False)] * 2
