"""Handshakes that no socket may welcome: a good one, spoilt in a generated way, among harmless
noise.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from tests.security.wire import KEY

ANY = bytes(range(256))
TEXT = string.printable.strip().encode()
WORD = (string.ascii_letters + string.digits + "-_.").encode()
FORBIDDEN = b"\x00\x01\x08\x0b\x0c\x0e\x1c\x1e\x1f\x7f\r"  # in a header's value


@dataclass
class Handshake:
    """The parts of a request. ``headers`` are sent as they are."""

    method: bytes
    path: bytes
    query: bytes
    version: bytes
    headers: list[tuple[bytes, bytes]]

    def of(self, name: bytes) -> bytes:
        return next(value for key, value in self.headers if key == name)

    def drop(self, name: bytes) -> None:
        self.headers = [(key, value) for key, value in self.headers if key != name]

    def put(self, name: bytes, value: bytes) -> None:
        """In place of any other of this name."""
        self.drop(name)
        self.headers.append((name, value))

    def coded(self) -> bytes:
        target = self.path + (b"?" + self.query if self.query else b"")
        lines = [b"%b %b %b" % (self.method, target, self.version)]
        lines += [b"%b:%b" % (name, value) for name, value in self.headers]
        return b"\r\n".join([*lines, b"", b""])


class Handshakes:
    """Generates them for one socket; the same ``seed`` generates the same.

    ``tokens`` must not hold; ``elsewhere`` are paths of sockets that the user may not open;
    ``resumes``: whether the socket heeds ``?since=``.
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
        resumes: bool,
    ) -> None:
        self._rng = random.Random(seed)
        self._path = path.encode()
        self._host = b"127.0.0.1:%d" % port
        self._token = token.encode()
        self._tokens = [bad.encode("latin-1", errors="replace") for bad in tokens]
        self._elsewhere = [other.encode() for other in elsewhere]
        self._spoilers: list[Callable[[Handshake], None]] = [
            self._no_credentials, self._another_token, self._bent_token, self._token_misplaced,
            self._key, self._version, self._no_upgrade, self._method, self._header_bytes,
            self._too_much, self._other_path, self._origin,
        ]  # fmt: skip
        if resumes:
            self._spoilers.append(self._since)

    def good(self) -> bytes:
        """One that has nothing wrong with it but noise."""
        return self._noisy(self._plain()).coded()

    def spoilt(self) -> tuple[str, bytes]:
        """What was done to it, and the bytes."""
        handshake = self._noisy(self._plain())
        chosen = self._rng.sample(self._spoilers, self._rng.choice((1, 1, 1, 2, 3)))
        for spoil in chosen:
            spoil(handshake)
        return ", ".join(spoil.__name__.strip("_") for spoil in chosen), handshake.coded()

    def _plain(self) -> Handshake:
        headers = [
            (b"host", self._host),
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-key", KEY.encode()),
            (b"sec-websocket-protocol", b"token, " + self._token),
        ]
        return Handshake(b"GET", self._path, b"", b"HTTP/1.1", headers)

    def _noisy(self, handshake: Handshake) -> Handshake:
        rng = self._rng
        if rng.random() < 0.3:
            handshake.path += b"/"
        if rng.random() < 0.3:
            handshake.query = b"&".join(
                self._bytes(WORD, 6) + b"=" + self._bytes(WORD + b"%/+~&", 20) for _ in range(3)
            )
        for _ in range(rng.choice((0, 0, 1, 5))):
            value = self._bytes(TEXT + b" \t" + ANY[0xA0:], 60)
            handshake.headers.append((b"x-" + self._bytes(WORD, 12), value))
        if rng.random() < 0.3:
            handshake.put(b"connection", b"keep-alive, Upgrade")
        if rng.random() < 0.3:
            rng.shuffle(handshake.headers)
        return handshake

    # What spoils a handshake.

    def _no_credentials(self, handshake: Handshake) -> None:
        if self._rng.random() < 0.5:
            handshake.drop(b"sec-websocket-protocol")
        else:
            junk = self._rng.choice((b"token", b"token,", b",", b"token token", b"TOKEN, x", b""))
            handshake.put(b"sec-websocket-protocol", junk)

    def _another_token(self, handshake: Handshake) -> None:
        token = self._rng.choice(self._tokens)
        if self._rng.random() < 0.3:
            token = self._bytes(self._rng.choice((ANY, TEXT, WORD)), 4000)
        self._say(handshake, token)

    def _bent_token(self, handshake: Handshake) -> None:
        at = self._rng.randrange(len(self._token) - 2)  # the last character has bits to spare
        bent = bytearray(self._token)
        while bent[at] == self._token[at]:
            bent[at] = self._rng.choice(WORD)
        self._say(handshake, bytes(bent))

    def _say(self, handshake: Handshake, token: bytes) -> None:
        handshake.drop(b"sec-websocket-protocol")
        if self._rng.random() < 0.5:
            offered = self._rng.choice((b"token, " + token, token + b",token", token))
            handshake.put(b"sec-websocket-protocol", offered)
        else:
            scheme = self._rng.choice((b"Bearer ", b"bearer\t", b"Basic ", b"Bearer", b""))
            handshake.put(b"authorization", scheme + token)

    def _token_misplaced(self, handshake: Handshake) -> None:
        handshake.drop(b"sec-websocket-protocol")
        if self._rng.random() < 0.5:
            handshake.query = self._rng.choice((b"token=", b"access_token=", b"jwt=")) + self._token
        else:
            cookie = self._rng.choice(
                (
                    b"sessionid=%b",
                    b"token=%b",
                    b'sessionid="\\000%b"',
                    b'sessionid="\\777%b"',
                    b"$Path=%b",
                )
            )
            handshake.put(b"cookie", cookie % self._token)
            handshake.put(b"origin", b"http://" + self._host)

    def _key(self, handshake: Handshake) -> None:
        handshake.drop(b"sec-websocket-key")
        for _ in range(self._rng.choice((0, 1, 1, 2))):
            handshake.headers.append((b"sec-websocket-key", self._bytes(TEXT, 21)))

    def _version(self, handshake: Handshake) -> None:
        version = self._rng.choice(
            (None, b"", b"8", b"14", b"013", b"13, 8", b"0x0d", b"1e1", b"-13")
        )
        handshake.drop(b"sec-websocket-version")
        if version is not None:
            handshake.put(b"sec-websocket-version", version)

    def _no_upgrade(self, handshake: Handshake) -> None:
        name = self._rng.choice((b"upgrade", b"connection"))
        handshake.drop(name)
        if self._rng.random() < 0.7:
            junk = self._rng.choice((b"", b"h2c", b"websockets", b"web socket", b"close", b"x"))
            handshake.put(name, junk)

    def _method(self, handshake: Handshake) -> None:
        handshake.method = self._rng.choice(
            (b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"CONNECT", b"TRACE", b"get", b"GETT",
             b"", b"\x16\x03\x01", b"PRI")
        )  # fmt: skip

    def _header_bytes(self, handshake: Handshake) -> None:
        rng = self._rng
        bad = bytes([rng.choice(FORBIDDEN)])
        line = rng.choice(
            (
                (b"x", b"a" + bad + b"b"),
                (b"x" + bad, b"a"),
                (b"x y", b"a"),
                (b"", b"a"),
                (b"x\r\n folded", b"a"),
                (b"(x)", b"a"),
                (b"x\xe9", b"a"),
            )
        )
        handshake.headers.insert(rng.randrange(len(handshake.headers) + 1), line)

    def _too_much(self, handshake: Handshake) -> None:
        if self._rng.random() < 0.5:
            handshake.headers += [(b"x-%d" % number, b"a" * 400) for number in range(200)]
        else:
            size = self._rng.choice((65_536, 100_000))
            handshake.headers.append((b"x-long", self._rng.choice(WORD).to_bytes() * size))

    def _other_path(self, handshake: Handshake) -> None:
        if self._rng.random() < 0.5:
            handshake.path = self._rng.choice(self._elsewhere)
        else:
            handshake.path = b"/ws/" + self._bytes(TEXT + ANY[0x80:] + b"/%.", 80).replace(
                b"?", b"/"
            )

    def _origin(self, handshake: Handshake) -> None:
        rng = self._rng
        junk = (b"null", b"", b"https://" + self._host, b"http://" + self._host + b".evil.example",
                b"http://[::1", b"http://" + self._bytes(TEXT, 30), self._bytes(TEXT, 300))  # fmt: skip
        handshake.put(b"origin", rng.choice(junk))

    def _since(self, handshake: Handshake) -> None:
        rng = self._rng
        since = rng.choice((b"-1", b"1e99", b"0x1", b"1.0", b"NaN", b"%00", b"+1", b"%D9%A3", b"9" * 19 + b"x",
                            b"9" * 5000 + b"e1", b"1_0", b"[]", b"1%0a", b"%20", self._bytes(ANY[0xA0:], 9)))  # fmt: skip
        handshake.query = b"since=" + since + rng.choice((b"", b"&epoch=x", b"&epoch=%00&since=1"))

    def _bytes(self, alphabet: bytes, most: int) -> bytes:
        return bytes(self._rng.choices(alphabet, k=self._rng.randint(1, most)))
