"""Names of streams, of their Redis channels and of their Channels groups, defined only here."""

from uuid import UUID

from realtime.stream_kinds import STREAM_KINDS
from runs.events.kinds import Event


def run(run_id: UUID | str) -> str:
    return f"run:{run_id}"


def graph(crew_id: UUID | str) -> str:
    return f"graph:{crew_id}"


def mission(crew_id: UUID | str) -> str:
    return f"mission:{crew_id}"


def of(event: Event) -> str:
    """The stream that the event belongs to."""
    return run(event.run_id) if event.stream == "run" else f"{event.stream}:{event.crew_id}"


def is_stream(channel: str) -> bool:
    """Whether this Redis channel belongs to a stream."""
    return channel.partition(":")[0] in STREAM_KINDS


def group(stream: str) -> str:
    """The Channels group of a stream. A group name must not contain a colon."""
    return stream.replace(":", ".", 1)


def of_group(group: str) -> str | None:
    """The stream whose group this is; ``None`` for any other group."""
    kind, dot, _ = group.partition(".")
    return group.replace(".", ":", 1) if dot and kind in STREAM_KINDS else None
