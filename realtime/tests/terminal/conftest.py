"""Watching a run in a terminal."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from realtime.terminal.ending import ENDING
from realtime.tests.terminal.terminal_user import TerminalUser, at_terminal
from runs.models import Run
from tests.live import Web


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    """The signals do what they do by default, here and in commands that a test starts.

    Under ``nohup`` and in the background of a script, some are ignored and stay so.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def watch(web: Web) -> Iterator[Callable[..., TerminalUser]]:
    """Watches a run as a user, in a terminal of its own."""
    with ExitStack() as terminals:

        def watch(run: Run, user: str = "acme-operator", *more: str, **options) -> TerminalUser:
            command = ["watch", "run", str(run.pk), f"--user={user}", *more]
            url = f"--url=ws://127.0.0.1:{web.port}"
            return terminals.enter_context(at_terminal(*command, url, **options))

        yield watch
