"""What one client has received of one stream, and what is wrong with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgpack

from tests.chaos.forms import Frame


def read(frame: Frame) -> dict[str, Any]:
    """What the frame says: text is JSON, bytes are MessagePack."""
    return json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)


@dataclass
class Transcript:
    """The events of ``stream`` as they came, over all connections of a client that resumes.

    ``named``: each event names its stream, as on a socket for several.
    """

    stream: str
    named: bool = False
    epoch: str | None = None
    events: list[Frame] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def position(self) -> int:
        return len(self.events)

    def add(self, received: Frame) -> float | None:
        """A frame. An event that is not the next one is a fault, as is any ``reset``.

        The time the event was made at, where it is the next one; seconds since the epoch.
        """
        frame = read(received)
        if frame["type"] == "hello":
            if self.epoch not in (None, frame["epoch"]):
                self.faults.append(f"epoch {frame['epoch']} after {self.epoch}")
            self.epoch = frame["epoch"]
        elif "seq" in frame and frame["type"] != "snapshot":
            if frame["seq"] == self.position + 1:
                self.events.append(received)
                self.done = frame["type"] == "done"
                return datetime.fromisoformat(frame["timestamp"]).timestamp()
            else:
                self.faults.append(f"seq {frame['seq']} after {self.position}")
        elif frame["type"] != "ping":
            self.faults.append(f"{received}"[:200])
        return None

    def differs_from(self, logged: Sequence[str]) -> str | None:
        """How it differs from the log; ``None`` where it is exactly 1..N as logged."""
        if self.faults:
            return f"{self.stream}: {'; '.join(self.faults[:5])}"
        if self.position != len(logged):
            return f"{self.stream}: ends at {self.position} of {len(logged)}"
        pairs = enumerate(zip(self.events, logged, strict=True), start=1)
        wrong = [seq for seq, (received, text) in pairs if not self._is(received, text)]
        return f"{self.stream}: not as logged: {wrong[:5]}" if wrong else None

    def _is(self, received: Frame, logged: str) -> bool:
        """JSON is the log's byte for byte; the other forms say the same."""
        if isinstance(received, str) and not self.named:
            return received == logged
        expected = json.loads(logged)
        if isinstance(received, bytes) and "output" in expected:
            expected["output"] = expected["output"].encode()
        if self.named:
            expected["stream"] = self.stream
        return read(received) == expected
