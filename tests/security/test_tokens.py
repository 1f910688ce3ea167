"""Every token that must not hold, wherever a token may stand, on a live server."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken, Token

from conftest import Tenant
from crewops.api.tokens import RefreshToken
from runs.models import Run
from tests.live import Web
from tests.security import tokens
from tests.security.wire import Answer, exchange, frame, handshake

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 16
TRACES = ("Traceback", "Exception", "Fatal error")


@pytest.fixture
def bad_of(acme: Tenant, globex: Tenant) -> Callable[[type[Token]], dict[str, str]]:
    """The tokens of a kind that must not hold."""
    globex.viewer.is_active = False
    globex.viewer.save()
    gone = User.objects.create_user("gone")
    deleted = {kind: str(kind.for_user(gone)) for kind in (AccessToken, RefreshToken)}
    people = {"deactivated": globex.viewer, "gone": gone.pk}
    gone.delete()
    return lambda kind: (
        tokens.bad(acme.viewer, kind=kind, **people) | {"of a deleted user": deleted[kind]}
    )


@pytest.fixture
def bad(bad_of) -> dict[str, str]:
    return bad_of(AccessToken)


@pytest.fixture
def sockets(acme: Tenant, run: Run) -> list[str]:
    return [f"/ws/runs/{run.pk}", "/ws/mission", f"/ws/graph?crew_id={acme.crew.pk}"]


@pytest.fixture
def quiet(talkative: Web, bad: dict[str, str]) -> Iterator[None]:
    """What happens meanwhile leaves no trace of a fault and no token in the server's log."""
    start = talkative.log.stat().st_size
    yield
    said = talkative.log.read_bytes()[start:].decode(errors="replace")
    assert [trace for trace in TRACES if trace in said] == [], said
    assert [kind for kind, token in bad.items() if len(token) > 20 and token[-20:] in said] == []


def together(*talks) -> list[Answer]:
    """The answers of these exchanges, a few at a time."""

    async def all_of_them() -> list[Answer]:
        few = asyncio.Semaphore(AT_ONCE)

        async def one(talk) -> Answer:
            async with few:
                return await talk

        return await asyncio.gather(*map(one, talks))

    return asyncio.run(all_of_them())


def text_of(answer: Answer) -> str:
    return (answer.head + answer.body + b"".join(payload for _, payload in answer.frames)).decode(
        "latin-1"
    )


def protocols(*offered: str) -> str:
    return f"Sec-WebSocket-Protocol: {', '.join(offered)}"


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


class TestSockets:
    @pytest.mark.usefixtures("quiet")
    @pytest.mark.parametrize(
        "line", [lambda t: protocols("token", t), bearer], ids=["subprotocol", "bearer"]
    )
    def test_refuse_each(self, talkative, sockets, bad, line):
        cases = [(path, kind, token) for path in sockets for kind, token in bad.items()]
        answers = together(
            *(
                exchange(talkative.port, handshake(path, line(token), port=talkative.port))
                for path, _, token in cases
            )
        )
        for (path, kind, token), answer in zip(cases, answers, strict=True):
            # What is no text of a header is refused by the handshake itself.
            expected = [(101, 4401), (400, None)] if _is_unwritable(token) else [(101, 4401)]
            assert (answer.status, answer.code) in expected, (path, kind, answer)
            assert [opcode for opcode, _ in answer.frames] in ([8], []), (path, kind, answer)
            assert len(token) < 20 or token not in text_of(answer), (path, kind)

    @pytest.mark.usefixtures("quiet")
    def test_refuse_each_on_an_open_socket(self, talkative, acme, sockets, bad):
        good = tokens.good(acme.viewer)
        cases = [(path, kind, token) for path in sockets for kind, token in bad.items()]
        answers = together(
            *(
                exchange(
                    talkative.port,
                    handshake(path, protocols("token", good), port=talkative.port),
                    frame(json.dumps({"type": "auth", "token": token}).encode()),
                )
                for path, _, token in cases
            )
        )
        for (path, kind, token), answer in zip(cases, answers, strict=True):
            assert (answer.status, answer.code) == (101, 4401), (path, kind, answer)
            assert len(token) < 20 or token not in text_of(answer), (path, kind)

    @pytest.mark.usefixtures("quiet")
    def test_take_a_good_one_in_each_place(self, talkative, acme, sockets):
        good = tokens.good(acme.viewer)
        shapes = {
            "subprotocol": [protocols("token", good)],
            "swapped": [protocols(good, "token")],
            "said twice": [protocols("token", "token", good)],
            "on two lines": [protocols("token"), protocols(good)],
            "bearer": [bearer(good)],
        }
        cases = [(path, lines) for path in sockets for lines in shapes.values()]
        answers = together(
            *(
                exchange(
                    talkative.port, handshake(path, *lines, port=talkative.port), until="hello"
                )
                for path, lines in cases
            )
        )
        for case, answer in zip(cases, answers, strict=True):
            assert answer.welcomed, (case, answer)
            assert good not in text_of(answer), case

    @pytest.mark.usefixtures("quiet")
    def test_refuse_a_good_one_that_stands_wrong(self, talkative, acme, sockets):
        good = tokens.good(acme.viewer)
        other = tokens.signed(tokens.HEADER, {"user_id": "1"}, key="mine")
        shapes = [
            [protocols("token")],
            [protocols("token", "token")],
            [protocols(good)],
            [protocols("Token", good)],
            [protocols("token", other, good)],
            [f"Cookie: sessionid={good}"],
            [f"Cookie: token={good}"],
            [f"Authorization: Token {good}"],
            [f"Authorization: {good}"],
            [f"X-Authorization: Bearer {good}"],
        ]  # fmt: skip
        paths = [(path, lines) for path in sockets for lines in shapes]
        paths += [(f"{path}{'&' if '?' in path else '?'}token={good}", []) for path in sockets]
        answers = together(
            *(
                exchange(talkative.port, handshake(path, *lines, port=talkative.port))
                for path, lines in paths
            )
        )
        for case, answer in zip(paths, answers, strict=True):
            assert (answer.status, answer.code) == (101, 4401), (case, answer)

    @pytest.mark.usefixtures("quiet")
    def test_refuse_a_token_of_100_kb(self, talkative, acme, sockets):
        good = tokens.good(acme.viewer)
        long = tokens.good(acme.viewer, pad="x" * 75_000)
        assert len(long) > 100_000
        refused = together(
            *(
                exchange(talkative.port, handshake(path, line, port=talkative.port))
                for path in sockets
                for line in (protocols("token", long), bearer(long))
            )
        )
        for answer in refused:
            assert not answer.frames
            assert answer.status == 431, answer
        auth = json.dumps({"type": "auth", "token": long}).encode()
        for path in sockets:
            head = handshake(path, protocols("token", good), port=talkative.port)
            (answer,) = together(exchange(talkative.port, head, frame(auth)))
            assert answer.code == 1009, answer


