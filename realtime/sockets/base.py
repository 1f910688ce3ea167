"""A socket that follows streams: it joins their groups, catches up, and relays events."""

import asyncio
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from msgspec import UnsetType

from realtime import log
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.follower import NO_TURNS, Follower
from realtime.delivery.grants import Grant
from realtime.delivery.stuck_readers import TooSlow, wait_until_drained
from realtime.log import streams
from realtime.sockets.close_socket import UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission, SocketConsumer
from realtime.sockets.frames import Gone, Reset
from realtime.sockets.hello import hello, seq_in
from realtime.sockets.render_latency import EVERY_S, RenderTimes
from realtime.sockets.start_position import NewSocketStart, StreamStart

NO_SUCH_ID = UUID(int=0)  # replaces an invalid id, so that it costs the same query


class StreamConsumer(SocketConsumer):
    """Subclasses define which streams the socket follows and where a new socket starts."""

    resumable = True  # whether ``?since=`` is used
    rendered_every_s: float | UnsetType = EVERY_S  # see `realtime.sockets.render_latency`
    since: int | None = None  # the position without ``?since=``; ``None``: `begin` decides
    empty: str | None = None  # the stream that ``hello`` names while the socket has no streams
    turn: AbstractAsyncContextManager = NO_TURNS  # see `Follower`
    _ending: frozenset[str] = frozenset()  # streams taken away, whose groups it has not left yet

    @abstractmethod
    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        """Where a new socket begins in each of the streams."""

    @abstractmethod
    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        """The streams the socket may follow now. Raises ``CloseSocket`` if it has to close."""

    def prepare(self) -> None:
        super().prepare()
        self.followers: dict[str, Follower] = {}
        self._changing = asyncio.Lock()  # held while streams begin, start again or end
        self._rendered = RenderTimes()
        self._grant: Grant | None = None  # at the last check
        self._run: WatchedRun | None = None
        self._was_member = False

    async def open(self, admission: Admission) -> None:
        followed = admission.streams
        self._was_member = bool(followed)
        position = self._resume_from(len(followed))
        self.node.access.add(self)  # first: with a slow client the beginning may take minutes
        if followed:
            await self._follow(followed, *position)
        else:
            await self.say(hello(stream=self.empty, epoch=None, head=0))

    def heads(self) -> dict[str, int]:
        return {stream: follower.feed.head for stream, follower in self.followers.items()}

    def rendered(self, frame: dict[str, Any]) -> None:
        self._rendered.count(frame, self.followers)

    def slow_stream(self) -> str | None:
        return next(iter(self.followers), None)

    def stop(self) -> None:
        for follower in self.followers.values():
            follower.stop()
        self.node.access.discard(self)

    async def leave(self) -> None:
        for stream in (*self.followers, *self._ending):
            await self._unfollow(stream)

    async def close(self, code: CloseCode, reason: str) -> None:
        if code == CloseCode.COMPLETE and not self.closed:
            try:  # the client may still be reading the last events
                await wait_until_drained(self.writer)
            except TooSlow as error:
                self.failed(error)
                return
        await super().close(code, reason)

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Apply the current grant of the user or API key. Called once a second."""
        if grant is self._grant and run == self._run and not signed_out:
            return  # nothing has changed since the last check
        self._grant, self._run = grant, run
        try:
            if signed_out or (
                self.principal is not None
                and (not grant.active or grant.credential != self.credential)
            ):
                raise CloseSocket(*UNAUTHENTICATED)
            allowed = self.allowed(grant, run)
        except CloseSocket as error:
            self.failed(error)
            return
        for stream in self.followers.keys() - allowed:
            self._drop(stream)
        new = allowed - self.followers.keys()
        is_changing = self._changing.locked()
        if new or is_changing:
            self._grant = None  # checked again: the streams that it follows are not final
        if new and not is_changing:
            self.soon(self._follow(new))

    def stays_member(self, grant: Grant) -> None:
        """Raise ``CloseSocket`` when the user has lost their last membership.

        For a socket that follows all crews of its user. Memberships without crews are fine.
        """
        if self._was_member and not grant.member:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, "Access to every organization was removed.")
        self._was_member = grant.member

    def _resume_from(self, followed: int) -> tuple[int | None, str | None]:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        since = query.get("since", [""])[0]
        if not since or not self.resumable or followed != 1:
            return self.since, None
        return seq_in(since, "since is a whole number."), query.get("epoch", [None])[0]

    async def _follow(
        self, followed: set[str], since: int | None = None, epoch: str | None = None
    ) -> None:
        """Join first, then read where to start, so that no event in between is missed."""
        joined: dict[str, Follower] = {}
        async with self._changing:
            for stream in sorted(followed - self.followers.keys()):
                joined[stream] = self.followers[stream] = await self._join(stream)
            starts = await self._starts(list(joined), since, epoch)
        for stream, start in starts.items():
            async with self._changing:  # one by one: the `gone` of another may come between
                if self.followers.get(stream) is joined[stream] and not self.closed:
                    await self._start(stream, start)

    async def _join(self, stream: str) -> Follower:
        await self.channel_layer.group_add(streams.group(stream), self.channel_name)
        return Follower(
            self.node.feed(stream),
            self.writer,
            self.encoding,
            on_last=self._complete,
            on_reset=lambda reason: self.soon(self._restart(stream, reason)),
            on_failure=self.failed,
            turn=self.turn,
        )

    async def _starts(
        self, followed: list[str], since: int | None, epoch: str | None
    ) -> dict[str, StreamStart]:
        found = await self.node.hub.positions(*followed)
        positions = {stream: found[stream] for stream in followed}
        resets = {
            stream: position.refuses(since, epoch) if since is not None else None
            for stream, position in positions.items()
        }
        fresh = {s: p for s, p in positions.items() if since is None or resets[s]}
        beginnings = await self.begin(fresh) if fresh else {}
        return {
            stream: StreamStart(
                stream, position, resets[stream], *beginnings.get(stream, (since, []))
            )
            for stream, position in positions.items()
        }

    async def _start(self, stream: str, start: StreamStart) -> None:
        follower = self.followers[stream]
        follower.feed.start(start.position)
        head = {"stream": stream, "epoch": start.position.epoch, "head": start.position.head}
        if start.is_new:
            await self.say(hello(**head, rendered_every_s=self.rendered_every_s))
        if start.reset:
            await self.say(Reset(**head, reason=start.reset))
        for frame in start.frames:
            await self._write_beginning(start, frame)
        if self._follows(stream):
            follower.start(start.seq)
            if start.complete:
                self._complete()

    async def _write_beginning(self, start: StreamStart, frame: str | log.Entry) -> None:
        """Write a frame that begins the stream, unless the stream is taken away meanwhile."""
        is_event = isinstance(frame, log.Entry)
        encoded = self.encoding.event(start, frame) if is_event else self.encoding.control(frame)
        while self._follows(start.stream) and not self.writer.write(encoded):
            await wait_until_drained(self.writer)

    def _follows(self, stream: str) -> bool:
        return stream in self.followers and not self.closed

    def _complete(self) -> None:
        self.node.heartbeat.discard(self)  # nothing comes after the last event
        self.soon(self.close(CloseCode.COMPLETE, "The run is complete."))

    async def _restart(self, stream: str, reason: str) -> None:
        """The position is no longer valid: send a reset, then begin like a new socket."""
        async with self._changing:
            if not self._follows(stream):
                return
            starts = await self._starts([stream], None, None)
            if self._follows(stream):
                start = replace(starts[stream], reset=reason, is_new=False)
                await self._start(stream, start)

    def _drop(self, stream: str) -> None:
        """Send no event of the stream any more, and ``gone`` as soon as the client takes it."""
        self.followers.pop(stream).stop()
        self._ending |= {stream}
        self.soon(self._say_gone(stream))

    async def _say_gone(self, stream: str) -> None:
        async with self._changing:  # a stream that begins needs its feed, so its group
            await self._unfollow(stream)
            await self.say(Gone(stream=stream))

    async def _unfollow(self, stream: str) -> None:
        if follower := self.followers.pop(stream, None):
            follower.stop()
        self._ending -= {stream}
        await self.channel_layer.group_discard(streams.group(stream), self.channel_name)


def log_ids(crew_id: UUID, organization_id: int) -> dict[str, str]:
    """Ids for log lines of a socket of that crew, like ``Crew.log_ids``."""
    return {"crew_id": str(crew_id), "organization_id": str(organization_id)}
