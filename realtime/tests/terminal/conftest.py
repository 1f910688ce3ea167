"""Watching a run in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from realtime.tests.terminal.terminal_user import TerminalUser, at_terminal
from runs.models import Run
from tests.live import Web


@pytest.fixture
def watch(web: Web) -> Iterator[Callable[..., TerminalUser]]:
    """Watches a run as a user, in a terminal of its own."""
    with ExitStack() as terminals:

        def watch(run: Run, user: str = "acme-operator", *more: str, **options) -> TerminalUser:
            command = ["watch", "run", str(run.pk), f"--user={user}", *more]
            url = f"--url=ws://127.0.0.1:{web.port}"
            return terminals.enter_context(at_terminal(*command, url, **options))

        yield watch
