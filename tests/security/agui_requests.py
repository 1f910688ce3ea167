"""Requests for a run as events of AG-UI: refused ones, and ones with a generated body."""

import json
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

ANY = bytes(range(256))
KINDS = ("user", "assistant", "tool", "activity", "reasoning", "", None, 1)


class AguiRequests:
    """The same ``seed`` generates the same. ``tokens`` must not hold; ``elsewhere`` are paths that
    the user may not read; ``ids``: of calls and tools, which messages name.
    """

    def __init__(
        self,
        seed: int,
        *,
        path: str,
        port: int,
        token: str,
        tokens: list[str],
        elsewhere: list[str],
        ids: list[str],
    ) -> None:
        self._rng = random.Random(seed)
        self._path, self._token, self._ids = path, token, ids
        self._tokens, self._elsewhere = tokens, elsewhere
        self._host = f"127.0.0.1:{port}"

    def good(self) -> bytes:
        return self._coded("POST", self._path, self._token, json.dumps(self._input()).encode())

    def refused(self) -> tuple[str, bytes]:
        """What is wrong with it, and the bytes."""
        rng = self._rng
        method, path, token = rng.choice(("GET", "POST")), self._path, self._token
        what = rng.choice(("token", "no token", "path", "method", "origin"))
        lines: list[str] = []
        match what:
            case "token":
                token = rng.choice(self._tokens)
            case "no token":
                token = ""
            case "path":
                path = rng.choice(self._elsewhere)
            case "method":
                method = rng.choice(("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X"))
            case "origin":
                lines = ["Origin: https://elsewhere.example"]
        return what, self._coded(method, path, token, self._body(), *lines)

    def generated(self) -> bytes:
        """Good but for its body, which may be anything."""
        return self._coded("POST", self._path, self._token, self._body())

    def _body(self) -> bytes:
        shapes: list[Callable[[], bytes]] = [
            self._noise, self._deep, self._bent, self._bent, self._wild, self._wild,
        ]  # fmt: skip
        return self._rng.choice(shapes)()

    def _noise(self) -> bytes:
        return bytes(self._rng.choices(ANY, k=self._rng.choice((0, 1, 30, 3000))))

    def _deep(self) -> bytes:
        opening = self._rng.choice((b"[", b'{"messages":', b'{"resume":[', b'{"a":'))
        return opening * self._rng.choice((10, 1000, 100_000))

    def _bent(self) -> bytes:
        """A RunAgentInput with some bytes changed, removed or doubled."""
        body = bytearray(json.dumps(self._input()).encode())
        for _ in range(self._rng.choice((1, 1, 3, 20))):
            at = self._rng.randrange(len(body))
            body[at : at + self._rng.choice((0, 1, 5))] = self._rng.choices(ANY, k=1)
        return bytes(body)

    def _wild(self) -> bytes:
        """JSON of the right form with values of any type."""
        given = self._input()
        for name in self._rng.sample(sorted(given), self._rng.choice((1, 2))):
            given[name] = self._value(3)
        return json.dumps(given).encode()

    def _input(self) -> dict[str, Any]:
        rng = self._rng
        messages = [self._message() for _ in range(rng.choice((0, 1, 1, 5, 40)))]
        given: dict[str, Any] = {"threadId": "t", "runId": "r", "state": {}, "tools": []}
        given |= {"messages": messages, "context": [], "forwardedProps": {}}
        return given | ({"resume": [self._answer()]} if rng.random() < 0.3 else {})

    def _message(self) -> dict[str, Any]:
        rng = self._rng
        id = rng.choice((*self._ids, "m", "", f"{self._ids[0]}:2"))
        message: dict[str, Any] = {"id": id, "role": rng.choice(KINDS)}
        if rng.random() < 0.7:
            message["content"] = rng.choice(("Hel", "Hello", "x" * 5000, "\ud83d", None, [1], ""))
        if rng.random() < 0.4:
            message["toolCallId"] = rng.choice((*self._ids, None, [], 1))
        if rng.random() < 0.4:
            function = {"name": "script", "arguments": rng.choice(("{}", "", '{"n": 1}', 1))}
            message["toolCalls"] = rng.choice(([{"id": id, "function": function}], [1], {}, None))
        return message

    def _answer(self) -> dict[str, Any]:
        rng = self._rng
        approval = rng.choice((*self._ids, str(UUID(int=rng.getrandbits(128)))))
        name = f"{approval}:{'a' * 64}:{rng.choice((0, 1, 10**17))}:{rng.choice((0, 3))}"
        answer: dict[str, Any] = {"interruptId": name}
        answer["status"] = rng.choice(("resolved", "cancelled", "x"))
        answer["payload"] = rng.choice(
            ({"approved": True}, {"approved": "yes"}, None, self._value(2))
        )
        return answer

    def _value(self, depth: int) -> Any:
        rng = self._rng
        plain = [None, True, -1, 2**70, 1e308, "", "\u202e", "x" * 1000, self._ids[0]]
        if depth == 0 or rng.random() < 0.5:
            return rng.choice(plain)
        if rng.random() < 0.5:
            return [self._value(depth - 1) for _ in range(rng.choice((0, 1, 4)))]
        names = ("id", "role", "content", "interruptId", "status", "toolCalls", "x")
        return {rng.choice(names): self._value(depth - 1) for _ in range(3)}

    def _coded(self, method: str, path: str, token: str, body: bytes, *lines: str) -> bytes:
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", "Connection: close", *lines]
        head += [f"Authorization: Bearer {token}"] if token else []
        head += ["Content-Type: application/json"]
        if self._rng.random() < 0.2:
            head.append("Transfer-Encoding: chunked")
            cut = self._rng.randrange(len(body) + 1)
            parts = [part for part in (body[:cut], body[cut:]) if part]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        else:
            head.append(f"Content-Length: {len(body)}")
        coded = "\r\n".join([*head, "", ""]).encode("latin-1", errors="replace")
        return coded + body
