"""The base classes of all kinds of events."""

from typing import ClassVar, Literal

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What happened to a crew. ``seq`` and ``timestamp`` are assigned by the log."""

    stream: ClassVar[Literal["run", "graph", "mission"]]
    crew_id: str

    @property
    def type(self) -> str:
        """The kind's name on the wire."""
        return self.__struct_config__.tag


class RunEvent(Event, frozen=True, kw_only=True):
    """An event of one run, on the run's stream."""

    stream = "run"
    run_id: str
