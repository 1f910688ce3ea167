"""What every socket does: be accepted and identified, hear the client, beat, and end cleanly."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from realtime import auth, metrics, request_id
from realtime.access import Grant, WatchedRun
from realtime.addresses import counted
from realtime.close_codes import CloseCode
from realtime.consumers.inbound import MALFORMED_LIMIT, Malformed, RateLimit, parse
from realtime.consumers.refusal import Refusal, TooMany
from realtime.events import dump, stamp
from realtime.follower import STUCK_S, TooSlow
from realtime.writers import frame_of, writer_for

logger = logging.getLogger(__name__)


class Admission(NamedTuple):
    """The streams a user may follow on a socket, and the ids its log lines carry from then on."""

    streams: set[str]
    log_ids: dict[str, str] = {}


class SocketConsumer(AsyncConsumer, ABC):
    """One socket's life, whatever it carries."""

    kind: ClassVar[str]  # as logs and metrics call it

    @abstractmethod
    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        """What may be followed here by who has that grant. Raises ``Refusal``.

        ``run`` is the one with the id ``run_id``.
        """

    def asked_run(self) -> UUID | None:
        """The id of the run that the socket asks for."""
        return None

    @abstractmethod
    async def open(self, admission: Admission) -> None:
        """The socket is accepted and its user admitted: begin. May raise ``Refusal``."""

    @abstractmethod
    def heads(self) -> dict[str, int]:
        """What a heartbeat tells of the streams."""

    @abstractmethod
    def stop(self) -> None:
        """The socket closes: send nothing more."""

    @abstractmethod
    async def leave(self) -> None:
        """The socket is gone: leave every group."""

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        # In place of Channels' own, which keeps two tasks and a queue for each socket that waits.
        self.scope, self.base_send = scope, send
        self.channel_layer = get_channel_layer(self.channel_layer_alias)
        self.channel_name = await self.channel_layer.new_channel()
        self.user_id: int | None = None
        self.run_id = self.asked_run()
        self.closed = False
        self._code: int | None = None
        self._begun = time.monotonic()
        self._malformed = 0
        self._rate = RateLimit()
        self._tasks: set[asyncio.Task] = set()
        self.writer = None
        self._places: list[str] = []  # whose places this socket takes
        self._entered = False
        self.channel_layer.listen(self.channel_name, self._hear)
        bind_contextvars(request_id=request_id.of(scope))
        self._context = copy_context()  # with the ids that this socket's log lines carry
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
            await self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own closes old database connections here, a thread hop per message; our queries
        # run on a pool that looks after its connections itself.
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            raise ValueError(f"No handler for message type {message['type']}")
        try:
            await handler(message)
        except TooMany as refusal:
            self._tell({"type": "error_message", "code": refusal.told, "detail": str(refusal)})
            await self.close(refusal.code, refusal.reason)
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

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        accept = {"type": "websocket.accept", "headers": [request_id.header()]}
        await self.base_send(accept | {"subprotocol": auth.selected_subprotocol(self.scope)})
        self.writer = writer_for(self.scope, self.base_send)
        host, *_ = self.scope.get("client") or [None]
        self._take_place("address", counted(host), settings.SOCKETS_PER_ADDRESS)
        self._enter()
        admission = await self._let_in()
        self._forget_handshake()
        bind_contextvars(user_id=self.user_id, **admission.log_ids)
        if self.user_id is not None:
            self._take_place("user", str(self.user_id), settings.SOCKETS_PER_USER)
        await self.open(admission)
        self._context = copy_context()
        if not self.closed:
            self.channel_layer.heartbeat.add(self)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self.closed:
            return
        if not self._rate.allows():
            raise TooMany("too_many_messages", "Too many messages.")
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
        self._code = self._code or message.get("code")
        raise StopConsumer

    async def say(self, frame: dict[str, Any] | str) -> None:
        """Write a frame, given as its text or as an object. Raises ``TooSlow``."""
        text = frame if isinstance(frame, str) else dump(frame)
        while not self.writer.write(text, frame_of(text)):
            try:
                async with asyncio.timeout(STUCK_S):
                    await self.writer.drained()
            except TimeoutError:
                raise TooSlow from None

    def beat(self) -> None:
        """Say that the connection lives, and how far the streams have come."""
        self._tell({"type": "ping", "timestamp": stamp(timezone.now()), "heads": self.heads()})

    async def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket; no event follows. Repeating it is harmless."""
        if self.closed:
            return
        self.closed = True
        self._code = int(code)
        self._stop_all()
        try:
            await self.writer.close(int(code), reason)  # Daphne takes no IntEnum
        except OSError:
            logger.debug("The client was gone before it could be told %s", code.name)

    def soon(self, work: Coroutine) -> None:
        """Do that beside what the socket does; it ends with the socket."""
        # Called from everywhere, but what it logs is about this socket.
        task = asyncio.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def failed(self, error: BaseException) -> None:
        """Close, as the socket cannot be served."""
        if isinstance(error, Refusal):
            self.soon(self.close(error.code, error.reason))
        elif isinstance(error, TooSlow):
            self.soon(self.close(CloseCode.TOO_SLOW, "Too slow to keep up."))
        else:
            say = self._context.copy().run
            say(logger.error, "%s: delivery failed", type(self).__name__, exc_info=error)
            self.soon(self.close(CloseCode.SERVER_ERROR, "Server error."))

    def _take_place(self, kind: str, holder: str, limit: int) -> None:
        if not self.channel_layer.places.take(f"{kind} {holder}", limit):
            raise TooMany(
                "too_many_connections",
                f"This {kind} has {limit} sockets open. Close some of them first.",
            )
        self._places.append(f"{kind} {holder}")

    def _enter(self) -> None:
        self._entered = self.channel_layer.places.enter()
        if not self._entered:
            raise TooMany("too_many_connections", "This server is full. Try again later.")
        metrics.SOCKETS.labels(self.kind).inc()

    async def _let_in(self) -> Admission:
        try:
            identity = await auth.identify(self.scope)
        except auth.Refused as refused:
            raise Refusal(CloseCode.UNAUTHENTICATED, str(refused)) from None
        except auth.ForeignOrigin:
            raise Refusal(CloseCode.ACCESS_REMOVED, "This origin is not allowed.") from None
        self.user_id = identity.user_id  # the log says who was refused, too
        self.session_key = identity.session_key
        grant, run = await self.channel_layer.access.of(self.user_id, self.run_id)
        self._believe(identity, grant)
        return self.admit(grant, run)

    def _forget_handshake(self) -> None:
        """It has served; a socket that lives for days need not keep its token and 3 KB of headers."""
        self.scope["headers"].clear()
        self.scope.get("subprotocols", []).clear()

    def _believe(self, identity: auth.Identity, grant: Grant) -> None:
        try:
            identity.believe(grant)
        except auth.Refused as refused:
            raise Refusal(CloseCode.UNAUTHENTICATED, str(refused)) from None
        self.expires_at = identity.expires_at
        self.credential = identity.credential

    async def _reauthenticate(self, token: Any) -> None:
        if not isinstance(token, str):
            raise Malformed('Send {"type": "auth", "token": "<access token>"}.')
        try:
            identity = auth.of_token(token)
        except auth.Refused as refused:
            raise Refusal(CloseCode.UNAUTHENTICATED, str(refused)) from None
        if identity.user_id != self.user_id:
            raise Refusal(CloseCode.UNAUTHENTICATED, "The token is another user's.")
        grant, _ = await self.channel_layer.access.of(self.user_id)
        self._believe(identity, grant)
        expires_at = stamp(datetime.fromtimestamp(identity.expires_at, UTC))
        await self.say({"type": "auth_ok", "expires_at": expires_at})

    def _tell(self, frame: dict[str, Any]) -> None:
        """Write a frame, if the socket takes one now."""
        text = dump(frame)
        self.writer.write(text, frame_of(text))

    def _hear(self, message: dict[str, Any]) -> None:
        """A message that came through the channel layer."""
        self.soon(self.dispatch(message))

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)

    def _stop_all(self) -> None:
        self.channel_layer.heartbeat.discard(self)
        self.stop()

    async def _end(self) -> None:
        """Whatever happened, nothing of this socket stays behind."""
        self.closed = True
        if self.writer:
            self.writer.stop()
        for task in tuple(self._tasks):
            task.cancel()
        self._stop_all()
        self.channel_layer.listen(self.channel_name, None)
        for holder in self._places:
            self.channel_layer.places.give_back(holder)
        if self._entered:
            self.channel_layer.places.leave()
            metrics.SOCKETS.labels(self.kind).dec()
        metrics.SOCKETS_CLOSED.labels(self.kind, metrics.code_label(self._code)).inc()
        await self.leave()
        seconds = round(time.monotonic() - self._begun, 3)
        facts = {"code": self._code, "seconds": seconds, "path": self.scope["path"]}
        bind_contextvars(user_id=self.user_id)
        logger.info("%s socket closed %s", self.kind.capitalize(), self._code, extra=facts)
