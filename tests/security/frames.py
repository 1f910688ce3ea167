"""What a client may put on an open socket and nothing may come of: generated frames and
messages.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import msgpack

from realtime.sockets.consumer import SocketConsumer
from realtime.sockets.live import LiveConsumer
from tests.security.wire import CLOSE, deflated, frame

LIMIT = 64 * 1024  # bytes of a message that the server reads
LAYER_TYPES = (
    "websocket.connect", "websocket.receive", "websocket.disconnect", "websocket.accept",
    "websocket.send", "websocket.close", "http.request", "channels.message", "group.send", "hello",
    "boot", "done", "signal", "snapshot", "reset", "auth_ok", "gone", "tool_end",
)  # fmt: skip


def handler_names(consumer: type[SocketConsumer]) -> list[str]:
    """Every attribute of the consumer, as Channels would write it in a message's type, too."""
    names = [name for name in dir(consumer) if name != "__class__"]
    return names + [name.replace("_", ".") for name in names]


class Frames:
    """Generates the bytes of frames; the same ``seed`` generates the same.

    ``packed``: for a socket that speaks MessagePack, ``deflated``: for one that takes compressed
    frames.
    """

    def __init__(
        self,
        seed: int,
        consumer: type[SocketConsumer],
        group: str,
        *,
        packed: bool = False,
        deflated: bool = False,
    ) -> None:
        self._packed = packed
        self._deflated = deflated
        self._rng = random.Random(seed)
        self._types = [*handler_names(consumer), *LAYER_TYPES]
        self._group = group  # of the streams that the socket follows, to be named in what is sent
        self._whole: list[Callable[[], bytes]] = [
            self._typed, self._typed, self._json, self._json_ish, self._text, self._binary,
        ]  # fmt: skip
        if packed:
            self._whole += [self._pack_ish] * 3
        self._last: list[Callable[[], bytes]] = [
            *self._whole, self._invalid_utf8, self._fragments, self._unmasked, self._reserved,
            self._control, self._long, self._huge_claim, self._noise, self._bad_auth,
        ]  # fmt: skip
        if deflated:
            self._last += [self._deflate_ish, self._deflate_ish, self._bomb]

    def some(self, number: int) -> list[bytes]:
        """``number`` frames for one socket; the last may break the protocol, which ends it."""
        few = [self._rng.choice(self._whole)() for _ in range(number - 1)]
        few.append(self._rng.choice(self._last)())
        return few if self._rng.random() < 0.5 else few[::-1]

    def _typed(self) -> bytes:
        """The name of a handler, with what a message for it would hold."""
        message = {
            "type": self._rng.choice(self._types),
            "channel": "x", "group": self._group, "stream": self._group, "text": '{"type":"done"}',
            "code": 1000, "reason": "", "message": {"type": "websocket.disconnect"}, "seq": 1,
        }  # fmt: skip
        return self._said(message)

    def _json(self) -> bytes:
        return self._said(self._value(4))

    def _json_ish(self) -> bytes:
        text = json.dumps({"type": "ping", "x": self._value(3)})
        at = self._rng.randrange(len(text))
        return frame((text[:at] + self._rng.choice("{}[]\",:'\\\x00x") + text[at + 1 :]).encode())

    def _text(self) -> bytes:
        texts = ("", " ", "NaN", "-", "1e999", "[" * 10_000, '{"type":' * 1000, "9" * 6000,
                 '{"type":"ping","type":"close"}', '{"type":"PING"}', '{"type":null}', "\ufeff{}")  # fmt: skip
        return frame(self._rng.choice(texts).encode())

    def _binary(self) -> bytes:
        return frame(self._rng.randbytes(self._rng.choice((0, 1, 200, 20_000))), opcode=2)

    def _pack_ish(self) -> bytes:
        """MessagePack with some bytes changed, or that claims what it does not hold."""
        claims = (b"\xdd", b"\xdf", b"\xc6", b"\xc9", b"\xdb")  # array, map, bin, ext, str
        claim = self._rng.choice(claims) + self._rng.choice((b"\xff", b"\x00")) * 4
        nested = (b"\x91" * 16_000, b"\x81\xa1x" * 5000, b"\xdc\x04\x00" * 5000, claim * 3000)
        if self._rng.random() < 0.3:
            return frame(b"\x82\xa4type\xa4pang\xa1x" + self._rng.choice(nested), opcode=2)
        data = bytearray(msgpack.packb({"type": "pang", "x": _packable(self._value(3))}))
        for _ in range(self._rng.randrange(3)):
            data[self._rng.randrange(len(data))] = self._rng.randrange(256)
        return frame(bytes(data), opcode=2)

    def _deflate_ish(self) -> bytes:
        """A compressed frame with some bytes changed, or in two pieces."""
        data = bytearray(deflated(json.dumps(self._value(4)).encode() * 9))
        for _ in range(self._rng.randrange(4)):
            data[self._rng.randrange(len(data))] = self._rng.randrange(256)
        if self._rng.random() < 0.5:
            return frame(bytes(data), compressed=True)
        half = len(data) // 2
        rest = frame(data[half:], opcode=0, compressed=self._rng.random() < 0.2)
        return frame(data[:half], final=False, compressed=True) + rest

    def _bomb(self) -> bytes:
        """A few hundred bytes that inflate to more than a message may have."""
        return frame(deflated(bytes(self._rng.choice((LIMIT + 1, 10 * LIMIT)))), compressed=True)

    def _invalid_utf8(self) -> bytes:
        return frame(
            b'{"type":"' + self._rng.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80")) + b'"}'
        )

    def _fragments(self) -> bytes:
        pieces = [b'{"ty', b'pe":', b'"close"', b"}"]
        first = frame(pieces[0], final=False)
        rest = [frame(piece, opcode=0, final=False) for piece in pieces[1:]]
        ping = frame(b"", opcode=9)
        endings = (frame(b"", opcode=0), frame(b"x"), frame(b"x", opcode=0) * 2, ping * 3, b"")
        return first + b"".join(rest) + self._rng.choice(endings)

    def _unmasked(self) -> bytes:
        return frame(b'{"type":"close"}', masked=False)

    def _reserved(self) -> bytes:
        data = bytearray(frame(b'{"type":"ping"}', opcode=self._rng.choice((3, 4, 7, 11, 15))))
        if self._rng.random() < 0.5:
            data[0] = 0x81 | self._rng.choice((0x40, 0x20, 0x10))
        return bytes(data)

    def _control(self) -> bytes:
        return self._rng.choice(
            (
                frame(b"x" * 126, opcode=9),
                frame(b"x", opcode=9, final=False),
                frame(b"x", opcode=CLOSE),
                frame((1005).to_bytes(2, "big"), opcode=CLOSE),
                frame((999).to_bytes(2, "big") + b"\xff", opcode=CLOSE),
                frame((4404).to_bytes(2, "big") + b"y" * 100, opcode=CLOSE),
                frame(b"pong", opcode=10),
                frame(b"ping", opcode=9),
            )
        )

    def _long(self) -> bytes:
        return frame(b" " * self._rng.choice((16_385, 40_000, LIMIT, LIMIT + 1, 200_000)))

    def _huge_claim(self) -> bytes:
        return frame(
            b"", size=self._rng.choice((LIMIT + 1, 1 << 20, 1 << 31, 1 << 62, (1 << 64) - 1))
        )

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randint(1, 400))

    def _bad_auth(self) -> bytes:
        token = self._rng.choice((self._value(2), "x", "\ud800", "a.b.c", "x" * 15_000))
        return self._said({"type": "auth", "token": token})

    def _said(self, value: Any) -> bytes:
        if self._packed:
            return frame(msgpack.packb(_packable(value)), opcode=2)
        text = json.dumps(value).encode()
        if self._deflated and self._rng.random() < 0.5:
            return frame(deflated(text), compressed=True)
        return frame(text)

    def _value(self, depth: int) -> Any:
        """Anything that JSON can say."""
        rng = self._rng
        leaves = (None, True, 0, -1, 1 << 70, 1e308, "", "\ud800", "\x00", "auth", "ping", self._group,
                  rng.choice(self._types))  # fmt: skip
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(leaves)
        if rng.random() < 0.3:
            return [self._value(depth - 1) for _ in range(rng.randrange(4))]
        keys = ("type", "token", "stream", "since", "__class__", "constructor", "")
        value = {rng.choice(keys): self._value(depth - 1) for _ in range(rng.randrange(5))}
        # These two would be answered, as the contract has it.
        return value if value.get("type") not in ("ping", "pong") else value | {"type": "pang"}


