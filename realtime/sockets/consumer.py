"""A socket of any kind: accepts and identifies the client, handles its frames, sends heartbeats."""

from abc import abstractmethod
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant, Principal
from realtime.rate_limit import RateLimit
from realtime.servers.encodings import SOCKETS, SocketEncodings
from realtime.servers.writer import writer_for
from realtime.sockets import auth, request_id
from realtime.sockets.addresses import counted
from realtime.sockets.close_socket import CloseSocket, CloseTooMany
from realtime.sockets.frames import AuthOk, ErrorMessage, Ping, Pong
from realtime.sockets.inbound import MALFORMED_LIMIT, Malformed, parse
from realtime.sockets.socket import Socket
from runs.events.encoding import iso_utc


class Admission(NamedTuple):
    """The streams a user may follow on a socket, and ids for the log lines of this socket."""

    streams: set[str]
    log_ids: dict[str, str] = {}


class SocketConsumer(Socket):
    """A socket of a user, of an API key or of an anonymous client."""

    socket_encodings: ClassVar[SocketEncodings] = SOCKETS

    @abstractmethod
    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        """Return what the holder of the grant may follow here. Raises ``CloseSocket``.

        ``run`` is the run with the id ``run_id``, if it exists.
        """

    def asked_run(self) -> UUID | None:
        """The id of the run in the socket's path, if there is one."""
        return None

    @property
    def holder_kind(self) -> str:
        """Whose limits count for this socket, in words, if it is not anonymous."""
        return "API key" if self.user_id is None else "user"

    @abstractmethod
    async def open(self, admission: Admission) -> None:
        """Called when the socket is accepted and the user admitted. May raise ``CloseSocket``."""

    @abstractmethod
    def heads(self) -> dict[str, int]:
        """The heads of the streams, for a heartbeat: ``{stream: seq}``."""

    def prepare(self) -> None:
        self.user_id: int | None = None
        self.principal: Principal = None
        self.run_id = self.asked_run()
        self._malformed = 0
        self._rate = RateLimit()

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        accept = {"type": "websocket.accept", "headers": [request_id.header()]}
        subprotocol = auth.selected_subprotocol(self.scope)
        await self.base_send(accept | {"subprotocol": subprotocol})
        self.writer = writer_for(self.scope, self.base_send)
        packed = subprotocol == auth.MESSAGE_PACK
        self.encoding = self.socket_encodings.of(self.writer, packed=packed)
        await self.serve()

    async def serve(self) -> None:
        """Count the connection, authenticate the client, open streams. Raises ``CloseSocket``."""
        host, *_ = self.scope.get("client") or [None]
        self.slots.acquire("address", counted(host), settings.SOCKETS_PER_ADDRESS)
        self.slots.acquire_of_process()
        admission = await self._authenticate()
        self._forget_handshake()
        bind_contextvars(user_id=self.user_id, **admission.log_ids)
        if self.principal is not None:
            self.slots.acquire(self.holder_kind, str(self.principal), settings.SOCKETS_PER_USER)
        await self.open(admission)
        self._context = copy_context()
        if not self.closed:
            self.node.heartbeat.add(self)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self.closed:
            return
        if not self._rate.allows():
            raise CloseTooMany("too_many_messages", "Too many messages.")
        try:
            frame = parse(message, packed=self.encoding.packed)
            match frame["type"]:
                case "ping":
                    await self.say(Pong())
                case "pong":
                    pass
                case "rendered":
                    self.rendered(frame)
                case "auth":
                    await self._reauthenticate(frame.get("token"))
                case _:
                    await self.handle_frame(frame)
        except Malformed as error:
            self._malformed += 1
            await self.say(ErrorMessage(code="malformed", detail=str(error)))
            if self._malformed >= MALFORMED_LIMIT:
                raise CloseSocket(CloseCode.MALFORMED, "Malformed messages.") from None

    async def handle_frame(self, frame: dict[str, Any]) -> None:
        """Handle a frame of another type. Raises ``Malformed``."""
        raise Malformed("Send ping, pong or auth.")

    def rendered(self, frame: dict[str, Any]) -> None:
        """Take how long a page took to show an event. Raises ``Malformed``."""
        raise Malformed("This socket has no events to show.")

    def expired(self) -> None:
        self.failed(CloseSocket(CloseCode.UNAUTHENTICATED, "The token has expired."))

    def beat(self) -> None:
        """Send a heartbeat with the heads of the streams."""
        self.send_or_drop(Ping(timestamp=iso_utc(timezone.now()), heads=self.heads()))

    async def _authenticate(self) -> Admission:
        try:
            identity = await auth.identify(self.scope)
        except auth.InvalidCredentials as refused:
            raise CloseSocket(CloseCode.UNAUTHENTICATED, str(refused)) from None
        except auth.ForeignOrigin:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, "This origin is not allowed.") from None
        self.user_id = (
            identity.user_id
        )  # set first, so that the log names the user of a refused socket
        self.principal = identity.principal
        self.session_key = identity.session_key
        if identity.prefix:
            bind_contextvars(api_key=identity.prefix)
        grant, run = await self.node.access.of(self.principal, self.run_id)
        self._verify(identity, grant)
        return self.admit(grant, run)

    def _forget_handshake(self) -> None:
        """Free the token and 3 KB of headers: a socket may stay open for days."""
        self.scope["headers"].clear()
        self.scope.get("subprotocols", []).clear()

    def _verify(self, identity: auth.Identity, grant: Grant) -> None:
        try:
            identity.verify(grant)
        except auth.InvalidCredentials as refused:
            raise CloseSocket(CloseCode.UNAUTHENTICATED, str(refused)) from None
        self.expires_at = identity.expires_at
        self.credential = identity.credential

    async def _reauthenticate(self, token: Any) -> None:
        if not isinstance(token, str):
            raise Malformed('Send {"type": "auth", "token": "<access token>"}.')
        try:
            identity = auth.of_token(token)
        except auth.InvalidCredentials as refused:
            raise CloseSocket(CloseCode.UNAUTHENTICATED, str(refused)) from None
        if identity.principal != self.principal:
            raise CloseSocket(CloseCode.UNAUTHENTICATED, "The token is another user's.")
        grant, _ = await self.node.access.of(self.principal)
        self._verify(identity, grant)
        expires_at = None  # an API key is checked once a second
        if identity.expires_at is not None:
            expires_at = iso_utc(datetime.fromtimestamp(identity.expires_at, UTC))
        await self.say(AuthOk(expires_at=expires_at))
