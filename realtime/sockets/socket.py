"""The connection of a socket: messages in, frames out, its tasks, and its end."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, ClassVar

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer
from structlog.contextvars import bind_contextvars

from realtime import metrics
from realtime.close_codes import CloseCode
from realtime.counting import counts
from realtime.delivery.access_check import Unchecked
from realtime.delivery.stuck_readers import TooSlow, wait_until_drained
from realtime.servers.encodings import Encoding
from realtime.servers.writer import Frame as Encoded
from realtime.sockets import request_id
from realtime.sockets.close_socket import CloseSocket, CloseTooMany
from realtime.sockets.connection_slots import ConnectionSlots
from realtime.sockets.frames import ErrorMessage, Frame
from runs.events.encoding import dump

logger = logging.getLogger(__name__)


class Socket(AsyncConsumer, ABC):
    """Subclasses handle the client's messages, and set ``writer`` and ``encoding`` when the socket
    is accepted.
    """

    kind: ClassVar[str]  # its name in logs and metrics
    user_id: int | None  # for logs
    encoding: Encoding  # of the frames that the writer takes

    @abstractmethod
    def prepare(self) -> None:
        """Called at the beginning: set the attributes."""

    @abstractmethod
    def stop(self) -> None:
        """Called when the socket closes: send nothing more."""

    @abstractmethod
    async def leave(self) -> None:
        """Called when the socket has ended: leave every group."""

    def slow_stream(self) -> str | None:
        """The stream for which a socket that is too slow is counted."""
        return None

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        # Replaces Channels' own method, which keeps two tasks and a queue for each idle socket.
        self.scope, self.base_send = scope, send
        self.channel_layer = get_channel_layer(self.channel_layer_alias)
        self.channel_name = await self.channel_layer.new_channel()
        self.node = self.channel_layer.node
        self.prepare()
        self.closed = False
        self._code: int | None = None
        self._begun = time.monotonic()
        self._tasks: set[asyncio.Task] = set()
        self.writer = None
        self.slots = ConnectionSlots(self.node.connection_counts, self.kind)
        self.node.listen(self.channel_name, self._receive_message)
        bind_contextvars(request_id=request_id.of(scope))
        self._context = copy_context()  # contains the ids for this socket's log lines
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
            await self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own method closes old database connections here, which changes the thread for
        # each message. Our queries run on a pool that closes its own connections.
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            raise ValueError(f"No handler for message type {message['type']}")
        try:
            await handler(message)
        except CloseTooMany as error:
            self.send_or_drop(ErrorMessage(code=error.error_code, detail=str(error)))
            await self.close(error.code, error.reason)
        except CloseSocket as error:
            await self.close(error.code, error.reason)
        except TooSlow:
            await self.close(CloseCode.TOO_SLOW, "Too slow to keep up.")
        except OSError:
            logger.debug("The client disconnected while a message was handled")
        except StopConsumer:
            raise
        except Exception:
            logger.exception("%s failed", type(self).__name__)
            await self.close(CloseCode.SERVER_ERROR, "Server error.")

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        self._code = self._code or message.get("code")
        raise StopConsumer

    async def say(self, frame: Frame | str) -> None:
        """Write a frame, or a text that other sockets are sent too. Raises ``TooSlow``."""
        if isinstance(frame, str):
            await self.put(self.encoding.control(frame))
        else:
            await self.put(self.encoding.unshared.control(dump(frame)))

    async def put(self, frame: Encoded) -> None:
        """Write an encoded frame. Raises ``TooSlow``."""
        while not self.writer.write(frame):
            await wait_until_drained(self.writer)

    def send_or_drop(self, frame: Frame) -> None:
        """Write a frame, or drop it if the socket is full."""
        self.writer.write(self.encoding.unshared.control(dump(frame)))

    async def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket; no event follows. Repeating it is harmless."""
        if self.closed:
            return
        self.closed = True
        self._code = int(code)
        if code == CloseCode.TOO_SLOW:
            counts.add("too_slow", self.slow_stream())
        self._stop_all()
        try:
            await self.end(code, reason)
        except OSError:
            logger.debug("The client disconnected before it was sent %s", code.name)

    async def end(self, code: CloseCode, reason: str) -> None:
        """Send the client the end of the connection."""
        await self.writer.close(int(code), reason)  # Daphne takes no IntEnum

    def soon(self, work: Coroutine) -> None:
        """Do the work in a task, which is cancelled when the socket ends."""
        # The caller may have another context; the log lines have to carry this socket's ids.
        task = asyncio.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def failed(self, error: BaseException) -> None:
        """Close the socket because of an error."""
        if isinstance(error, CloseSocket):
            self.soon(self.close(error.code, error.reason))
        elif isinstance(error, TooSlow):
            self.soon(self.close(CloseCode.TOO_SLOW, "Too slow to keep up."))
        elif isinstance(error, Unchecked):
            self.soon(self.close(CloseCode.SERVER_ERROR, str(error)))
        else:
            say = self._context.copy().run
            say(logger.error, "%s: delivery failed", type(self).__name__, exc_info=error)
            self.soon(self.close(CloseCode.SERVER_ERROR, "Server error."))

    def _receive_message(self, message: dict[str, Any]) -> None:
        """Handle a message that came through the channel layer."""
        self.soon(self.dispatch(message))

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)

    def _stop_all(self) -> None:
        self.node.heartbeat.discard(self)
        self.stop()

    async def _end(self) -> None:
        """Release everything that the socket holds, however it has ended."""
        self.closed = True
        if self.writer:
            self.writer.stop()
        for task in tuple(self._tasks):
            task.cancel()
        self._stop_all()
        self.node.listen(self.channel_name, None)
        self.slots.release()
        metrics.SOCKETS_CLOSED.labels(self.kind, metrics.code_label(self._code)).inc()
        await self.leave()
        seconds = round(time.monotonic() - self._begun, 3)
        facts = {"code": self._code, "seconds": seconds, "path": self.scope["path"]}
        bind_contextvars(user_id=self.user_id)
        logger.info("%s socket closed %s", self.kind.capitalize(), self._code, extra=facts)
