"""One socket for any streams: ``/ws/live``."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.rate_limit import RateLimit
from realtime.servers.encodings import LIVE
from realtime.sockets.close_socket import NO_SCOPE, NOT_FOUND, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission, SocketConsumer
from realtime.sockets.frames import Close, ErrorMessage, Unsubscribed
from realtime.sockets.hello import hello
from realtime.sockets.inbound import Malformed
from realtime.sockets.render_latency import RenderTimes
from realtime.sockets.session_tag import tag_of
from realtime.sockets.subscribe_frames import STREAMS_AT_MOST, Wanted, to_subscribe, to_unsubscribe
from realtime.sockets.subscriptions import EXCLUSIVE, Subscription, canonical, subscription

BEGINNINGS_AT_ONCE = 8  # streams of a socket that begin at the same time; the others wait
BEGINNINGS_A_SECOND = 50.0  # more than these, and than as many at once as a socket may follow,
BEGINNINGS_BURST = float(STREAMS_AT_MOST)  # are refused


class LiveConsumer(SocketConsumer):
    """``/ws/live``: the streams that the client subscribes to. Every frame names its stream."""

    kind = "live"
    socket_encodings = LIVE

    def prepare(self) -> None:
        super().prepare()
        self.subscriptions: dict[str, Subscription] = {}
        self._leaving: set[Subscription] = set()  # their groups, after they have ended
        self._rendered = RenderTimes()
        self.turn = asyncio.Lock()  # its streams read the log one after another
        self.beginnings = asyncio.Semaphore(BEGINNINGS_AT_ONCE)
        self._begun_rate = RateLimit(BEGINNINGS_A_SECOND, BEGINNINGS_BURST)

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.principal is None:
            raise CloseSocket(*UNAUTHENTICATED)
        if not self._is_of_session():
            raise CloseSocket(
                CloseCode.UNAUTHENTICATED, "This page is of another session. Reload it."
            )
        if not grant.watches and not grant.reports:
            raise CloseSocket(*NO_SCOPE)
        return Admission(set())

    async def open(self, admission: Admission) -> None:
        self.node.access.add(self)
        await self.say(hello(stream=None, epoch=None, head=0))

    def heads(self) -> dict[str, int]:
        heads = {}
        for subscribed in self.subscriptions.values():
            heads |= subscribed.heads()
        return heads

    def stop(self) -> None:
        self.node.access.discard(self)
        for subscribed in self.subscriptions.values():
            subscribed.stop()

    async def leave(self) -> None:
        for subscribed in tuple(self.subscriptions.values()):
            self._forget(subscribed)
            self._leaving.add(subscribed)
        for subscribed in tuple(self._leaving):
            await subscribed.leave()

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Called once a second, as for each of the streams, which end by themselves."""
        try:
            self.check(grant, signed_out=signed_out)
        except CloseSocket as error:
            self.failed(error)

    def check(self, grant: Grant, *, signed_out: bool = False) -> None:
        """Raise ``CloseSocket`` unless the user or API key may still have a socket."""
        if signed_out or not grant.active or grant.credential != self.credential:
            raise CloseSocket(*UNAUTHENTICATED)

    def rendered(self, frame: dict[str, Any]) -> None:
        self._rendered.count(frame, self.heads())

    async def handle_frame(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "subscribe":
                for wanted in to_subscribe(frame):
                    await self._subscribe(wanted)
            case "unsubscribe":
                for name in to_unsubscribe(frame):
                    await self._unsubscribe(name)
            case _:
                raise Malformed("Send subscribe, unsubscribe, ping, pong or auth.")

    async def end_of(self, ended: Subscription, code: CloseCode, reason: str) -> None:
        """Send the client the end of a stream, and remove the stream."""
        await self.say(Close(stream=ended.name, code=int(code), reason=reason))
        if self.subscriptions.get(ended.name) is ended:
            await self._remove(ended)

    async def _subscribe(self, wanted: Wanted) -> None:
        name = canonical(wanted.name)
        if name in self.subscriptions:
            await self._object(name, "already_subscribed", "This socket has that stream already.")
            return
        try:
            since, epoch = wanted.position()
            self._make_room(name)
        except CloseSocket as error:
            reason = {"code": int(error.code), "reason": error.reason}
            await self.say(Close(stream=name or wanted.name, **reason))
            return
        self.subscriptions[name] = subscription(self, name)
        self.subscriptions[name].begin_at(since, epoch)

    async def _unsubscribe(self, given: str) -> None:
        name = canonical(given)
        subscribed = self.subscriptions.get(name)
        if subscribed is None or subscribed.closed:  # then its `close` is on its way
            await self._object(name or given, "not_subscribed", "This socket has no such stream.")
            return
        subscribed.stop()
        await self._remove(subscribed)
        await self.say(Unsubscribed(stream=name))

    def _make_room(self, name: str | None) -> None:
        """Count one more stream. Raises ``CloseSocket`` if none has that name, or without room."""
        if name is None:
            raise CloseSocket(*NOT_FOUND)
        if other := self._overlapping(name):
            raise CloseSocket(
                CloseCode.MALFORMED, f"This socket has {other} already. Unsubscribe it first."
            )
        if len(self.subscriptions) >= STREAMS_AT_MOST:
            raise CloseSocket(
                CloseCode.TOO_MANY,
                f"A socket has at most {STREAMS_AT_MOST} streams. Unsubscribe some first.",
            )
        if not self._begun_rate.allows():
            raise CloseSocket(CloseCode.TOO_MANY, "Too many new streams. Wait some seconds.")
        if not self.node.connection_counts.acquire(self._holder, settings.STREAMS_PER_USER):
            raise CloseSocket(
                CloseCode.TOO_MANY,
                f"This {self.holder_kind} has {settings.STREAMS_PER_USER} streams. "
                "Unsubscribe some of them first.",
            )

    def _is_of_session(self) -> bool:
        """Whether the socket has the session that the page says it belongs to.

        A browser may have signed out and in as another user since the page was made. One socket
        serves many pages, so it must not change its user.
        """
        asked = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True).get(
            "session"
        )
        if asked is None:
            return True
        return self.session_key is not None and asked == [tag_of(self.session_key)]

    def _overlapping(self, name: str) -> str | None:
        """A stream of this socket that contains the one, or is a part of it."""
        kind, colon, _ = name.partition(":")
        if kind not in EXCLUSIVE:
            return None
        if colon:
            return kind if kind in self.subscriptions else None
        return next((other for other in self.subscriptions if other.startswith(f"{kind}:")), None)

    @property
    def _holder(self) -> str:
        return f"streams of {self.holder_kind} {self.principal}"

    async def _remove(self, subscribed: Subscription) -> None:
        self._forget(subscribed)
        self._leaving.add(subscribed)
        await subscribed.leave()
        self._leaving.discard(subscribed)

    def _forget(self, subscribed: Subscription) -> None:
        del self.subscriptions[subscribed.name]
        self.node.connection_counts.release(self._holder)

    async def _object(self, name: str, code: str, detail: str) -> None:
        """The frame changed nothing. This may be no fault: frames cross on their way."""
        await self.say(ErrorMessage(code=code, detail=detail, stream=name))
