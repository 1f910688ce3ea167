"""A run over HTTP as events of AG-UI, for ``HttpAgent`` of ``@ag-ui/client``.

The response is an event stream as in `realtime.sockets.sse`: the same credentials, limits and
checks. Each reader has a mapping of its own, because AG-UI's events depend on those before.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from realtime.agui import resume
from realtime.agui.client_history import ClientHistory
from realtime.agui.mapping import AguiEvent, AguiRun, encoded, failure
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.delivery.run_follower import EVENTS_AT_ONCE, Frames, RunFollower
from realtime.delivery.stuck_readers import wait_until_drained
from realtime.delivery.threads import in_thread
from realtime.log import streams
from realtime.replay import merging
from realtime.replay.merging import ReplayPosition
from realtime.replay.pages import read
from realtime.servers.writer import Frame as Encoded
from realtime.sockets.consumer import Admission
from realtime.sockets.run import RunConsumer
from realtime.sockets.sse import EventStreamConsumer
from runs.models import Run

BODY_BYTES = 1024 * 1024  # of a RunAgentInput: it holds the client's whole conversation
BODY_S = 60.0  # seconds, for the whole body
RESET = {
    "epoch_changed": "An older backup was restored. Connect again.",
    "pruned": "Events that were not sent yet have been deleted. Connect again.",
    "ahead": "The log is not the one that was read so far. Connect again.",
}


class AguiEvents(EventStreamConsumer, RunConsumer):
    """``/agui/runs/{run_id}``: the run from its ``boot`` on, as one AG-UI run.

    A ``POST`` ends when tool calls wait for approval (RUN_FINISHED with the outcome ``interrupt``),
    and another one with ``resume`` continues there. A ``GET`` cannot answer: it ends with the
    run.
    """

    kind = "agui_run"
    methods = ("GET", "POST")
    resumable = False  # from the middle of a run: AG-UI has no positions

    def prepare(self) -> None:
        super().prepare()
        self._body = bytearray()
        self._too_late: asyncio.TimerHandle | None = None
        self._unsent: Encoded | None = None  # taken, but the connection was full
        self._ended = False  # whether the last event was written

    async def take_body(self, message: dict[str, Any]) -> bool:
        if self.scope["method"] == "GET":
            return True  # the body of a GET is not read
        self._body += message.get("body", b"")
        if len(self._body) > BODY_BYTES:
            self._body.clear()
            detail = f"The body of the request is too large: {BODY_BYTES} bytes are allowed."
            await self._refuse_body(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
            return False
        if message.get("more_body"):
            if self._too_late is None:
                loop = asyncio.get_running_loop()
                self._too_late = loop.call_later(BODY_S, lambda: self.soon(self._slow_body()))
            return False
        self._stop_waiting()
        return True

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        admission = super().admit(grant, run)
        assert run is not None  # else it was refused
        self._of = Run(pk=self.run_id, crew_id=run.crew_id)
        self._mapping = AguiRun(str(self.run_id), str(run.crew_id))
        self._mapping.texts = run.crew_id in grant.crews
        return Admission(admission.streams | self._graph(), admission.log_ids)

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        allowed = super().allowed(grant, run)
        # As on the page of a shared run, the texts of models are for members.
        self._mapping.texts = self._of.crew_id in grant.crews
        return allowed | self._graph()

    async def open(self, admission: Admission) -> None:
        try:
            resumption, self._mapping.known = resume.parse(bytes(self._body))
            self._body.clear()
            if resumption:
                host = (self.scope.get("client") or [""])[0]
                answers = resumption.answers
                await in_thread(resume.decide, self.principal, host, self.run_id, answers)
        except resume.ResumeError as error:
            await self.refuse(error.status, error.code, error.detail)
            return
        follower = RunFollower(self._of, self)
        for stream in sorted(admission.streams):
            await self.channel_layer.group_add(streams.group(stream), self.channel_name)
            self.followers[stream] = follower.join(self.node.feed(stream))
        positions = await self.node.hub.positions(*self.followers)
        self.node.access.add(self)
        self.writer.end_of = self._end_of
        await self.put(self.encoding.heartbeat)  # the client sees that it is admitted
        place = await in_thread(merging.beginning, self._of)
        if place is None:
            await self._fail("pruned", "All events of this run have been deleted.")
            return
        if resumption:
            place = await self._skip(place, resumption)
        if not self.closed:
            follower.start(place, positions)

    # The methods that the follower calls.

    def receive(self, frames: Frames) -> bool:
        return self._write([event for frame in frames for event in self._mapping.apply(frame)])

    async def drained(self) -> None:
        frame, self._unsent = self._unsent, None
        if frame is not None:
            await self.put(frame)
        else:
            await wait_until_drained(self.writer)

    def caught_up(self, place: ReplayPosition) -> None:
        self._mapping.known = ClientHistory()  # the client has none of the next events
        if self._mapping.done:
            events = self._mapping.end()
        elif self.scope["method"] == "POST" and self._mapping.pending:
            events = self._mapping.interrupt(f"{place.run_seq}:{place.graph_seq}")
        else:
            return
        for side in self.followers.values():
            side.stop()
        self.soon(self._finish(events))

    def was_reset(self, reason: str) -> None:
        self.soon(self._fail(reason, RESET[reason]))

    async def _skip(self, place: ReplayPosition, resumption: resume.Resumption) -> ReplayPosition:
        """Map the events that the client got before the interrupt, and begin its next AG-UI run."""
        names = (streams.run(self.run_id), streams.graph(self._of.crew_id))
        ends = dict(zip(names, resumption[1:], strict=True))
        page_slots = self.followers[names[0]].feed.page_slots
        while True:
            async with page_slots:
                page = await in_thread(read, self._of, place, None, ends)
            if isinstance(page, str):
                await self._fail(page, RESET[page])
                return place
            for number, logged in enumerate(page.events, start=1):
                if logged.frame is not None:
                    self._mapping.apply(logged.frame)
                place = logged.place
                if number % EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if page.is_last:
                break
        run_id = f"{self.run_id}:{place.run_seq}:{place.graph_seq}"
        answered = {str(answer.approval_id) for answer in resumption.answers}
        self._write(self._mapping.resume(run_id, answered))
        return place

    def _write(self, events: list[AguiEvent]) -> bool:
        if not events:
            return True
        frame = self.encoding.several(encoded(events))
        if self._unsent is None and self.writer.write(frame):
            return True
        self._unsent = frame if self._unsent is None else self._unsent + frame
        return False

    async def _finish(self, events: list[AguiEvent]) -> None:
        await self.drained()
        await self.put(self.encoding.several(encoded(events)))
        self._ended = True
        await self.close(CloseCode.COMPLETE, "The run is complete.")

    async def _fail(self, code: str, message: str) -> None:
        await self._finish([failure(code, message)])

    def _end_of(self, code: int, reason: str) -> str:
        """The last text of the response if the server ends it."""
        if self._ended:
            return ""
        (text,) = encoded([failure(CloseCode(code).name.lower(), reason)])
        return f"data: {text}\n\n"

    def _graph(self) -> set[str]:
        return {streams.graph(self._of.crew_id)}

    async def _slow_body(self) -> None:
        detail = f"The body of the request did not come within {BODY_S:g} s."
        await self._refuse_body(HTTPStatus.REQUEST_TIMEOUT, "too_slow", detail)

    async def _refuse_body(self, status: HTTPStatus, code: str, detail: str) -> None:
        self._stop_waiting()
        await self.refuse(status, code, detail)

    def _stop_waiting(self) -> None:
        if self._too_late:
            self._too_late.cancel()
            self._too_late = None

    async def leave(self) -> None:
        self._stop_waiting()
        await super().leave()
