"""Threads of the scheduler besides its sweep. Apps above `runs` register theirs when they load."""

from collections.abc import Callable
from typing import Protocol


class Background(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None:
        """End soon. The process does not wait for longer than a few seconds."""


_registered: list[Callable[[], Background]] = []


def register(make: Callable[[], Background]) -> None:
    _registered.append(make)


def all_of_them() -> list[Background]:
    return [make() for make in _registered]
