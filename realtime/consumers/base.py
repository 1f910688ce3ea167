"""What the three sockets share beyond being sockets: join groups → catch up → relay."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings

from realtime import log, streams
from realtime.access import Grant, WatchedRun
from realtime.close_codes import CloseCode
from realtime.consumers.refusal import UNAUTHENTICATED, Refusal
from realtime.consumers.socket import Admission, SocketConsumer
from realtime.follower import Follower

NO_SUCH_ID = UUID(int=0)  # stands in for an id that is none, so that it costs the same query
SEQ_DIGITS = 19  # a number with more, or its first 19, is beyond every head


class Beginning(NamedTuple):
    """Where a fresh socket begins: the position events follow, and the frames that lead up to it."""

    seq: int
    frames: list[str]


@dataclass(frozen=True, slots=True)
class Start:
    """Where a socket starts in a stream: what is said first, and the position events follow."""

    position: log.Position
    reset: str | None
    seq: int
    frames: list[str]


class StreamConsumer(SocketConsumer):
    """A socket that follows streams. Subclasses say which streams it follows and where a fresh one starts."""

    resumable = True  # whether ``?since=`` is heeded
    since: int | None = None  # the position of a socket that names none; ``None``: `begin` decides

    @abstractmethod
    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        """Where a fresh socket begins in each of the streams."""

    @abstractmethod
    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        """The streams the socket may follow now. Raises ``Refusal`` where it may not stay."""

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        self.followers: dict[str, Follower] = {}
        self._widening = False
        self._grant: Grant | None = None  # as it was when last looked at
        self._run: WatchedRun | None = None
        self._was_member = False
        await super().__call__(scope, receive, send)

    async def open(self, admission: Admission) -> None:
        followed = admission.streams
        self._was_member = bool(followed)
        await self._follow(followed, *self._resume_from(len(followed)))
        if not self.closed:
            self.channel_layer.access.add(self)

    def heads(self) -> dict[str, int]:
        return {stream: follower.feed.head for stream, follower in self.followers.items()}

    def stop(self) -> None:
        for follower in self.followers.values():
            follower.stop()
        self.channel_layer.access.discard(self)

    async def leave(self) -> None:
        for stream in tuple(self.followers):
            await self._unfollow(stream)

    def expired(self) -> None:
        self.failed(Refusal(CloseCode.UNAUTHENTICATED, "The token has expired."))

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Called once a second with what the user may see now."""
        if grant is self._grant and run == self._run and not signed_out:
            return  # all is as it was a second ago
        self._grant, self._run = grant, run
        try:
            if signed_out or (
                self.user_id is not None
                and (not grant.active or grant.credential != self.credential)
            ):
                raise Refusal(*UNAUTHENTICATED)
            allowed = self.allowed(grant, run)
        except Refusal as refusal:
            self.failed(refusal)
            return
        for stream in self.followers.keys() - allowed:
            self.soon(self._drop(stream))
        if new := allowed - self.followers.keys():
            self._grant = None  # to be looked at again: it is not what the socket has
            if not self._widening:
                self.soon(self._widen(new))

    def stays_member(self, grant: Grant) -> None:
        """For a socket that follows whatever its user sees: raises ``Refusal`` once that is nothing by
        right, and not for want of crews.
        """
        if self._was_member and not grant.member:
            raise Refusal(CloseCode.ACCESS_REMOVED, "Access to every organization was removed.")
        self._was_member = grant.member

    def _resume_from(self, followed: int) -> tuple[int | None, str | None]:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        since = query.get("since", [""])[0]
        if not since or not self.resumable or followed != 1:
            return self.since, None
        if not since.isascii() or not since.isdigit():
            raise Refusal(CloseCode.MALFORMED, "since is a whole number.")
        digits = since.lstrip("0")[:SEQ_DIGITS]
        return int(digits or 0), query.get("epoch", [None])[0]

    async def _follow(
        self, followed: set[str], since: int | None = None, epoch: str | None = None
    ) -> None:
        """Join first, then read where to start: what is published in between is not missed."""
        for stream in sorted(followed):
            if stream not in self.followers:
                self.followers[stream] = await self._join(stream)
        if not self.followers:
            await self.say(_hello(stream=None, epoch=None, head=0))
        starts = await self._starts(sorted(followed), since, epoch)
        for stream, start in starts.items():
            if stream in self.followers and not self.closed:
                await self._start(stream, start)

    async def _join(self, stream: str) -> Follower:
        await self.channel_layer.group_add(streams.group(stream), self.channel_name)
        return Follower(
            self.channel_layer.feed(stream),
            self.writer,
            on_last=self._complete,
            on_reset=lambda reason: self.soon(self._restart(stream, reason)),
            on_failure=self.failed,
        )

    async def _starts(
        self, followed: list[str], since: int | None, epoch: str | None
    ) -> dict[str, Start]:
        found = await self.channel_layer.positions(*followed)
        positions = {stream: found[stream] for stream in followed}
        resets = {
            stream: position.refuses(since, epoch) if since is not None else None
            for stream, position in positions.items()
        }
        fresh = {s: p for s, p in positions.items() if since is None or resets[s]}
        beginnings = await self.begin(fresh) if fresh else {}
        return {
            stream: Start(position, resets[stream], *beginnings.get(stream, (since, [])))
            for stream, position in positions.items()
        }

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
            self._complete()

    def _complete(self) -> None:
        self.soon(self.close(CloseCode.COMPLETE, "The run is complete."))

    async def _restart(self, stream: str, reason: str) -> None:
        """The position means nothing any more: say so, then as a fresh socket."""
        starts = await self._starts([stream], None, None)
        start = starts[stream]
        if stream in self.followers:
            self.followers[stream].feed.start(start.position)
        head = {"epoch": start.position.epoch, "head": start.position.head}
        await self.say({"type": "reset", "stream": stream, "reason": reason, **head})
        for frame in start.frames:
            await self.say(frame)
        if stream in self.followers and not self.closed:
            self.followers[stream].start(start.seq)

    async def _widen(self, new: set[str]) -> None:
        self._widening = True
        try:
            await self._follow(new)
        finally:
            self._widening = False

    async def _drop(self, stream: str) -> None:
        await self._unfollow(stream)
        await self.say({"type": "gone", "stream": stream})

    async def _unfollow(self, stream: str) -> None:
        if follower := self.followers.pop(stream, None):
            follower.stop()
            await self.channel_layer.group_discard(streams.group(stream), self.channel_name)


def log_ids(crew_id: UUID, organization_id: int) -> dict[str, str]:
    """What log lines of a socket on that crew carry, as ``Crew.log_ids``."""
    return {"crew_id": str(crew_id), "organization_id": str(organization_id)}


def _hello(*, stream: str | None, epoch: str | None, head: int) -> dict[str, Any]:
    heartbeat_s = settings.REALTIME_HEARTBEAT_S
    return {
        "type": "hello", "stream": stream, "epoch": epoch, "head": head, "heartbeat_s": heartbeat_s
    }  # fmt: skip
