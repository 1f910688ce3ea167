"""Chooses the lanes of a timeline if there are more than fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LANES_AT_MOST = 20  # with more agents, LANES_OF_MANY are shown: those at work, then recent ones
LANES_OF_MANY = 10


@dataclass(frozen=True, slots=True)
class Lanes:
    """``shown`` are agent ids in the plan's order. ``page`` is ``None`` for the lanes at work."""

    shown: tuple[str, ...]
    count: int  # of all lanes
    page: int | None = None

    @property
    def are_all(self) -> bool:
        return len(self.shown) == self.count

    @property
    def page_count(self) -> int:
        return -(-self.count // LANES_AT_MOST)

    @property
    def first(self) -> int:
        """The number of the first lane on this page, from 1."""
        return ((self.page or 1) - 1) * LANES_AT_MOST + 1

    @property
    def last(self) -> int:
        return self.first + len(self.shown) - 1


def chosen_lanes(
    agents: Sequence[str], recent: Iterable[tuple[str, str]], page: int | None = None
) -> Lanes:
    """Return all lanes if they are few, else a page of them, else those at work and recent ones.

    ``recent`` are the agents and statuses of tasks, the newest first.
    """
    if len(agents) <= LANES_AT_MOST:
        return Lanes(tuple(agents), len(agents))
    if page is not None:
        page = min(max(page, 1), -(-len(agents) // LANES_AT_MOST))
        begin = (page - 1) * LANES_AT_MOST
        return Lanes(tuple(agents[begin : begin + LANES_AT_MOST]), len(agents), page)
    at_work = sorted(recent, key=lambda task: task[1] != "running")
    order = dict.fromkeys([*(agent for agent, _ in at_work), *agents])
    chosen = set(list(order)[:LANES_OF_MANY])
    return Lanes(tuple(agent for agent in agents if agent in chosen), len(agents))
