"""What one client has received of one stream, and what is wrong with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Transcript:
    """The events of ``stream`` as they came, over all connections of a client that resumes."""

    stream: str
    epoch: str | None = None
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def position(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> float | None:
        """A frame. An event that is not the next one is a fault, as is any ``reset``.

        The time the event was made at, where it is the next one; seconds since the epoch.
        """
        frame = json.loads(text)
        if frame["type"] == "hello":
            if self.epoch not in (None, frame["epoch"]):
                self.faults.append(f"epoch {frame['epoch']} after {self.epoch}")
            self.epoch = frame["epoch"]
        elif "seq" in frame and frame["type"] != "snapshot":
            if frame["seq"] == self.position + 1:
                self.texts.append(text)
                self.done = frame["type"] == "done"
                return datetime.fromisoformat(frame["timestamp"]).timestamp()
            else:
                self.faults.append(f"seq {frame['seq']} after {self.position}")
        elif frame["type"] != "ping":
            self.faults.append(text[:200])
        return None

    def differs_from(self, logged: Sequence[str]) -> str | None:
        """How it differs from the log; ``None`` where it is exactly 1..N, byte for byte."""
        if self.faults:
            return f"{self.stream}: {'; '.join(self.faults[:5])}"
        if self.position != len(logged):
            return f"{self.stream}: ends at {self.position} of {len(logged)}"
        pairs = enumerate(zip(self.texts, logged, strict=True), start=1)
        wrong = [seq for seq, (received, text) in pairs if received != text]
        return f"{self.stream}: not as logged: {wrong[:5]}" if wrong else None