class TestTheApi:
    @pytest.mark.usefixtures("quiet")
    def test_refuses_each(self, talkative, bad):
        answers = together(*(_call(talkative, bearer(token)) for token in bad.values()))
        for (kind, token), answer in zip(bad.items(), answers, strict=True):
            if "\x0b" in token:  # no header may hold that
                assert answer.status == 400, (kind, answer)
                continue
            assert answer.status == 401, (kind, answer)
            assert b"content-type: application/problem+json" in answer.head.lower(), kind
            assert json.loads(answer.body)["status"] == 401
            assert len(token) < 20 or token not in text_of(answer), kind

    @pytest.mark.usefixtures("quiet")
    def test_refuses_a_token_of_100_kb(self, talkative, acme):
        (answer,) = together(_call(talkative, bearer(tokens.good(acme.viewer, pad="x" * 75_000))))
        assert answer.status == 431, answer

    @pytest.mark.usefixtures("quiet")
    def test_takes_a_good_one(self, talkative, acme):
        (answer,) = together(_call(talkative, bearer(tokens.good(acme.viewer))))
        assert answer.status == 200
        assert str(acme.crew.pk).encode() in answer.body

    @pytest.mark.usefixtures("quiet")
    def test_refreshes_with_a_good_refresh_token_alone(self, talkative, acme, bad_of):
        bad = bad_of(RefreshToken)
        bad["long"] = tokens.good(acme.viewer, RefreshToken, pad="x" * 75_000)
        used = RefreshToken.for_user(acme.viewer)
        used.blacklist()
        bad["used before"] = str(used)
        answers = together(*(_post(talkative, "refresh", token) for token in bad.values()))
        for (kind, token), answer in zip(bad.items(), answers, strict=True):
            assert answer.status in (400, 401), (kind, answer)
            assert b"application/problem+json" in answer.head, kind
            assert len(token) < 20 or token not in text_of(answer), kind
        good = tokens.good(acme.viewer, RefreshToken)
        (answer,) = together(_post(talkative, "refresh", good))
        assert answer.status == 200, answer

    @pytest.mark.usefixtures("quiet")
    def test_revokes_what_it_would_refresh(self, talkative, acme, bad_of):
        bad = bad_of(RefreshToken)
        # Whose it is does not matter: it works no more.
        mine = {"of a d", "user_i", "hash_p"}
        bad = {kind: token for kind, token in bad.items() if kind[:6] not in mine}
        answers = together(*(_post(talkative, "revoke", token) for token in bad.values()))
        for kind, answer in zip(bad, answers, strict=True):
            assert answer.status in (400, 401), (kind, answer)
        good = tokens.good(acme.viewer, RefreshToken)
        (answer,) = together(_post(talkative, "revoke", good))
        assert answer.status == 204, answer


def _post(web: Web, what: str, token: str):
    body = json.dumps({"refresh": token})
    lines = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return _call(web, *lines, start=f"POST /api/token/{what}/ HTTP/1.1", body=body)


def _call(web: Web, *lines: str, start: str = "GET /api/crews/ HTTP/1.1", body: str = ""):
    lines = (f"Host: 127.0.0.1:{web.port}", "Connection: close", *lines)
    return exchange(web.port, "\r\n".join([start, *lines, "", body]).encode("latin-1"))


def _is_unwritable(token: str) -> bool:
    """Whether it holds characters that a subprotocol or a header may not have."""
    return (
        not token.isascii()
        or not token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )
