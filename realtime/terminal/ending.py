"""Lets a command undo what it did to the terminal when a signal ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """In the block these signals raise ``SystemExit``, with the status that a shell would show."""
    wanted = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in wanted:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in wanted:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
