"""Names of the streams, their Redis channels and their Channels groups. Nothing else knows them."""

from uuid import UUID

KINDS = ("run", "graph", "mission")


def run(run_id: UUID | str) -> str:
    return f"run:{run_id}"


def graph(crew_id: UUID | str) -> str:
    return f"graph:{crew_id}"


def mission(crew_id: UUID | str) -> str:
    return f"mission:{crew_id}"


def is_stream(channel: str) -> bool:
    """Whether this Redis channel is a stream's."""
    return channel.partition(":")[0] in KINDS


def group(stream: str) -> str:
    """The Channels group of a stream; group names allow no colon."""
    return stream.replace(":", ".", 1)


def of_group(group: str) -> str | None:
    """The stream whose group this is; ``None`` for any other group."""
    kind, dot, _ = group.partition(".")
    return group.replace(".", ":", 1) if dot and kind in KINDS else None