class LiveFrames(Frames):
    """For a live socket: also generated ``subscribe`` and ``unsubscribe``, of these streams."""

    def __init__(self, seed: int, group: str, names: list[str], **wire: bool) -> None:
        super().__init__(seed, LiveConsumer, group, **wire)
        self._names = names
        self._whole += [self._wanted] * 6

    def _wanted(self) -> bytes:
        frame_type = self._rng.choice(("subscribe", "subscribe", "unsubscribe"))
        if self._rng.random() < 0.5:
            return self._said({"type": frame_type} | self._entry())
        entry = self._entry if frame_type == "subscribe" else self._name
        entries: Any = [entry() for _ in range(self._rng.choice((0, 1, 3, 20)))]
        return self._said({"type": frame_type, "streams": self._or_anything(entries)})

    def _entry(self) -> dict[str, Any]:
        entry = {"stream": self._name()}
        if self._rng.random() < 0.5:
            since = self._rng.choice((0, 1, 2, 10**6, -1, 1.5, True, "1", "x", 10**30))
            entry["since"] = self._or_anything(since)
        if self._rng.random() < 0.3:
            entry["epoch"] = self._or_anything("x")
        return entry

    def _name(self) -> Any:
        name = self._rng.choice(self._names)
        spoilt = (name.upper(), name + "x", name[:-1], name.replace(":", "::"), "x" * 2000, ":")
        return self._or_anything(self._rng.choice((name, name, name, *spoilt)))

    def _or_anything(self, usual: Any) -> Any:
        return self._value(2) if self._rng.random() < 0.05 else usual


def _packable(value: Any) -> Any:
    """``value`` without what MessagePack cannot say: lone surrogates, and more than 64 bits."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_packable(key): _packable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_packable(item) for item in value]
    return value if not isinstance(value, int) or value.bit_length() <= 63 else float(value)
