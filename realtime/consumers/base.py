"""What the three sockets share: authorise → join groups → catch up → relay."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.conf import settings
from django.utils import timezone

from realtime import auth, log, streams
from realtime.access import Grant
from realtime.close_codes import CloseCode
from realtime.consumers.inbound import MALFORMED_LIMIT, Malformed, RateLimit, parse
from realtime.events import dump, stamp
from realtime.follower import STUCK_S, Follower, TooSlow
from realtime.threads import in_thread
from realtime.writers import frame_of, writer_for

NO_SUCH_ID = UUID(int=0)  # stands in for an id that is none, so that it costs the same query

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


NOT_FOUND = (CloseCode.NOT_FOUND, "Not found.")
UNAUTHENTICATED = (CloseCode.UNAUTHENTICATED, "Sign in, or send a valid access token.")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a socket starts in a stream: what is said first, and the position events follow."""

    position: log.Position
    reset: str | None
    seq: int
    frames: list[str]


class StreamConsumer(AsyncConsumer):
    """One socket. Subclasses say which streams it follows and where a fresh one starts."""

    resumable = True  # whether ``?since=`` is heeded
    since: int | None = None  # the position of a socket that names none; ``None``: `begin` decides

    def admit(self) -> set[str]:
        """The streams the user may follow here; queries. Raises ``Refusal``."""
        raise NotImplementedError

    def begin(self, stream: str, position: log.Position) -> tuple[int, list[str]]:
        """The position a fresh socket starts from and the frames that lead up to it; queries."""
        raise NotImplementedError

    def allowed(self, grant: Grant, shared: bool) -> set[str]:
        """The streams the socket may follow now. Raises ``Refusal`` where it may not stay."""
        raise NotImplementedError

    def sent(self, entry: log.Entry) -> None:
        """An event was written."""

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        self.followers: dict[str, Follower] = {}
        self.user_id: int | None = None
        self.run_id: UUID | None = None
        self._closed = False
        self._malformed = 0
        self._rate = RateLimit()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task] = set()
        self._writer = None
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own closes old database connections here, a thread hop per message; our queries
        # run on a pool that looks after its connections itself.
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            raise ValueError(f"No handler for message type {message['type']}")
        try:
            await handler(message)
        except Refusal as refusal:
            await self.close(refusal.code, refusal.reason)
        except TooSlow:
            await self.close(CloseCode.TOO_SLOW, "Too slow to keep up.")
        except OSError:
            logger.debug("The client went away in mid-sentence")
        except StopConsumer:
            raise
        except Exception:
            logger.exception("%s failed", type(self).__name__)
            await self.close(CloseCode.SERVER_ERROR, "Server error.")

    # -- From the client --------------------------------------------------------------------------

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        await self.base_send(
            {"type": "websocket.accept", "subprotocol": auth.selected_subprotocol(self.scope)}
        )
        self._writer = writer_for(self.scope, self.base_send)
        followed = await in_thread(self._authorise)
        await self._follow(followed, *self._resume_from(len(followed)))
        if not self._closed:
            self._watch_expiry()
            self.channel_layer.access.add(self)
            self._later("beat", settings.REALTIME_HEARTBEAT_S, self._beat)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self._closed:
            return
        if not self._rate.allows():
            raise Refusal(CloseCode.TOO_MANY, "Too many messages.")
        try:
            frame = parse(message)
            match frame["type"]:
                case "ping":
                    await self.say({"type": "pong"})
                case "pong":
                    pass
                case "auth":
                    await self._reauthenticate(frame.get("token"))
                case _:
                    raise Malformed("Send ping, pong or auth.")
        except Malformed as error:
            self._malformed += 1
            await self.say({"type": "error_message", "code": "malformed", "detail": str(error)})
            if self._malformed >= MALFORMED_LIMIT:
                raise Refusal(CloseCode.MALFORMED, "Malformed messages.") from None

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        raise StopConsumer

    # -- To the client ----------------------------------------------------------------------------

    async def say(self, frame: dict[str, Any] | str) -> None:
        """Write a frame, given as its text or as an object. Raises ``TooSlow``."""
        text = frame if isinstance(frame, str) else dump(frame)
        while not self._writer.write(text, frame_of(text)):
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._writer.drained()
            except TimeoutError:
                raise TooSlow from None

    async def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket; no event follows. Repeating it is harmless."""
        if self._closed:
            return
        self._closed = True
        self._stop()
        try:
            await self._writer.close(int(code), reason)  # Daphne takes no IntEnum
        except OSError:
            logger.debug("The client was gone before it could be told %s", code.name)

    def access_checked(self, grant: Grant, shared: bool) -> None:
        """Called once a second with what the user may see now."""
        try:
            if self.user_id is not None and (
                not grant.active or grant.credential != self.identity.user.password
            ):
                raise Refusal(*UNAUTHENTICATED)
            allowed = self.allowed(grant, shared)
        except Refusal as refusal:
            self._soon(self.close(refusal.code, refusal.reason))
            return
        for stream in self.followers.keys() - allowed:
            self._soon(self._drop(stream))
        if new := allowed - self.followers.keys():
            self._soon(self._follow(new))

    # -- Within -----------------------------------------------------------------------------------

    def _authorise(self) -> set[str]:
        try:
            self.identity = auth.identify(self.scope)
        except auth.Refused as refused:
            raise Refusal(CloseCode.UNAUTHENTICATED, str(refused)) from None
        except auth.ForeignOrigin:
            raise Refusal(CloseCode.ACCESS_REMOVED, "This origin is not allowed.") from None
        self.user_id = self.identity.user.pk
        return self.admit()

    def _resume_from(self, followed: int) -> tuple[int | None, str | None]:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        since = query.get("since", [""])[0]
        if not since or not self.resumable or followed != 1:
            return self.since, None
        if not since.isascii() or not since.isdigit() or len(since) > 18:
            raise Refusal(CloseCode.MALFORMED, "since is a whole number.")
        return int(since), query.get("epoch", [None])[0]

    async def _follow(
        self, followed: set[str], since: int | None = None, epoch: str | None = None
    ) -> None:
        """Join first, then read where to start: what is published in between is not missed."""
        for stream in sorted(followed):
            if stream not in self.followers:
                self.followers[stream] = await self._join(stream)
        if not self.followers:
            await self.say(_hello(stream=None, epoch=None, head=0))
        starts = await in_thread(self._starts, sorted(followed), since, epoch)
        for stream, start in starts.items():
            if stream in self.followers and not self._closed:
                await self._start(stream, start)

    async def _join(self, stream: str) -> Follower:
        await self.channel_layer.group_add(streams.group(stream), self.channel_name)
        return Follower(
            self.channel_layer.feed(stream),
            self._writer,
            on_sent=self.sent,
            on_reset=lambda reason: self._soon(self._restart(stream, reason)),
            on_failure=self._failed,
        )

    def _starts(
        self, followed: list[str], since: int | None, epoch: str | None
    ) -> dict[str, Start]:
        starts = {}
        for stream in followed:
            position = log.position(stream)
            reset = position.refuses(since, epoch) if since is not None else None
            if since is None or reset:
                starts[stream] = Start(position, reset, *self.begin(stream, position))
            else:
                starts[stream] = Start(position, None, since, [])
        return starts

    async def _start(self, stream: str, start: Start) -> None:
        follower = self.followers[stream]
        follower.feed.start(start.position)
        head = {"stream": stream, "epoch": start.position.epoch, "head": start.position.head}
        await self.say(_hello(**head))
        if start.reset:
            await self.say({"type": "reset", **head, "reason": start.reset})
        for frame in start.frames:
            await self.say(frame)
        follower.start(start.seq)
        if start.position.closed and start.seq >= start.position.head:
            await self.close(CloseCode.COMPLETE, "The run is complete.")

    async def _restart(self, stream: str, reason: str) -> None:
        """The position means nothing any more: say so, then as a fresh socket."""
        starts = await in_thread(self._starts, [stream], None, None)
        start = starts[stream]
        head = {"epoch": start.position.epoch, "head": start.position.head}
        await self.say({"type": "reset", "stream": stream, "reason": reason, **head})
        for frame in start.frames:
            await self.say(frame)
        if stream in self.followers and not self._closed:
            self.followers[stream].start(start.seq)

    async def _drop(self, stream: str) -> None:
        await self._unfollow(stream)
        await self.say({"type": "gone", "stream": stream})

    async def _unfollow(self, stream: str) -> None:
        if follower := self.followers.pop(stream, None):
            follower.stop()
            await self.channel_layer.group_discard(streams.group(stream), self.channel_name)

    async def _reauthenticate(self, token: Any) -> None:
        if not isinstance(token, str):
            raise Malformed('Send {"type": "auth", "token": "<access token>"}.')
        try:
            identity = await in_thread(auth.of_token, token)
        except auth.Refused as refused:
            raise Refusal(CloseCode.UNAUTHENTICATED, str(refused)) from None
        if identity.user.pk != self.user_id:
            raise Refusal(CloseCode.UNAUTHENTICATED, "The token is another user's.")
        self.identity = identity
        self._watch_expiry()
        expires_at = stamp(datetime.fromtimestamp(identity.expires_at, UTC))
        await self.say({"type": "auth_ok", "expires_at": expires_at})

    def _beat(self) -> None:
        heads = {stream: follower.feed.head for stream, follower in self.followers.items()}
        text = dump({"type": "ping", "timestamp": stamp(timezone.now()), "heads": heads})
        self._writer.write(text, frame_of(text))
        self._later("beat", settings.REALTIME_HEARTBEAT_S, self._beat)

    def _expired(self) -> None:
        self._soon(self.close(CloseCode.UNAUTHENTICATED, "The token has expired."))

    def _watch_expiry(self) -> None:
        if self.identity.expires_at is not None:
            delay = self.identity.expires_at - time.time() + settings.REALTIME_TOKEN_GRACE_S
            self._later("expiry", max(delay, 0), self._expired)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, TooSlow):
            self._soon(self.close(CloseCode.TOO_SLOW, "Too slow to keep up."))
        else:
            logger.error("%s: delivery failed", type(self).__name__, exc_info=error)
            self._soon(self.close(CloseCode.SERVER_ERROR, "Server error."))

    def _later(self, name: str, delay_s: float, call: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, call)

    def _soon(self, work: Coroutine) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)

    def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for follower in self.followers.values():
            follower.stop()
        self.channel_layer.access.discard(self)

    async def _leave(self) -> None:
        """Whatever happened, nothing of this socket stays behind."""
        self._closed = True
        if self._writer:
            self._writer.stop()
        for task in tuple(self._tasks):
            task.cancel()
        self._stop()
        for stream in tuple(self.followers):
            await self._unfollow(stream)


def _hello(*, stream: str | None, epoch: str | None, head: int) -> dict[str, Any]:
    heartbeat_s = settings.REALTIME_HEARTBEAT_S
    return {
        "type": "hello", "stream": stream, "epoch": epoch, "head": head, "heartbeat_s": heartbeat_s
    }  # fmt: skip
