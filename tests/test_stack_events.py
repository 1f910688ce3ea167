"""What the supervisor does when a process starts, and at the end of a maintenance."""

from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest
from supervisor.states import ProcessStates, SupervisorStates

from crewops import stale_processes
from crewops.stack import Options


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), psutil.NoSuchProcess(1)])
def test_a_process_that_cannot_be_recorded_ends_no_supervisor(monkeypatch, error):
    """Its other processes would go on without it."""
    monkeypatch.setattr(stale_processes, "note", Mock(side_effect=error))
    options = SimpleNamespace(_groups={}, logger=Mock())
    process = Mock(pid=1)
    Options._started(options, Mock(process=process))
    assert list(options._groups.values()) == [process.group]
    assert "is not recorded in stack.json" in options.logger.error.call_args.args[0]


@pytest.mark.parametrize(
    ("state", "started"),
    [
        (ProcessStates.STOPPED, True),
        (ProcessStates.FATAL, True),  # it waited for its next start when the maintenance began
        (ProcessStates.RUNNING, False),
        (ProcessStates.BACKOFF, False),
    ],
)
def test_after_a_maintenance_all_that_it_stopped_starts_again(state, started):
    process = Mock()
    process.get_state.return_value = state
    groups = {"worker": Mock(processes={"worker": process})}
    Options._maintain(SimpleNamespace(mood=SupervisorStates.RUNNING, _groups=groups), Mock())
    assert process.spawn.called == started
